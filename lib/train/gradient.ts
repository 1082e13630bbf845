import { Builder } from '../graph/builder.ts'
import type { Graph, Node, Value } from '../graph/graph.ts'
import { operatorOf } from '../graph/ops/index.ts'
import { isFloat } from '../graph/tensor.ts'

/**
 * Reverse-mode differentiation: adds to the graph the nodes that compute the gradient of `loss` (a scalar) with respect to each of `wrt`, by what each
 * operator's file says. A value that the loss does not depend on has the gradient zero.
 * @returns the gradients, in the order of `wrt`.
 * @throws Error naming a node on the path whose operator is not differentiable, also where it makes integers of what it reads, as ArgMax does, if no other path is left.
 */
export function gradients(graph: Graph, loss: Value, wrt: readonly Value[]): Map<Value, Value> {
  const forward = graph.nodes()
  const needed = dependents(forward, wrt)
  const builder = new Builder(graph, 'd_')
  const arrived = new Map<Value, Value[]>([[loss, [builder.scalar(1, loss.dtype)]]])
  /** The sum of what arrived at a value. */
  const total = (value: Value): Value | undefined => {
    const parts = arrived.get(value)
    if (!parts?.length) return undefined
    const sum = parts.reduce((a, b) => builder.add(a, b))
    arrived.set(value, [sum])
    return sum
  }
  for (const node of forward.toReversed()) {
    if (!node.outputs.some((output) => arrived.has(output)) || !readBy(node).some((value) => needed.has(value))) continue
    const rule = operatorOf(node)?.gradient
    if (!rule) throw notDifferentiable(node, nearest(node, wrt))
    const results = named(node, () => rule({
      graph: builder, node,
      inputs: node.inputs.map((value) => value ?? undefined!),
      outputs: node.outputs,
      gradients: node.outputs.map((output) => total(output)!),
      wants: (i) => needed.has(node.inputs[i]!),
    }))
    results.forEach((gradient, i) => {
      const input = node.inputs[i]
      if (gradient && input && needed.has(input)) arrived.set(input, [...(arrived.get(input) ?? []), gradient])
    })
  }
  const unreached = wrt.filter((value) => !arrived.has(value))
  const sources = unreached.length ? sourcesOf(loss) : new Set<Value>()
  for (const value of unreached) {
    const last = end(forward, value, sources, arrived)
    if (last) throw notDifferentiable(last, `"${value}"`)
  }
  return new Map(wrt.map((value) => [value, total(value) ?? zeros(builder, value)]))
}

const notDifferentiable = (node: Node, parameter: string): Error =>
  new Error(`${node} is not differentiable, and lies between ${parameter} and the loss: freeze what stands before it (model.freeze), or take another operator`)

/** All values that one depends on, itself included. */
export function sourcesOf(value: Value): ReadonlySet<Value> {
  const found = new Set([value])
  for (const { producer } of found) if (producer) for (const read of readBy(producer)) found.add(read)
  return found
}

/** The first node on the way from a value to the loss that let no gradient through; null where the loss depends on the value's sizes alone, or not at all. */
function end(forward: readonly Node[], value: Value, sources: ReadonlySet<Value>, arrived: ReadonlyMap<Value, unknown>): Node | null {
  const dependent = dependents(forward, [value])
  return forward.find((node) => {
    const onTheWay = node.outputs.filter((output) => sources.has(output))
    return onTheWay.length && !OF_SIZES.has(node.type) && readBy(node).some((read) => dependent.has(read)) && onTheWay.every((output) => !dependent.has(output) || arrived.has(output))
  }) ?? null
}

/** What these compute is independent of their inputs' elements. */
const OF_SIZES: ReadonlySet<string> = new Set(['Shape', 'Size'])

/** Float values that depend on one of `wrt`. */
function dependents(nodes: readonly Node[], wrt: readonly Value[]): ReadonlySet<Value> {
  const needed = new Set(wrt)
  for (const node of nodes)
    if (readBy(node).some((value) => needed.has(value)))
      for (const output of node.outputs) if (output.dtype === null || isFloat(output.dtype)) needed.add(output)
  return needed
}

/** What the node and its subgraphs read. */
function readBy(node: Node): Value[] {
  return [...node.inputs.filter((value) => value !== null), ...node.captures]
}

/** Names the node in what its rule has to say. */
function named<T>(node: Node, rule: () => T): T {
  try {
    return rule()
  } catch (error) {
    throw new Error(`${node}: ${(error as Error).message}`, { cause: error })
  }
}

/** The one of `wrt` that the node depends on, for the message. */
function nearest(node: Node, wrt: readonly Value[]): string {
  const seen = new Set<Value>()
  const queue = readBy(node)
  for (let value = queue.shift(); value; value = queue.shift()) {
    if (wrt.includes(value)) return `"${value}"`
    if (seen.has(value)) continue
    seen.add(value)
    if (value.producer) queue.push(...readBy(value.producer))
  }
  return 'a parameter'
}

function zeros(builder: Builder, value: Value): Value {
  return builder.op('Expand', [builder.scalar(0, value.dtype), builder.shapeOf(value)])
}
