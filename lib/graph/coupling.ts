import { Builder } from './builder.ts'
import type { Graph, Value } from './graph.ts'
import { inferShapes } from './infer.ts'
import type { Link, Port } from './operator.ts'
import { operatorOf } from './ops/index.ts'

/** Axes that lose entries together, each with the entries that it loses. */
export type Coupled = ReadonlyMap<Value, ReadonlyMap<number, ReadonlySet<number>>>

/**
 * Everything that must go where `entries` of one axis go: follows what each operator's file says about its axes through the graph, in both directions,
 * until nothing more is touched.
 * @throws Error naming the node or value that forbids the removal.
 */
export function coupled(port: Port, entries: readonly number[]): Coupled {
  const removed = new Map<Value, Map<number, Set<number>>>()
  const queue: { port: Port; entries: readonly number[] }[] = [{ port, entries }]
  for (let step = queue.pop(); step; step = queue.pop()) {
    const { value, axis } = step.port
    const axes = removed.get(value) ?? new Map<number, Set<number>>()
    const known = axes.get(axis) ?? new Set<number>()
    const fresh = step.entries.filter((i) => !known.has(i))
    if (!fresh.length) continue
    removed.set(value, axes.set(axis, new Set([...known, ...fresh])))
    forbid(value, axis, axes.get(axis)!.size)
    for (const link of linksOf(value)) {
      if (link.a.value === value && link.a.axis === axis) queue.push({ port: link.b, entries: link.forward(fresh) })
      if (link.b.value === value && link.b.axis === axis) queue.push({ port: link.a, entries: link.backward(fresh) })
    }
  }
  return removed
}

function forbid(value: Value, axis: number, count: number): void {
  if (!value.producer && !value.initializer) throw new Error(`axis ${axis} of the input "${value}" hangs together with it`)
  if (value.isOutput) throw new Error(`axis ${axis} of the output "${value}" hangs together with it`)
  if (value.shape?.[axis] === count) throw new Error(`nothing would be left of axis ${axis} of "${value}"`)
}

function linksOf(value: Value): readonly Link[] {
  return [...new Set([...value.users, ...(value.producer ? [value.producer] : [])])].flatMap((node) => {
    const rule = operatorOf(node)?.coupling
    if (!rule || node.graph !== value.graph) throw new Error(`${node} does not say how the axes of "${value}" hang together`)
    return rule(node)
  })
}

/** Removes entries of axes, in place: attributes follow, stored tensors are cut, shapes are inferred anew. @throws Error naming a node that cannot follow. */
export function removeEntries(graph: Graph, removal: Coupled): void {
  const builder = new Builder(graph)
  const kept = ({ value, axis }: Port) => {
    const extent = value.shape?.[axis]
    if (typeof extent !== 'number') throw new Error(`the size of axis ${axis} of "${value}" is not known`)
    return Array.from({ length: extent }, (_, i) => i).filter((i) => !removal.get(value)?.get(axis)?.has(i))
  }
  const nodes = new Set([...removal.keys()].flatMap((value) => [...value.users, ...(value.producer ? [value.producer] : [])]))
  for (const node of nodes) operatorOf(node)?.resized?.(node, kept, builder)
  for (const [value, axes] of removal) {
    if (!value.initializer) continue
    value.initializer = [...axes.keys()].reduce((tensor, axis) => tensor.take(axis, kept({ value, axis })), value.initializer)
    value.shape = value.initializer.shape
  }
  for (const node of graph.allNodes()) for (const output of node.outputs) Object.assign(output, { shape: null, contents: null })
  graph.sort()
  inferShapes(graph)
}
