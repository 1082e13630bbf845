import type { Node } from '../graph/graph.ts'
import type { Port } from '../graph/operator.ts'
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
