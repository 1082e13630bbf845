import type { Node } from '../graph/graph.ts'

/** Which input of a layer is its weight; null for nodes that have none. Of a MatMul it is the operand that is stored, the second where both are. */
export function weightIndex(node: Node): number | null {
  switch (node.type) {
    case 'Conv':
    case 'ConvTranspose':
    case 'FusedConv':
    case 'Gemm':
      return 1
    case 'MatMul':
      return node.inputs[1]?.constant ? 1 : node.inputs[0]?.constant ? 0 : null
    default:
      return null
  }
}
