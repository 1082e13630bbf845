import { bytesOf, readsOf } from '../graph/cost.ts'
import { isStatic } from '../graph/dim.ts'
import type { Graph, Node, Value } from '../graph/graph.ts'
import { storages } from '../measure/liveness.ts'
import { executionOrder } from './execution-order.ts'

/** Values smaller than this share of all that the backward pass reads, such as a batch's means, are always kept. */
const SMALL = 0.002

export const sizeOf = ({ dtype, shape }: Value): number => Number(bytesOf(dtype, shape) ?? 0)

/** The forward pass of a training step, and what the rest of the step reads of it. */
export class ForwardPass {
  readonly step: Graph
  /** The nodes that the loss depends on, in order. */
  readonly nodes: readonly Node[]
  /** What the rest reads: values that have memory of their own. */
  readonly saved: ReadonlySet<Value>
  /** Of these, and of all others, what is kept in any case: outputs, and what is too small to matter. */
  readonly always: ReadonlySet<Value>
  readonly #index: ReadonlyMap<Node, number>
  readonly #storage: ReadonlyMap<Value, Value>
  readonly #order: ReadonlyMap<Node, number>
  readonly #reads: ReadonlyMap<Node, readonly Value[]>
  /** How far into the forward pass each node's inputs go back. */
  readonly #reach = new Map<Node, number>()

  constructor(step: Graph) {
    const loss = step.outputs.find(({ name }) => name === 'loss')?.producer
    if (!loss) throw new Error(`${step.name} computes no "loss"`)
    const nodes = step.nodes()
    this.#reads = new Map(nodes.map((node) => [node, readsOf(node)]))
    const found = new Set([loss])
    for (const node of found) for (const { producer } of this.#reads.get(node)!) if (producer && step.has(producer)) found.add(producer)
    this.step = step
    this.nodes = nodes.filter((node) => found.has(node))
    this.#index = new Map(this.nodes.map((node, i) => [node, i]))
    for (const node of nodes) this.#reach.set(node, this.#index.get(node) ?? Math.max(-1, ...this.#reads.get(node)!.map(({ producer }) => (producer && this.#reach.get(producer)) ?? -1)))
    this.#storage = storages(nodes)
    this.#order = new Map(executionOrder(step).map((node, i) => [node, i]))
    this.saved = new Set(this.readByOthers.map((value) => this.#storage.get(value)!))
    const all = [...this.saved].reduce((sum, value) => sum + sizeOf(value), 0)
    const isKept = (value: Value) => value.isOutput || !isStatic(value.shape) || (this.saved.has(value) && sizeOf(value) < SMALL * all)
    this.always = new Set(this.nodes.flatMap(({ outputs }) => outputs.filter((value) => this.#storage.get(value) === value && isKept(value))))
  }

  has(node: Node): boolean {
    return this.#index.has(node)
  }

  /** What the rest reads, and need not be kept. */
  get large(): readonly Value[] {
    return [...this.saved].filter((value) => !this.always.has(value))
  }

  /** Values of the forward pass that the other nodes read. */
  get readByOthers(): readonly Value[] {
    return this.step.nodes().filter((node) => !this.has(node)).flatMap((node) => this.#reads.get(node)!).filter((value) => this.#computes(value))
  }

  /** After each node: the values, with memory of their own, that later nodes read. */
  crossing(): { readonly values: readonly Value[]; readonly bytes: number }[] {
    const last = new Map<Value, number>()
    this.nodes.forEach((node, at) => this.#reads.get(node)!.forEach((value) => this.#computes(value) && last.set(this.#storage.get(value)!, at)))
    const alive = new Set<Value>()
    return this.nodes.map((node, at) => {
      for (const value of node.outputs) if (this.#storage.get(value) === value) alive.add(value)
      for (const value of alive) if ((last.get(value) ?? -1) <= at) alive.delete(value)
      return { values: [...alive], bytes: [...alive].reduce((total, value) => total + sizeOf(value), 0) }
    })
  }

  /** The nodes that must run again to have some values where others are kept, in order. */
  chain(values: readonly Value[], kept: ReadonlySet<Value>): Node[] {
    const nodes = new Set<Node>()
    const visit = (value: Value) => {
      if (this.#computes(value) && !kept.has(this.#storage.get(value)!)) nodes.add(value.producer!)
    }
    values.forEach(visit)
    for (const node of nodes) this.#reads.get(node)!.forEach(visit)
    return [...nodes].sort((a, b) => this.#index.get(a)! - this.#index.get(b)!)
  }

  /**
   * A value that the backward pass computes just before it first needs what some nodes compute, and that depends neither on them nor on `others`: the gradient that
   * arrives there. Null where there is none, as behind the last layers.
   */
  signal(nodes: readonly Node[], others: readonly Node[]): Value | null {
    const last = this.#index.get(nodes.at(-1)!)!
    const [after, apart] = [new Set(nodes), new Set([...nodes, ...others])]
    let signal: Value | null = null
    for (const node of this.step.nodes()) {
      if (this.has(node)) continue
      const isBehind = (some: ReadonlySet<Node>) => this.#reads.get(node)!.some(({ producer }) => producer && some.has(producer))
      if (isBehind(apart)) apart.add(node)
      if (!isBehind(after)) continue
      after.add(node)
      for (const value of node.inputs) {
        const { producer } = value ?? {}
        if (!producer || this.has(producer) || apart.has(producer) || this.#reach.get(producer)! <= last) continue
        const [now, best] = [value!, signal].map((it) => it && { reach: this.#reach.get(it.producer!)!, at: this.#order.get(it.producer!)! })
        if (!best || now!.reach > best.reach || (now!.reach === best.reach && now!.at > best.at)) signal = value!
      }
    }
    return signal
  }

  #computes(value: Value): boolean {
    return value.producer !== null && this.has(value.producer) && this.#storage.has(value)
  }
}
