import { Graph, type Node, type Value } from '../graph/graph.ts'
import { MICROSOFT } from '../graph/operator.ts'
import { operatorOf } from '../graph/ops/index.ts'
import { sizeOf, type DataType } from '../graph/tensor.ts'
import type { TracedTensor } from './trace.ts'

/** ONNX Runtime's names of element types where they are not ONNX's. */
const TYPES: Readonly<Record<string, DataType>> = { float: 'float32', double: 'float64' }

export function dtypeOf(tensor: TracedTensor | undefined): DataType | null {
  const [name] = Object.keys(tensor ?? {})
  return name === undefined ? null : (TYPES[name] ?? (name as DataType))
}

const shapeOf = (tensor: TracedTensor | undefined): readonly number[] => Object.values(tensor ?? {})[0] ?? []

/** Which input is the weight, of operators that multiply by one; the first input is the other factor. */
const CONVOLUTIONS: Readonly<Record<string, number>> = { Conv: 1, FusedConv: 1, NhwcFusedConv: 1, ConvInteger: 1, QLinearConv: 3 }
const PRODUCTS: Readonly<Record<string, number>> = {
  MatMul: 1, FusedMatMul: 1, Gemm: 1, FusedGemm: 1, MatMulInteger: 1, DynamicQuantizeMatMul: 1, MatMulIntegerToFloat: 1, QLinearMatMul: 3, QGemm: 3,
}

/**
 * Floating-point operations of one executed kernel (two for a multiply-add; integer operators count alike), from the shapes that it really saw. Null
 * where the operator is not known, or its window is not: `origin` is the node of the model that it stands for, where one does.
 */
export function flopsOf(type: string, inputs: readonly TracedTensor[], outputs: readonly TracedTensor[], origin: Node | undefined): number | null {
  const [x, y] = [shapeOf(inputs[0]), shapeOf(outputs[0])]
  if (type in CONVOLUTIONS) return 2 * sizeOf(y) * sizeOf(shapeOf(inputs[CONVOLUTIONS[type]]).slice(1))
  if (type in PRODUCTS) return 2 * sizeOf(y) * innerLength(x, shapeOf(inputs[PRODUCTS[type]]), y)
  return byRule(type, inputs, origin)
}

/** Length of the axis that a matrix product sums over; either factor may be transposed. */
function innerLength(a: readonly number[], b: readonly number[], y: readonly number[]): number {
  if (a.length === 1 || b.length === 1) return (a.length === 1 ? a : b)[0]
  return (a.at(-1)! * a.at(-2)!) / (b.length > 1 ? y.at(-2)! : y.at(-1)!)
}

/** ONNX Runtime's own operators that only move what they read. */
const MOVES = /^Reorder(Input|Output)$|^Memcpy/
/** Operators whose cost cannot be told without their attributes. */
const WINDOWED = /Pool$|^ConvTranspose$|^LSTM$|^GRU$/

/** By the operator's own rule, applied to a node with the traced inputs. */
function byRule(type: string, inputs: readonly TracedTensor[], origin: Node | undefined): number | null {
  if (MOVES.test(type)) return 0
  if (!origin && WINDOWED.test(type) && !type.startsWith('Global')) return null
  const graph = new Graph('traced')
  const values: Value[] = inputs.map((tensor, i) => graph.input(`x${i}`, dtypeOf(tensor), shapeOf(tensor)))
  for (const domain of origin ? [origin.domain] : ['', MICROSOFT]) {
    const node = graph.add(type, values, origin?.attributes ?? {}, { domain })
    const rule = operatorOf(node)
    if (!rule) continue
    try {
      const flops = rule.cost?.(values, node).flops ?? 0
      return typeof flops === 'number' ? flops : null
    } catch {
      return null
    }
  }
  return null
}
