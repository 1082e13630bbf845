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

/**
 * The places of a weight's elements, a line for each output of the layer: for a convolution by kernel position and then by channel, so that neighbours are
 * channels, as N:M hardware reads them.
 */
export function inputsOf(layer: Node, index: number, shape: readonly number[]): readonly (readonly number[])[] {
  const range = (count: number) => Array.from({ length: count }, (_, i) => i)
  const [first = 0, second = 0, ...kernel] = shape
  if (layer.type === 'Gemm' || layer.type === 'MatMul') {
    const byRow = layer.type === 'Gemm' ? layer.int('transB') === 1 : index === 0
    const [rows, columns] = [shape.at(-2) ?? 1, shape.at(-1) ?? 1]
    const matrices = range(shape.slice(0, -2).reduce((a, b) => a * b, 1))
    return matrices.flatMap((m) => range(byRow ? rows : columns).map((line) => range(byRow ? columns : rows).map((i) => m * rows * columns + (byRow ? line * columns + i : i * columns + line))))
  }
  const positions = kernel.reduce((a, b) => a * b, 1)
  const [outputs, channels] = layer.type === 'ConvTranspose' ? [second, first] : [first, second]
  const place = (o: number, c: number, k: number) => (layer.type === 'ConvTranspose' ? (c * second + o) * positions + k : (o * second + c) * positions + k)
  return range(outputs).map((o) => range(positions).flatMap((k) => range(channels).map((c) => place(o, c, k))))
}
