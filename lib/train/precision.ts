import { Builder } from '../graph/builder.ts'
import type { Graph, Node, Value } from '../graph/graph.ts'
import { inferNode } from '../graph/infer.ts'
import { operators } from '../graph/ops/index.ts'
import type { DataType } from '../graph/tensor.ts'
import { requireKnown, requireNumber, requireOneOf, told } from '../require.ts'
import { listDevices, type Device } from '../runtime/devices.ts'
import type { StepState } from './state.ts'

/** What a step computes in; parameters are always kept in float32. */
export type PrecisionName = 'float32' | 'mixed-float16' | 'mixed-bfloat16'

export interface Precision {
  readonly dtype: 'float16' | 'bfloat16'
  /** Operators that compute in 16 bits. */
  readonly allow: readonly string[]
  /** Operators that compute in float32 whatever their inputs are; all others follow their inputs. */
  readonly deny: readonly string[]
  /** Nodes, by name, that stay in float32. */
  readonly keep: RegExp | null
  /** By what the loss is multiplied, so that small gradients do not vanish in float16. */
  readonly lossScale: 'dynamic' | number
}

/** The list of PyTorch's autocast, as far as the operators are the same. https://pytorch.org/docs/stable/amp.html#cuda-op-specific-behavior */
const ALLOW = ['Conv', 'ConvTranspose', 'Gemm', 'MatMul']
const DENY = [
  'Acos', 'Asin', 'Cosh', 'Erf', 'Exp', 'Log', 'Pow', 'Reciprocal', 'Sinh', 'Tan', 'Softplus', 'Softmax', 'LogSoftmax', 'CumSum', 'ReduceProd', 'ReduceSum', 'ReduceMean', 'ReduceL1', 'ReduceL2',
  'ReduceLogSumExp', 'ReduceSumSquare', 'BatchNormTrain', 'LayerNormalization', 'InstanceNormalization', 'GroupNormalization', 'LRN', 'LpNormalization', 'LstmTrain', 'GruTrain', 'RnnTrain', 'DropoutTrain', 'Scan', 'Loop', 'If',
]

/**
 * Mixed precision: convolutions and matrix products in 16 bits, the rest where it is safe. Micikevicius et al. 2018, https://arxiv.org/abs/1710.03740
 * @param options `allow` and `deny` change the place of single operators: the others stay on PyTorch's lists.
 * @throws RangeError where there is no such type or operator, one is in both lists, or the loss scale is out of its bounds.
 */
export function mixed(dtype: 'float16' | 'bfloat16', options: Partial<Omit<Precision, 'dtype'>> = {}): Precision {
  requireKnown('mixed', options, { allow: true, deny: true, keep: true, lossScale: true })
  const { allow = [], deny = [], keep = null, lossScale = dtype === 'float16' ? 'dynamic' : 1 } = options
  requireOneOf('mixed: its type', dtype, ['float16', 'bfloat16'])
  if (lossScale !== 'dynamic') requireNumber("mixed: lossScale, if not 'dynamic',", lossScale, { above: 0 })
  if (keep !== null && !(keep instanceof RegExp)) throw new TypeError(`mixed: keep is a pattern of nodes' names such as /^conv1/, not ${told(keep)}`)
  const unknown = [...allow, ...deny].find((type) => !operators.some((operator) => operator.type === type))
  if (unknown !== undefined) throw new RangeError(`mixed: there is no operator ${told(unknown)}: allow and deny take ONNX's names, such as Conv`)
  const twice = allow.find((type) => deny.includes(type))
  if (twice !== undefined) throw new RangeError(`mixed: ${twice} is in both lists: it computes in 16 bits (allow), or in float32 (deny)`)
  const moved = (list: readonly string[], here: readonly string[], there: readonly string[]) => [...new Set([...list.filter((type) => !there.includes(type)), ...here])]
  return { dtype, allow: moved(ALLOW, allow, deny), deny: moved(DENY, deny, allow), keep, lossScale }
}

/** @throws RangeError where there is no precision of that name. */
export function precisionOf(precision: PrecisionName | Precision): Precision | null {
  if (typeof precision === 'object') return precision
  if (precision === 'float32') return null
  const dtype = /^mixed-(float16|bfloat16)$/.exec(precision)?.[1]
  if (!dtype) throw new RangeError(`there is no precision "${String(precision)}": choose float32, mixed-float16, mixed-bfloat16`)
  return mixed(dtype as 'float16' | 'bfloat16')
}

