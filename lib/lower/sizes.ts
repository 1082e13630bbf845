import { substitute } from '../graph/dim.ts'
import type { Graph } from '../graph/graph.ts'
import { inferShapes } from '../graph/infer.ts'

/** Gives numbers to the symbols in a graph's shapes: `{ N: 64 }`. Others stay. */
export function withSizes(graph: Graph, sizes: Readonly<Record<string, number>>): Graph {
  for (const input of graph.inputs) input.shape = input.shape?.map((dim) => substitute(dim, sizes)) ?? null
  for (const node of graph.nodes()) for (const output of node.outputs) Object.assign(output, { shape: null, contents: null })
  return inferShapes(graph)
}
