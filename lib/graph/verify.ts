import { differs, formatShape } from './dim.ts'
import { Graph, Node, type Value } from './graph.ts'
import { operatorOf } from './ops/index.ts'

/**
 * Checks that a graph can be run: every value read is an input, an initializer, or computed before, here or in an enclosing graph; names are single;
 * uses and inputs agree; the operator sets of all domains are named; each operator's shape rule accepts its inputs, and agrees with the shapes that stand there.
 * @throws Error naming the first node or value that is wrong.
 */
export function verify(graph: Graph): Graph {
  verifyScope(graph, new Set(), new Set())
  return graph
}

function verifyScope(graph: Graph, outside: ReadonlySet<Value>, names: ReadonlySet<string>): void {
  const visible = new Set(outside)
  const taken = new Set(names)
  const define = (value: Value) => {
    if (value.name && taken.has(value.name)) throw new Error(`two values of graph "${graph.name}" are called "${value.name}"`)
    if (value.name) taken.add(value.name)
    visible.add(value)
  }
  for (const value of new Set([...graph.inputs, ...graph.initializers])) define(value)
  for (const node of graph.nodes()) {
    node.inputs.forEach((value, i) => {
      if (!value) return
      if (!visible.has(value)) throw new Error(`${node} reads "${value}", which nothing before it computes`)
      if (!value.uses.some((use) => use.user === node && use.index === i)) throw new Error(`"${value}" does not know that ${node} reads it`)
    })
    for (const subgraph of node.subgraphs) {
      if (subgraph.parent !== node) throw new Error(`the graph "${subgraph.name}" does not know that it belongs to ${node}`)
      verifyScope(subgraph, visible, taken)
    }
    verifyTypes(node)
    for (const output of node.outputs) define(output)
  }
  graph.outputs.forEach((value) => {
    if (!visible.has(value)) throw new Error(`the output "${value}" of graph "${graph.name}" is computed by nothing`)
    if (!value.uses.some((use) => use.user === graph)) throw new Error(`"${value}" does not know that it is an output of "${graph.name}"`)
  })
  for (const value of visible)
    for (const { user } of value.graph === graph ? value.uses : []) if (!isPartOf(user, graph)) throw new Error(`"${value}" is read by ${user instanceof Node ? user : user.name}, which is no part of graph "${graph.name}"`)
}

function isPartOf(user: Node | Graph, graph: Graph): boolean {
  for (let at: Graph | null = user instanceof Node ? user.graph : user; at; at = at.outer) if (at === graph) return user instanceof Graph || user.graph.has(user)
  return false
}

function verifyTypes(node: Node): void {
  const rule = operatorOf(node)?.shape
  if (!rule || node.subgraphs.length) return
  let types
  try {
    types = rule(node.inputs.map((value) => value ?? undefined!), node, () => undefined)
  } catch (error) {
    throw new Error(`${node}: ${(error as Error).message}`, { cause: error })
  }
  node.outputs.forEach((output, i) => {
    const type = types[i]
    if (type?.dtype && output.dtype && type.dtype !== output.dtype) throw new Error(`${node}: "${output}" is ${output.dtype}, but its operator gives ${type.dtype}`)
    const shape = type?.shape
    if (shape && output.shape && (shape.length !== output.shape.length || shape.some((d, axis) => differs(d, output.shape![axis]!))))
      throw new Error(`${node}: "${output}" is ${formatShape(output.shape)}, but its operator gives ${formatShape(shape)}`)
  })
}