/**
 * Casts inside a network, in place, so that each node computes in its precision, and the outputs are float32.
 * @throws RangeError where no node has a name that is to be kept.
 */
export function autocast(graph: Graph, { dtype, allow, deny, keep }: Precision): void {
  const isKept = ({ name }: Node) => keep !== null && name.search(keep) >= 0
  if (keep && !graph.nodes().some(isKept)) {
    const names = graph.nodes().filter(({ type }) => allow.includes(type)).map(({ name }) => name)
    throw new RangeError(`mixed: keep ${keep} is the name of no node of ${graph.name}. In 16 bits compute ${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}.`)
  }
  const builder = new Builder(graph, 'cast_')
  const casts = new Map<Value, Map<DataType, Value>>()
  const as = (value: Value, wanted: DataType): Value => {
    if (value.dtype === wanted) return value
    const known = casts.get(value) ?? new Map<DataType, Value>()
    const cast = known.get(wanted) ?? builder.cast(value, wanted)
    casts.set(value, known.set(wanted, cast))
    return cast
  }
  const isMixed = (value: Value | null): value is Value => value !== null && (value.dtype === 'float32' || value.dtype === dtype)
  for (const node of graph.nodes()) {
    const inputs = node.inputs.filter(isMixed)
    if (!inputs.length) continue
    const wanted = typeOf(node, inputs)
    node.inputs.forEach((value, i) => isMixed(value) && node.setInput(i, as(value, wanted)))
    inferNode(node)
  }
  graph.outputs.forEach((value, i) => isMixed(value) && graph.setOutput(i, as(value, 'float32')))
  graph.sort()

  /** Without a list's word, a node that reads anything in 16 bits computes so too, unless what it reads beside is a float32 activation. */
  function typeOf(node: Node, inputs: readonly Value[]): DataType {
    if (isKept(node) || deny.includes(node.type) || node.subgraphs.length) return 'float32'
    if (allow.includes(node.type)) return dtype
    const activations = inputs.filter((value) => !value.constant)
    return activations.length && activations.every((value) => value.dtype === dtype) ? dtype : 'float32'
  }
}

/** By what a loss is multiplied, and how that changes. */
export interface LossScale {
  readonly value: Value
  /** Writes what becomes of the scale, and counts the steps that were skipped (state `skipped`), given whether all gradients were finite. */
  move(finite: Value): void
}

/** Names of the state of a dynamic loss scale, and of the count of skipped steps. */
export const LOSS_SCALE = 'loss_scale'
export const SKIPPED = 'skipped'

/** As PyTorch's GradScaler: halved where a gradient is not finite, doubled after so many steps without. */
const FIRST_SCALE = 65536
const GROWTH_INTERVAL = 2000

export function lossScale(builder: Builder, state: StepState, scale: 'dynamic' | number): LossScale {
  const value = scale === 'dynamic' ? state.number(LOSS_SCALE, FIRST_SCALE) : builder.scalar(scale, 'float32')
  return {
    value,
    move(finite) {
      const one = builder.scalar(1, 'float32')
      const zero = builder.scalar(0, 'float32')
      const skipped = state.number(SKIPPED, 0)
      state.set(skipped, builder.add(skipped, builder.op('Where', [finite, zero, one])))
      if (scale !== 'dynamic') return
      const good = state.number('steps_since_skipped', 0)
      const more = builder.add(good, 1)
      const grows = builder.op('GreaterOrEqual', [more, builder.scalar(GROWTH_INTERVAL, 'float32')])
      state.set(good, builder.op('Where', [builder.op('And', [finite, builder.op('Not', [grows])]), more, zero]))
      const factor = builder.op('Where', [finite, builder.op('Where', [grows, builder.scalar(2, 'float32'), one]), builder.scalar(0.5, 'float32')])
      state.set(value, builder.mul(value, factor))
    },
  }
}

/** @throws Error where a device cannot compute in the type. */
export async function checkDevice({ dtype }: Precision, device: Device): Promise<void> {
  if (dtype === 'bfloat16' && device !== 'cuda')
    throw new Error(`mixed-bfloat16 is not possible on ${device}: ONNX Runtime has bfloat16 kernels for CUDA only. Take mixed-float16, or float32.`)
  if (device === 'cpu') return
  const state = (await listDevices()).find((known) => known.device === device)
  if (dtype === 'float16' && !state?.float16)
    throw new Error(`mixed-float16 is not possible on ${device}: this one (${state?.description}) has no 16-bit floats. Take float32.`)
}
