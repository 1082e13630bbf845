import type { Node } from '../graph/graph.ts'
import { weightIndex } from './weight.ts'

/** A weight of a layer as a matrix, and the axis of it that counts its columns: what the layer reads, or an embedding's dimensions. */
export interface Matrix {
  /** Which input of the layer it is. */
  readonly index: number
  readonly axis: number
}

/** The matrices of a node, as PyTorch has them with the columns on axis 1; none where it has no weight. */
export function matricesOf(node: Node): readonly Matrix[] {
  switch (node.type) {
    case 'Conv':
    case 'FusedConv':
      return [{ index: 1, axis: 1 }]
    case 'ConvTranspose':
      return [{ index: 1, axis: 0 }]
    case 'Gemm':
      return [{ index: 1, axis: node.int('transB') ? 1 : 0 }]
    case 'MatMul': {
      const index = weightIndex(node)
      const rank = index === null ? 0 : (node.inputs[index]!.shape?.length ?? 0)
      return rank >= 2 ? [{ index: index!, axis: index ? rank - 2 : rank - 1 }] : []
    }
    case 'LSTM':
    case 'GRU':
    case 'RNN':
      return [{ index: 1, axis: 2 }, { index: 2, axis: 2 }]
    case 'Gather':
      return isEmbedding(node) ? [{ index: 0, axis: 1 }] : []
    default:
      return []
  }
}

/** Whether a node looks up rows of a stored table. */
export function isEmbedding(node: Node): boolean {
  return node.type === 'Gather' && node.int('axis') === 0 && node.inputs[0]?.initializer?.shape.length === 2
}
