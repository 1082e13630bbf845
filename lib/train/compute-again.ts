import { Builder } from '../graph/builder.ts'
import { readsOf } from '../graph/cost.ts'
import { isStatic } from '../graph/dim.ts'
import { copyNode, Graph, Node, type Use, type Value } from '../graph/graph.ts'
import type { ForwardPass } from './forward-pass.ts'

const AGAIN = 'again_'

/** What they compute has a shape that ONNX Runtime knows though that of their input is hidden. */
const SHAPING: ReadonlySet<string> = new Set(['Reshape', 'Expand'])

/**
 * The step with what `kept` does not hold computed again in the backward pass, group by group of nodes that hang together.
 * @returns the graph, and the names of what is computed the second time.
 */
export function computeAgain(forward: ForwardPass, kept: ReadonlySet<Value>): { graph: Graph; again: ReadonlySet<string> } {
  const parts = connected(forward.chain(forward.readByOthers, kept))
  const groups = parts.flatMap((nodes, i) => {
    const signal = forward.signal(nodes, parts.slice(0, i).flat())
    return signal ? [{ nodes, signal }] : []
  })
  const graph = new Graph()
  const map = new Map<Value, Value>()
  forward.step.copyInto(graph, map)
  const first = new Set(forward.nodes.map(({ output }) => map.get(output)!.producer!))
  for (const { nodes, signal } of groups) repeat(graph, nodes, map, map.get(signal)!, first)
  const again = graph.nodes().slice(forward.step.nodes().length).flatMap(({ outputs }) => outputs.map(({ name }) => name))
  graph.sort()
  return { graph, again: new Set(again) }
}

/** Nodes that read one another, apart from those that do not; in the order of their last ones. */
function connected(nodes: readonly Node[]): Node[][] {
  const groupOf = new Map<Node, Set<Node>>()
  for (const node of nodes) {
    const joined = new Set([node])
    for (const { producer } of readsOf(node)) for (const member of (producer && groupOf.get(producer)) ?? []) joined.add(member)
    for (const member of joined) groupOf.set(member, joined)
  }
  return [...new Set(nodes.toReversed().map((node) => groupOf.get(node)!))].reverse().map((group) => nodes.filter((node) => group.has(node)))
}

/** Writes nodes of the source once more, to run after `signal` is there; all but the forward pass reads what they compute. */
function repeat(graph: Graph, nodes: readonly Node[], map: ReadonlyMap<Value, Value>, signal: Value, forward: ReadonlySet<Node>): void {
  const builder = new Builder(graph, AGAIN)
  const axis = zeroAfter(builder, signal)
  const known = new Map<Value, Value>()
  const copies = nodes.map((node) => {
    for (const value of [...node.inputs, ...node.captures]) if (value && !known.has(value)) known.set(value, after(builder, map.get(value)!, axis))
    const copy = copyNode(node, graph, known)
    copy.name = graph.unique(copy.name)
    for (const output of copy.outputs) if (output.name) output.name = graph.unique(output.name)
    if (SHAPING.has(node.type)) known.set(node.output, after(builder, copy.output, axis))
    return copy
  })
  const apart = new Set([...forward, ...copies, ...graph.nodes().filter(({ name }) => name.startsWith(AGAIN))])
  for (const value of nodes.flatMap(({ outputs }) => outputs)) {
    for (const use of map.get(value)!.uses) {
      const user = topOf(use, graph)
      if (user && !apart.has(user)) redirect(use, known.get(value)!)
    }
  }
}

/** [0], which is known only when a value is: ONNX has no other way to say that a node runs after another. */
function zeroAfter(builder: Builder, signal: Value): Value {
  const element = builder.gather(builder.reshape(signal, [-1]), builder.int64([0]))
  return builder.mul(builder.cast(builder.cast(element, 'bool'), 'int64'), builder.int64([0]))
}

/** The same value under another name, to be had when `axis`, the number 0, is there: with an axis more, and without it again. It costs neither time nor memory. */
function after(builder: Builder, value: Value, axis: Value): Value {
  if (value.constant || !value.rank || !isStatic(value.shape)) return value
  const wider = builder.op('Unsqueeze', [value, axis])
  wider.shape = [1, ...value.shape]
  const again = builder.op('Squeeze', [wider, axis])
  again.shape = value.shape
  return again
}

/** The node of this graph that a use belongs to, itself or in a subgraph; null for the graph's own outputs. */
function topOf({ user }: Use, graph: Graph): Node | null {
  if (user instanceof Node) return user.graph === graph ? user : topOf({ user: user.graph, index: 0 }, graph)
  return user === graph ? null : topOf({ user: user.parent!, index: 0 }, graph)
}

function redirect({ user, index }: Use, to: Value): void {
  if (user instanceof Node) user.setInput(index, to)
  else user.setOutput(index, to)
}
