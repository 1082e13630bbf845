import { Builder } from './builder.ts'
import type { Graph, Node, Value } from './graph.ts'
import { inferShapes } from './infer.ts'
import { independent, type Link, type Port } from './operator.ts'
import { operatorOf } from './ops/index.ts'
import { vanishes } from './vanish.ts'

/** Axes that lose entries together, each with the entries that it loses. */
export type Coupled = ReadonlyMap<Value, ReadonlyMap<number, ReadonlySet<number>>>

/** One entry of an axis. */
export interface Entry {
  readonly port: Port
  readonly index: number
}

/** Entries that can only go together: a channel of a network, wherever it is stored, computed or read. */
export interface Member {
  /** Those of one axis stand together, and share its port. */
  readonly entries: readonly Entry[]
  /** Why it cannot go; null where it can. */
  readonly refusal: string | null
}

interface Axis {
  readonly port: Port
  readonly extent: number
  /** Where its entries begin among those of all axes. */
  readonly first: number
}

/**
 * How the axes of a graph hang together. Follows what each operator's file says through the graph, in both directions, as far as asked; entries that
 * belong together are merged in a disjoint-set forest, so that every axis is visited once. Valid until the graph changes.
 */
export class Coupling {
  readonly #axes = new Map<Value, Map<number, Axis>>()
  readonly #found: Axis[] = []
  readonly #parents: number[] = []
  #refusals: { readonly entry: number; readonly reason: string }[] = []
  readonly #members = new Map<number, Member>()

  /**
   * What goes with each entry of an axis: one member an entry, the same one for entries that go together.
   * @throws Error where the size of the axis is not known.
   */
  members(port: Port): readonly Member[] {
    const known = this.#found.length
    const axis = this.#visit(port)
    if (!axis) throw new Error(unknownSize(port))
    this.#collect(this.#found.slice(known))
    return Array.from({ length: axis.extent }, (_, i) => this.#members.get(this.#root(axis.first + i))!)
  }

  #visit(start: Port): Axis | null {
    const queue = [start]
    for (let port = queue.pop(); port; port = queue.pop()) {
      if (this.#axes.get(port.value)?.has(port.axis)) continue
      const axis = this.#add(port)
      if (!axis) continue
      for (const node of neighbours(port.value)) {
        for (const { a, b, forward, backward, unlessZero } of this.#links(node, axis)) {
          if (unlessZero && !vanishes(port)) this.#refuse(axis, unlessZero)
          if (isSame(a, port)) queue.push(...this.#join(axis, b, forward))
          if (isSame(b, port)) queue.push(...this.#join(axis, a, backward))
        }
      }
      const held = interfaceOf(port)
      if (held) this.#refuse(axis, held)
    }
    return this.#axes.get(start.value)?.get(start.axis) ?? null
  }

  #add(port: Port): Axis | null {
    const extent = port.value.shape?.[port.axis]
    if (typeof extent !== 'number') return null
    const axis = { port, extent, first: this.#parents.length }
    for (let i = 0; i < extent; i++) this.#parents.push(axis.first + i)
    this.#axes.set(port.value, (this.#axes.get(port.value) ?? new Map()).set(port.axis, axis))
    this.#found.push(axis)
    return axis
  }

  /** What a node's rule says about an axis. An axis that it does not speak of can lose nothing. */
  #links(node: Node, { port, extent, first }: Axis): readonly Link[] {
    const rule = operatorOf(node)?.coupling
    if (rule === independent) return []
    try {
      if (!rule || node.graph !== port.value.graph) throw new Error(`${node} does not say how the axes of "${port.value}" hang together`)
      const links = rule(node).filter(({ a, b }) => isSame(a, port) || isSame(b, port))
      if (!links.length && extent > 1) throw new Error(`${node} does not say what axis ${port.axis} of "${port.value}" hangs together with`)
      return links
    } catch (error) {
      this.#refuse({ port, extent, first }, (error as Error).message)
      return []
    }
  }

  /** Merges entries of an axis with those that a link says they stand for, where the other axis is known; else asks for it to be visited, which merges from there. */
  #join(axis: Axis, other: Port, partners: (entries: readonly number[]) => readonly number[]): readonly Port[] {
    const to = this.#axes.get(other.value)?.get(other.axis)
    try {
      for (let i = 0; i < axis.extent; i++) {
        const found = partners([i])
        if (to) for (const j of found) this.#parents[this.#root(to.first + j)] = this.#root(axis.first + i)
        else if (typeof other.value.shape?.[other.axis] !== 'number' && found.length) throw new Error(unknownSize(other))
      }
    } catch (error) {
      this.#refuse(axis, (error as Error).message)
      return []
    }
    return to ? [] : [other]
  }

  #refuse({ first, extent }: Axis, reason: string): void {
    for (let i = 0; i < extent; i++) this.#refusals.push({ entry: first + i, reason })
  }

