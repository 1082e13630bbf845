import { Builder } from './builder.ts'
import { Graph, Node, type Value } from './graph.ts'
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

/**
 * Removes entries of axes, in place: stored tensors are cut, attributes follow, shapes are inferred anew.
 * @throws Error where a value that would have to shrink is neither computed nor stored.
 */
export function removeEntries(graph: Graph, removal: Coupled): void {
  const nodes = new Set<Node>()
  const before = new Map<Value, Value['shape']>()
  for (const [value, axes] of removal) {
    before.set(value, value.shape)
    for (const node of [...value.users, ...(value.producer ? [value.producer] : [])]) nodes.add(node)
    if (!value.initializer) continue
    for (const [axis, entries] of axes) {
      const kept = Array.from({ length: value.initializer.shape[axis] ?? 0 }, (_, i) => i).filter((i) => !entries.has(i))
      value.initializer = value.initializer.take(axis, kept)
    }
    value.shape = value.initializer.shape
  }
  const extent = ({ value, axis }: Port) => Number(before.get(value)?.[axis] ?? value.shape?.[axis]) - (removal.get(value)?.get(axis)?.size ?? 0)
  for (const node of nodes) operatorOf(node)?.resized?.(node, extent, new Builder(graph))
  for (const node of graph.allNodes()) for (const output of node.outputs) Object.assign(output, { shape: null, contents: null })
  inferShapes(graph)
}
