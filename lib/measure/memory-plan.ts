import { readsOf } from '../graph/cost.ts'
import { isStatic, substitute } from '../graph/dim.ts'
import type { Graph, Node, Value } from '../graph/graph.ts'
import { byteLength, sizeOf, Tensor } from '../graph/tensor.ts'
import { requireOneOf } from '../require.ts'
import { graphOf } from '../runtime/model.ts'
import { OperatorSession, type OperatorOptions } from '../runtime/operators.ts'
import { table, type TableBundle } from '../table.ts'
import { sizeText } from '../units.ts'
import { storages } from './liveness.ts'

export interface PlanOptions {
  /** Whether every value has memory of its own, memory is used again once nothing reads what is in it, or a node may also write over what it reads last ('in-place'). */
  readonly reuse?: 'naive' | 'recycled' | 'in-place'
  /**
   * Which value is placed first, and where: the largest at the lowest place that is free while it lives, or in order of time in the smallest gap that takes it
   * ('greedy-by-size'). Pisarchyk & Lee 2020, https://arxiv.org/abs/2001.03288
   */
  readonly placing?: 'greedy-by-size' | 'best-fit'
}

/** A stretch of the buffer, and the nodes during which it is taken. */
export interface Placement {
  readonly value: Value
  readonly offset: number
  readonly bytes: number
  /** Index of the node that makes it, and of the last that reads it. */
  readonly from: number
  readonly to: number
}

/** Elements begin where any kernel may load a vector of them. */
const ALIGNMENT = 64

/** What may be written over its first input, or over another of the same type and shape, element by element. */
const ELEMENTWISE: ReadonlySet<string> = new Set([
  'Relu', 'LeakyRelu', 'Sigmoid', 'Tanh', 'Clip', 'Elu', 'HardSigmoid', 'HardSwish', 'Exp', 'Log', 'Sqrt', 'Abs', 'Neg', 'Erf', 'Softplus', 'Add', 'Sub', 'Mul', 'Div', 'Max', 'Min', 'BatchNormalization',
])

/** Where each computed value of a graph lies in one buffer. Shows itself as a table; `open` runs the graph in it. */
export class MemoryPlan {
  readonly graph: Graph
  readonly options: Required<PlanOptions>
  readonly placements: readonly Placement[]
  /** Bytes of the buffer. */
  readonly bytes: number
  /** Bytes that are taken at once at most: no buffer can be smaller. */
  readonly lowerBound: number
  readonly #shapes: ReadonlyMap<Value, readonly number[]>
  readonly #storage: ReadonlyMap<Value, Value>

