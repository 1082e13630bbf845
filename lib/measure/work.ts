import { isStatic } from '../graph/dim.ts'
import { Graph, type Node } from '../graph/graph.ts'
import { MICROSOFT } from '../graph/operator.ts'
import { operatorOf } from '../graph/ops/index.ts'
import { byteLength, sizeOf, type DataType } from '../graph/tensor.ts'
import type { TracedTensor, TraceEvent } from './trace.ts'

/** ONNX Runtime's names of element types where they are not ONNX's. */
const TYPES: Readonly<Record<string, DataType>> = { float: 'float32', double: 'float64' }

export function dtypeOf(tensor: TracedTensor | undefined): DataType | null {
  const [name] = Object.keys(tensor ?? {})
  return name === undefined ? null : (TYPES[name] ?? (name as DataType))
}

const shapeOf = (tensor: TracedTensor | undefined): readonly number[] => Object.values(tensor ?? {})[0] ?? []

/** Which input is the weight of a convolution; the first is what it slides over. */
const CONVOLUTIONS: Readonly<Record<string, number>> = { Conv: 1, FusedConv: 1, NhwcFusedConv: 1, ConvInteger: 1, QLinearConv: 3 }
const PRODUCTS = new Set(['MatMul', 'FusedMatMul', 'Gemm', 'FusedGemm', 'MatMulInteger', 'DynamicQuantizeMatMul', 'MatMulIntegerToFloat', 'QLinearMatMul', 'QGemm'])

/**
 * Floating-point operations of one executed kernel (two for a multiply-add; integer operators count alike), from the shapes that it really saw. Null
 * where the operator is not known, or its window is not.
 * @param origin the node of the model that it stands for, where one does: ONNX Runtime does not trace weights that it has packed for itself.
 */
export function flopsOf(type: string, inputs: readonly TracedTensor[], outputs: readonly TracedTensor[], origin: Node | undefined): number | null {
  const [x, y] = [shapeOf(inputs[0]), shapeOf(outputs[0])]
  if (type in CONVOLUTIONS) {
    const weight = kernelShape(shapeOf(inputs[CONVOLUTIONS[type]]), origin)
    return weight && 2 * sizeOf(y) * sizeOf(weight.slice(1))
  }
  if (PRODUCTS.has(type)) return 2 * sizeOf(y) * innerLength(x, y)
  return byRule(type, inputs, origin?.type === type ? origin : undefined)
}

/** Bytes that one executed kernel reads and writes; of a table, what it takes of it. */
export function bytesOf(type: string, { input_type_shape: [table] = [], activation_size: read, parameter_size: weights, output_size: written }: TraceEvent['args'], origin: Node | undefined): number {
  const output = Number(written ?? 0)
  const all = Number(read ?? 0) + Math.max(Number(weights ?? 0), origin ? weightBytes(origin) : 0) + output
  const dtype = dtypeOf(table)
  return type === 'Gather' && dtype ? all - Math.max(0, byteLength(dtype, sizeOf(shapeOf(table))) - output) : all
}

/** Bytes of the weights that a node reads. */
function weightBytes(node: Node): number {
  return node.inputs.reduce((sum, value) => sum + (value?.constant?.bytes.byteLength ?? 0), 0)
}

/** Operators that do the same work in different forms. */
export function familyOf(type: string): string {
  const family = /Conv|Gemm|MatMul|LSTM|GRU|Attention/.exec(type)?.[0] ?? type
  return family === 'Gemm' ? 'MatMul' : family
}

/** A convolution's weight has a channel axis and at least one that it slides along. */
function kernelShape(traced: readonly number[], origin: Node | undefined): readonly number[] | null {
  if (traced.length > 2) return traced
  const known = origin?.inputs[CONVOLUTIONS[origin.type]]?.shape ?? null
  return isStatic(known) ? known : null
}

/** Length of the axis that a matrix product sums over; the first factor may be transposed. */
function innerLength(a: readonly number[], y: readonly number[]): number {
  return a.length === 1 || a.length > y.length ? a.at(-1)! : (a.at(-1)! * a.at(-2)!) / y.at(-2)!
}

/** ONNX Runtime's own operators that only move what they read. */
const MOVES = /^Reorder(Input|Output)$|^Memcpy/
/** Operators whose cost cannot be told without their attributes. */
const WINDOWED = /Pool$|^ConvTranspose$|^LSTM$|^GRU$/

/** What was traced of a node's inputs, at their places: weights that the runtime packed for itself are not among them, and stand as they are stored. */
function aligned(traced: readonly TracedTensor[], { inputs }: Node): (TracedTensor | null)[] {
  const left = [...traced]
  return inputs.map((input) => {
    if (!input) return null
    const stored = input.constant && { [input.constant.dtype]: input.constant.shape }
    if (!stored || (left[0] && dtypeOf(left[0]) === input.constant!.dtype && String(shapeOf(left[0])) === String(input.constant!.shape))) return left.shift() ?? null
    return stored
  })
}

/** By the operator's own rule, applied to a node with the traced inputs. */
function byRule(type: string, inputs: readonly TracedTensor[], origin: Node | undefined): number | null {
  if (MOVES.test(type)) return 0
  if (!origin && WINDOWED.test(type) && !type.startsWith('Global')) return null
  const graph = new Graph('traced')
  const values = (origin ? aligned(inputs, origin) : inputs).map((tensor, i) => tensor && graph.input(`x${i}`, dtypeOf(tensor), shapeOf(tensor)))
  for (const domain of origin ? [origin.domain] : ['', MICROSOFT]) {
    const node = graph.add(type, values, origin?.attributes ?? {}, { domain })
    const rule = operatorOf(node)
    if (!rule) continue
    try {
      const flops = rule.cost?.(values.map((value) => value ?? undefined!), node).flops ?? 0
      return typeof flops === 'number' ? flops : null
    } catch {
      return null
    }
  }
  return null
}
