import type { Graph, Node } from '../graph/graph.ts'

/**
 * The order in which ONNX Runtime runs a graph: backwards from the nodes that no other reads, the last of them first, and through what a node reads from the
 * last to the first. https://github.com/microsoft/onnxruntime/blob/main/onnxruntime/core/graph/graph_viewer.cc (ReverseDFSFrom)
 */
export function executionOrder(graph: Graph): Node[] {
  const before = producers(graph)
  const stack = endsOf(graph).map((node) => ({ node, isDone: false }))
  const seen = new Set<Node>()
  const order: Node[] = []
  for (let entry = stack.pop(); entry; entry = stack.pop()) {
    const { node, isDone } = entry
    if (isDone) order.push(node)
    if (isDone || seen.has(node)) continue
    seen.add(node)
    stack.push({ node, isDone: true })
    for (const producer of before.get(node)!) if (!seen.has(producer)) stack.push({ node: producer, isDone: false })
  }
  return order
}

/**
 * Lets ONNX Runtime update each parameter as soon as its gradient is there, and so free what that was computed from: of the nodes that no other reads, those with the
 * fewest nodes before them run first. Where parameters outweigh activations this takes more memory than the order in which updates are written, since their new values
 * are there earlier.
 */
export function updateEarly(graph: Graph): Graph {
  const before = producers(graph)
  const ends = new Map(endsOf(graph).map((node) => [node, ancestors(node, before)]))
  graph.arrange([...graph.nodes().filter((node) => !ends.has(node)), ...[...ends.keys()].toSorted((a, b) => ends.get(b)! - ends.get(a)!)])
  return graph
}

/** Nodes that no other reads. */
const endsOf = (graph: Graph): Node[] => graph.nodes().filter((node) => node.outputs.every((output) => !output.users.length))

/** The nodes that each node reads, in the graph's order. */
function producers(graph: Graph): ReadonlyMap<Node, readonly Node[]> {
  const nodes = graph.nodes()
  const index = new Map(nodes.map((node, i) => [node, i]))
  const producersOf = (node: Node) => new Set([...node.inputs, ...node.captures].flatMap((value) => (value?.producer && index.has(value.producer) ? [value.producer] : [])))
  return new Map(nodes.map((node) => [node, [...producersOf(node)].sort((a, b) => index.get(a)! - index.get(b)!)]))
}

/** How many nodes must run before a node. */
function ancestors(node: Node, before: ReadonlyMap<Node, readonly Node[]>): number {
  const seen = new Set<Node>([node])
  for (const known of seen) for (const producer of before.get(known)!) seen.add(producer)
  return seen.size - 1
}