  #root(entry: number): number {
    const parents = this.#parents
    while (parents[entry] !== entry) entry = parents[entry] = parents[parents[entry]!]!
    return entry
  }

  /** Makes members of the axes that were just found: nothing found before hangs together with them. */
  #collect(axes: readonly Axis[]): void {
    const members = new Map<number, { entries: Entry[]; refusal: string | null }>()
    for (const { port, extent, first } of axes) {
      for (let index = 0; index < extent; index++) {
        const root = this.#root(first + index)
        const member = members.get(root) ?? { entries: [], refusal: null }
        if (!member.entries.length) members.set(root, member)
        member.entries.push({ port, index })
      }
    }
    for (const { entry, reason } of this.#refusals) members.get(this.#root(entry))!.refusal ??= reason
    this.#refusals = []
    for (const [root, member] of members) this.#members.set(root, member)
  }
}

/** The entries of one axis in a removal, to add to. */
function entriesOf(removal: Map<Value, Map<number, Set<number>>>, { value, axis }: Port): Set<number> {
  const axes = removal.get(value) ?? new Map<number, Set<number>>()
  removal.set(value, axes)
  const entries = axes.get(axis) ?? new Set()
  axes.set(axis, entries)
  return entries
}

export const isSame = (a: Port, b: Port): boolean => a.value === b.value && a.axis === b.axis
const unknownSize = ({ value, axis }: Port): string => `the size of axis ${axis} of "${value}" is not known`
const neighbours = (value: Value): ReadonlySet<Node> => new Set([...value.users, ...(value.producer ? [value.producer] : [])])

/** Why an axis that the outside sees cannot change. */
function interfaceOf({ value, axis }: Port): string | null {
  if (!value.producer && !value.initializer) return `axis ${axis} of the network's input "${value}" is tied to it, and inputs stay as they are`
  return value.isOutput ? `axis ${axis} of the network's output "${value}" is tied to it, and outputs stay as they are` : null
}

/** All that goes with some members. */
export function union(members: Iterable<Member>): Coupled {
  const all = new Map<Value, Map<number, Set<number>>>()
  for (const { entries } of members) for (const { port, index } of entries) entriesOf(all, port).add(index)
  return all
}

/** The axis of which a removal leaves nothing; null where something is left of each. */
export function emptied(removal: Coupled): Port | null {
  for (const [value, axes] of removal) for (const [axis, gone] of axes) if (gone.size === value.shape?.[axis]) return { value, axis }
  return null
}

/**
 * Everything that must go where `entries` of one axis go.
 * @throws Error naming the node or value that forbids the removal.
 */
export function coupled(port: Port, entries: readonly number[]): Coupled {
  const all = new Coupling().members(port)
  const members = entries.map((i) => all[i]!)
  const refused = members.find(({ refusal }) => refusal)
  if (refused) throw new Error(refused.refusal!)
  const removal = union(members)
  const empty = emptied(removal)
  if (empty) throw new Error(`nothing would be left of axis ${empty.axis} of "${empty.value}"`)
  return removal
}

/** Removes entries of axes, in place: attributes follow, stored tensors are cut, shapes are inferred anew. @throws Error naming a node that cannot follow. */
export function removeEntries(graph: Graph, removal: Coupled): void {
  const builder = new Builder(graph)
  const kept = ({ value, axis }: Port) => {
    const extent = value.shape?.[axis]
    if (typeof extent !== 'number') throw new Error(unknownSize({ value, axis }))
    const gone = removal.get(value)?.get(axis)
    return Array.from({ length: extent }, (_, i) => i).filter((i) => !gone?.has(i))
  }
  const touched = new Set([...removal.keys()].flatMap((value) => [...neighbours(value)]))
  // from the outputs on: what a rule puts behind a node is not yet there when the nodes behind it are asked
  for (const node of graph.nodes().toReversed()) {
    if (!touched.has(node)) continue
    try {
      operatorOf(node)?.resized?.(node, kept, builder)
    } catch (error) {
      throw new Error(`${node}: ${(error as Error).message}`, { cause: error })
    }
  }
  for (const [value, axes] of removal) {
    if (!value.initializer) continue
    // the first axis first: what is left for the others is less, and lies in longer pieces
    value.initializer = [...axes.keys()].toSorted((a, b) => a - b).reduce((tensor, axis) => tensor.take(axis, kept({ value, axis })), value.initializer)
    value.shape = value.initializer.shape
  }
  // what no shape rule reaches keeps the shape that the file declares
  for (const node of graph.allNodes())
    for (const value of node.outputs) Object.assign(value, { contents: null, shape: value.shape?.map((d, axis) => (removal.get(value)?.has(axis) ? kept({ value, axis }).length : d)) ?? null })
  graph.sort()
  inferShapes(graph)
}
