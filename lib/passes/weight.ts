import type { Builder } from '../graph/builder.ts'
import type { Graph, Node, Value } from '../graph/graph.ts'
import type { Tensor } from '../graph/tensor.ts'
import { labelOf, type Report } from './pass.ts'

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

/** Whether a node is a layer with a weight. */
export const hasWeight = (node: Node): boolean => weightIndex(node) !== null

/** A parameter's numbers in a form that is not trained; they count as parameters still. */
export function inOtherForm(builder: Builder, parameter: Value, tensor: Tensor, form: string): Value {
  const stored = builder.graph.constant(tensor, `${parameter.name}_${form}`)
  stored.frozen = parameter.trainable || parameter.frozen
  return stored
}

/** Which layers a pass is for. */
export interface Selection {
  /** Names of the layers to take; all by default. */
  include?: readonly string[]
  /** Names of layers to leave as they are. */
  exclude?: readonly string[]
}

/**
 * The chosen layers of a graph, of those that meet a condition. Those of branches and loops are refused: what is around them does not know whether, or how often, they run.
 * @throws Error where a name is that of no layer.
 */
export function chosenLayers(pass: string, graph: Graph, isLayer: (node: Node) => boolean, selection: Selection, report: Report): readonly Node[] {
  return selected(pass, graph.allNodes().filter(isLayer), selection).filter((layer) => {
    if (layer.graph !== graph) report.refuse(layer, isInside(layer))
    return layer.graph === graph
  })
}

/** Why a layer of a branch or a loop is refused. */
export const isInside = (layer: Node): string => `it is inside ${layer.graph.parent}, and only what runs unconditionally, and once, can be changed so`

/** Those that are meant. @throws Error where a name is that of no layer. */
export function selected(pass: string, layers: readonly Node[], { include, exclude = [] }: Selection): readonly Node[] {
  const names = layers.map(labelOf)
  const unknown = [...(include ?? []), ...exclude].find((name) => !names.includes(name))
  if (unknown !== undefined) throw new Error(`${pass}: there is no layer "${unknown}" with a weight; there ${names.length ? `are ${names.join(', ')}` : 'is none'}`)
  return layers.filter((layer) => (!include || include.includes(labelOf(layer))) && !exclude.includes(labelOf(layer)))
}

/** How a weight is laid out: the place of the element with which output `o` reads input channel `c` at kernel position `k`. Channels stand equally far apart. */
export interface WeightLayout {
  readonly outputs: number
  readonly positions: number
  readonly channels: number
  readonly at: (o: number, k: number, c: number) => number
}

/** Of a layer's weight of a given shape; a batch of matrices counts as more outputs. `index` says which of the layer's inputs it is. */
export function layoutOf(layer: Node, index: number, shape: readonly number[]): WeightLayout {
  const [first = 1, second = 1, ...kernel] = shape
  const positions = kernel.reduce((a, b) => a * b, 1)
  if (layer.type === 'ConvTranspose') return { outputs: second, positions, channels: first, at: (o, k, c) => (c * second + o) * positions + k }
  if (layer.type !== 'Gemm' && layer.type !== 'MatMul') return { outputs: first, positions, channels: second, at: (o, k, c) => (o * second + c) * positions + k }
  const byRow = layer.type === 'Gemm' ? layer.int('transB') === 1 : index === 0
  const [rows, columns] = [shape.at(-2) ?? 1, shape.at(-1) ?? 1]
  const matrices = shape.slice(0, -2).reduce((a, b) => a * b, 1)
  if (byRow) return { outputs: matrices * rows, positions: 1, channels: columns, at: (o, _, c) => o * columns + c }
  return { outputs: matrices * columns, positions: 1, channels: rows, at: (o, _, c) => (Math.floor(o / columns) * rows + c) * columns + (o % columns) }
}