  constructor(graph: Graph, sizes: Readonly<Record<string, number>>, options: Required<PlanOptions>) {
    this.graph = graph
    this.options = options
    this.#shapes = shapesOf(graph, sizes)
    const bytes = (value: Value) => Math.ceil(byteLength(value.dtype!, sizeOf(this.#shapes.get(value)!)) / ALIGNMENT) * ALIGNMENT
    const nodes = graph.nodes()
    this.#storage = options.reuse === 'in-place' ? inPlace(nodes, storages(nodes), bytes) : storages(nodes)
    const lives = livesOf(graph, nodes, this.#storage).map((life) => ({ ...life, bytes: bytes(life.value) }))
    this.placements = options.reuse === 'naive' ? inTurn(lives) : placed(lives, options.placing)
    this.bytes = this.placements.reduce((end, { offset, bytes: size }) => Math.max(end, offset + size), 0)
    this.lowerBound = mostAtOnce(lives, nodes.length)
  }

  /** Loads the graph to be run operator by operator, every output at its place in one buffer. */
  async open(options: Omit<OperatorOptions, 'places'> = {}): Promise<{ readonly session: OperatorSession; readonly buffer: ArrayBuffer }> {
    const buffer = new ArrayBuffer(this.bytes)
    const offsets = new Map(this.placements.map(({ value, offset }) => [value, offset]))
    const places = new Map([...this.#storage].map(([value, holder]) => {
      const shape = this.#shapes.get(value)!
      return [value, Tensor.raw(value.dtype!, shape, new Uint8Array(buffer, offsets.get(holder)!, byteLength(value.dtype!, sizeOf(shape))))] as const
    }))
    return { session: await OperatorSession.create(this.graph, { ...options, places }), buffer }
  }

  table(): TableBundle {
    const { reuse, placing } = this.options
    const caption = `${sizeText(this.bytes)} for ${this.placements.length} values (${reuse === 'naive' ? 'each its own' : `${reuse}, ${placing}`}); at most ${sizeText(this.lowerBound)} are taken at once.`
    const nodes = this.graph.nodes()
    return table([...this.placements].toSorted((a, b) => a.from - b.from), [
      { heading: 'value', cell: ({ value }) => value.name },
      { heading: 'offset', cell: ({ offset }) => offset.toLocaleString('en') },
      { heading: 'bytes', cell: ({ bytes }) => bytes.toLocaleString('en') },
      { heading: 'made by', cell: ({ from }) => nodes[from].name, align: 'left' },
      { heading: 'taken until', cell: ({ to }) => nodes[to]?.name ?? 'the end', align: 'left' },
    ], caption)
  }

  [Symbol.for('Jupyter.display')](): TableBundle {
    return this.table()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.table()['text/plain']
  }
}

/**
 * Plans where the values that a graph computes lie in one buffer, by when each is made and last read.
 *
 * @example const plan = planMemory(net, { N: 1 }, { reuse: 'in-place' }); const { session } = await plan.open(); await session.run(feeds)
 * @throws Error naming a value whose size is not known; RangeError where an option is no such word.
 */
export function planMemory(model: Graph | { readonly graph: Graph }, sizes: Readonly<Record<string, number>> = {}, { reuse = 'recycled', placing = 'greedy-by-size' }: PlanOptions = {}): MemoryPlan {
  requireOneOf('planMemory: reuse', reuse, ['naive', 'recycled', 'in-place'])
  requireOneOf('planMemory: placing', placing, ['greedy-by-size', 'best-fit'])
  return new MemoryPlan(graphOf(model), sizes, { reuse, placing })
}

function shapesOf(graph: Graph, sizes: Readonly<Record<string, number>>): ReadonlyMap<Value, readonly number[]> {
  return new Map(graph.nodes().flatMap((node) => node.outputs.filter(({ name }) => name).map((value) => {
    const shape = value.shape?.map((d) => substitute(d, sizes)) ?? null
    if (!isStatic(shape) || !value.dtype) throw new Error(`the size of "${value}" is not known: give numbers to the symbols of its shape, as in planMemory(model, { N: 1 })`)
    return [value, shape] as const
  })))
}

/** Lets an elementwise node write over an input that it is the last to read. */
function inPlace(nodes: readonly Node[], storage: ReadonlyMap<Value, Value>, bytes: (value: Value) => number): ReadonlyMap<Value, Value> {
  const parents = new Map(storage)
  const holderOf = (value: Value): Value => {
    const parent = parents.get(value)!
    return parent === value ? value : holderOf(parent)
  }
  const lastRead = new Map<Value, number>()
  nodes.forEach((node, at) => readsOf(node).forEach((value) => storage.has(value) && lastRead.set(storage.get(value)!, at)))
  for (const [value, holder] of storage) if (value.isOutput) lastRead.set(holder, nodes.length)
  nodes.forEach((node, at) => {
    const { output } = node
    if (node.domain || !ELEMENTWISE.has(node.type) || parents.get(output) !== output) return
    const dying = node.inputs.find((value) => value && storage.has(value) && lastRead.get(holderOf(value)) === at && value.dtype === output.dtype && String(value.shape) === String(output.shape) && bytes(holderOf(value)) === bytes(output))
    if (!dying) return
    const holder = holderOf(dying)
    parents.set(output, holder)
    lastRead.set(holder, lastRead.get(output) ?? at)
  })
  return new Map([...parents.keys()].map((value) => [value, holderOf(value)]))
}

interface Life {
  readonly value: Value
  readonly from: number
  readonly to: number
}

function livesOf(graph: Graph, nodes: readonly Node[], storage: ReadonlyMap<Value, Value>): Life[] {
  const lives = new Map<Value, { from: number; to: number }>()
  nodes.forEach((node, at) => {
    for (const output of node.outputs) {
      const holder = storage.get(output)
      if (!holder || !output.name) continue
      lives.set(holder, { from: lives.get(holder)?.from ?? at, to: at })
    }
    for (const value of readsOf(node)) {
      const life = storage.has(value) && lives.get(storage.get(value)!)
      if (life) life.to = at
    }
  })
  for (const output of graph.outputs) {
    const life = storage.has(output) && lives.get(storage.get(output)!)
    if (life) life.to = nodes.length
  }
  return [...lives].map(([value, life]) => ({ value, ...life }))
}

type Sized = Life & { readonly bytes: number }

/** Bytes that live at once at most. What the end keeps lives at the last node, too. */
function mostAtOnce(lives: readonly Sized[], count: number): number {
  const change = new Float64Array(count + 2)
  for (const { from, to, bytes } of lives) {
    change[from] += bytes
    change[to + 1] -= bytes
  }
  let [taken, most] = [0, 0]
  for (let at = 0; at < count; at++) most = Math.max(most, (taken += change[at]))
  return most
}

function inTurn(lives: readonly Sized[]): Placement[] {
  let end = 0
  return lives.map((life) => ({ ...life, offset: (end += life.bytes) - life.bytes }))
}

function placed(lives: readonly Sized[], placing: Required<PlanOptions>['placing']): Placement[] {
  const order = placing === 'greedy-by-size' ? lives.toSorted((a, b) => b.bytes - a.bytes || a.from - b.from) : lives
  const found: Placement[] = []
  for (const life of order) {
    const taken = found.filter(({ from, to }) => from <= life.to && life.from <= to).toSorted((a, b) => a.offset - b.offset)
    const gaps: { offset: number; bytes: number }[] = []
    let end = 0
    for (const { offset, bytes } of taken) {
      if (offset > end) gaps.push({ offset: end, bytes: offset - end })
      end = Math.max(end, offset + bytes)
    }
    const fitting = gaps.filter(({ bytes }) => bytes >= life.bytes)
    const best = placing === 'best-fit' ? fitting.toSorted((a, b) => a.bytes - b.bytes)[0] : fitting[0]
    found.push({ ...life, offset: best?.offset ?? end })
  }
  return found
}
