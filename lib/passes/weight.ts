import type { Node } from '../graph/graph.ts'
import { labelOf } from './pass.ts'

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

/** Which layers a pass is for. */
export interface Selection {
  /** Names of the layers to take; all by default. */
  include?: readonly string[]
  /** Names of layers to leave as they are. */
  exclude?: readonly string[]
}

/** @throws Error where a name is that of no layer. */
export function chosenLayers(pass: string, layers: readonly Node[], { include, exclude = [] }: Selection): readonly Node[] {
  const names = layers.map(labelOf)
  const unknown = [...(include ?? []), ...exclude].find((name) => !names.includes(name))
  if (unknown !== undefined) throw new Error(`${pass}: there is no layer "${unknown}" with a weight; there ${names.length ? `are ${names.join(', ')}` : 'is none'}`)
  return layers.filter((layer) => (!include || include.includes(labelOf(layer))) && !exclude.includes(labelOf(layer)))
}
