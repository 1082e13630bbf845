import type { Node, Value } from '../graph/graph.ts'
import type { Port } from '../graph/operator.ts'
import { originOf } from './neighbours.ts'
import { weightIndex } from './weight.ts'

/** The channels (filters, neurons, hidden units, embedding dimensions) that a layer computes. */
export interface Channels {
  readonly layer: Node
  /** The axis of the layer's output that counts them. */
  readonly output: Port
  /** The axes of its weights whose entries compute a channel each. */
  readonly weights: readonly Port[]
}

/** The channels of a node; null where it computes none from stored weights. */
export function channelsOf(node: Node): Channels | null {
  const value = node.outputs[0]
  const rank = value?.shape?.length ?? 0
  const made = (axis: number, weights: readonly (readonly [input: number, axis: number])[]): Channels | null => {
    const ports = weights.flatMap(([i, axis]) => (node.inputs[i]?.constant ? [{ value: node.inputs[i], axis }] : []))
    return value && ports.length === weights.length ? { layer: node, output: { value, axis }, weights: ports } : null
  }
  switch (node.type) {
    case 'Conv':
    case 'FusedConv':
      return made(1, [[1, 0]])
    case 'ConvTranspose':
      // [inputs, outputs of a group, ...]: where each group reads one input, it is that which its outputs hang together with
      return made(1, [[1, node.int('group', 1) > 1 && node.inputs[1]?.shape?.[0] === node.int('group') ? 0 : 1]])
    case 'Gemm':
      return made(1, [[1, node.int('transB') ? 0 : 1]])
    case 'MatMul': {
      const operand = weightIndex(node)
      const depth = operand === null ? 0 : (node.inputs[operand]!.shape?.length ?? 0)
      return depth === 2 && rank >= 2 ? (operand ? made(rank - 1, [[1, 1]]) : made(rank - 2, [[0, 0]])) : null
    }
    case 'LSTM':
    case 'GRU':
    case 'RNN':
      return made(3, [[1, 1], [2, 1]])
    case 'Gather':
      return node.int('axis') === 0 && node.inputs[0]?.constant && node.inputs[0].shape?.length === 2 ? made(rank - 1, [[0, 1]]) : null
    default:
      return null
  }
}

/** Layers whose weights are integers. */
const INTEGER: ReadonlySet<string> = new Set(['QLinearConv', 'QLinearMatMul', 'QGemm', 'ConvInteger', 'MatMulInteger', 'MatMulIntegerToFloat', 'MatMulNBits', 'DynamicQuantizeLSTM'])

/** The inputs that hold the weights of layers with channels. */
const WEIGHTS: Readonly<Record<string, readonly number[]>> = {
  Conv: [1], FusedConv: [1], ConvTranspose: [1], Gemm: [1], MatMul: [0, 1], LSTM: [1, 2], GRU: [1, 2], RNN: [1, 2],
}

/** Why a layer's channels cannot be judged; null for nodes that are no layer, and for those whose weights are stored as they are. */
export function hiddenChannels(node: Node): string | null {
  if (INTEGER.has(node.type)) return 'its weight is stored as integers: prune channels before quantizing'
  if (channelsOf(node)) return null
  const weight = WEIGHTS[node.type]?.map((i) => node.inputs[i]).find((value) => value && !value.constant && isStored(value))
  if (!weight) return null
  if (weight.producer) return `its weight is computed by ${originOf(weight)}: ${weight.producer.type === 'Transpose' ? '' : 'prune channels before quantizing and the like, or '}apply foldConstants first`
  return `its weight "${weight}" is an input with a default, which whoever runs the network may override`
}

/** Whether a value depends on stored tensors alone, within the few steps that a weight in another form takes. */
function isStored({ initializer, producer }: Value, steps = 8): boolean {
  return initializer !== null || (producer !== null && steps > 0 && producer.inputs.every((input) => !input || isStored(input, steps - 1)))
}
