import { bytesOf, readsOf } from '../graph/cost.ts'
import { add, subtract, type Dim } from '../graph/dim.ts'
import type { Graph, Node, Value } from '../graph/graph.ts'

/** Operators whose output is their input under another shape: a runtime computes nothing and stores nothing anew. */
const VIEWS = new Set(['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Identity', 'Dropout'])

/**
 * Bytes of the computed values that are alive while each node runs: from the node that makes a value to the last that reads it, or to the end for an
 * output. The graph's inputs and its weights are not among them; what a subgraph holds inside is not either.
 * @param nodes in the order in which they run.
 */
export function liveBytes(graph: Graph, nodes: readonly Node[] = graph.nodes()): Map<Node, Dim> {
  const storage = storages(nodes)
  const lastRead = new Map<Value, number>()
  nodes.forEach((node, at) => readsOf(node).forEach((value) => storage.has(value) && lastRead.set(storage.get(value)!, at)))
  for (const output of graph.outputs) if (storage.has(output)) lastRead.set(storage.get(output)!, nodes.length)

  const dying = nodes.map((): Value[] => [])
  for (const [value, at] of lastRead) dying[at]?.push(value)
  const size = ({ dtype, shape }: Value) => bytesOf(dtype, shape)
  let alive: Dim = 0
  return new Map(nodes.map((node, at) => {
    const made = node.outputs.filter((output) => output.name && storage.get(output) === output)
    const most = add(alive, ...made.map(size))
    const freed = [...dying[at], ...made.filter((output) => !lastRead.has(output))]
    alive = freed.reduce((rest: Dim, value) => subtract(rest, size(value)), most)
    return [node, most]
  }))
}

/** The value whose bytes each computed value has: its own, or those that it is a view of. Views of inputs and weights have none. */
export function storages(nodes: readonly Node[]): Map<Value, Value> {
  const storage = new Map<Value, Value>()
  for (const node of nodes) {
    if (node.type === 'Constant') continue
    const source = node.inputs[0]
    for (const [i, output] of node.outputs.entries()) {
      if (i > 0 || !VIEWS.has(node.type) || !source) storage.set(output, output)
      else if (storage.has(source)) storage.set(output, storage.get(source)!)
    }
  }
  return storage
}
