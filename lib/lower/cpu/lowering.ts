import { Builder } from '../../graph/builder.ts'
import { copyNode, Graph, type Node, type Value } from '../../graph/graph.ts'
import { Tensor } from '../../graph/tensor.ts'
import type { Matrix } from './bilinear.ts'
import { pack, packed, PLAIN, unpacked, type Layout } from './layout.ts'

/** How one operator, or a family of them, is written in another layout. */
export interface Recipe {
  /** The layouts in which it reads and writes values; null where it cannot lower the node. */
  layouts(node: Node): ReadonlyMap<Value, Layout> | null
  lower(node: Node, lowering: Lowering): void
}

/** Where a node's recipe reads what it needs in the layout that it wants, and writes the lowered graph. */
export class Lowering {
  readonly graph: Graph
  /** Writes nodes named after the one that is being lowered. */
  builder: Builder
  readonly #homes: ReadonlyMap<Value, Layout>
  readonly #forms = new Map<Value, Map<Layout, Value>>()
  readonly #matrices = new Map<string, Value>()

  /** Declares the inputs, each in its home. */
  constructor(source: Graph, homes: ReadonlyMap<Value, Layout>) {
    this.graph = new Graph(source.name)
    this.builder = new Builder(this.graph)
    this.#homes = homes
    for (const [domain, version] of source.opsets) this.graph.opsets.set(domain, version)
    for (const [key, value] of source.metadata) this.graph.metadata.set(key, value)
    const inputs = source.inputs.map((input): [Value, Value] => [input, this.graph.input(input.name, input.dtype, input.shape && this.home(input).held(input.shape as readonly number[]))])
    for (const [input, held] of inputs) this.write(input, held, this.home(input))
    for (const name of namesOf(source)) this.graph.unique(name)
  }

  /** From now on nodes are named after this one. */
  at(node: Node): void {
    this.builder = new Builder(this.graph, `${node.name}.`)
  }

  /** The layout in which the lowered graph holds a value of the source. */
  home(value: Value): Layout {
    return this.#homes.get(value) ?? PLAIN
  }

  /** What stands for a value of the source, converted where it was written in another layout. */
  read(value: Value, layout = this.home(value)): Value {
    const forms = this.#formsOf(value)
    const known = forms.get(layout)
    if (known) return known
    const held = this.#converted(value, layout)
    forms.set(layout, held)
    return held
  }

  /** Says what stands for a value of the source. */
  write(value: Value, held: Value, layout = this.home(value)): void {
    this.#forms.set(value, new Map([[layout, held]]))
  }

  /** A node that has no recipe runs as it is, on plain values. */
  copy(node: Node): void {
    const reads = [...new Set([...node.inputs, ...node.captures])].filter((value) => value !== null)
    const twin = copyNode(node, this.graph, new Map(reads.map((value) => [value, this.read(value, PLAIN)])))
    node.outputs.forEach((output, i) => this.write(output, twin.outputs[i]!, PLAIN))
  }

  /** A constant matrix, stored once. */
  matrix(rows: Matrix): Value {
    const values = Float32Array.from(rows.flat())
    return this.#stored(Buffer.from(values.buffer).toString('latin1'), [rows.length, rows[0]!.length], () => values)
  }

  /** Averages or sums rows: a matrix [1, length] of one number. */
  row(length: number, entry: number): Value {
    return this.#stored(`${entry}`, [1, length], () => new Float32Array(length).fill(entry))
  }

  #stored(key: string, shape: readonly number[], make: () => Float32Array): Value {
    const full = `${shape} ${key}`
    let value = this.#matrices.get(full)
    if (!value) this.#matrices.set(full, (value = this.graph.constant(Tensor.float32(shape, make()), 'matrix')))
    return value
  }

  #formsOf(value: Value): Map<Layout, Value> {
    let forms = this.#forms.get(value)
    if (!forms) this.#forms.set(value, (forms = new Map()))
    return forms
  }

  #converted(value: Value, layout: Layout): Value {
    if (value.constant) return this.graph.constant(pack(value.constant, layout), value.name)
    if (layout !== PLAIN) return packed(this.builder, this.read(value, PLAIN), layout)
    const [form] = this.#formsOf(value)
    if (!form) throw new Error(`${value} is read before anything computes it`)
    return unpacked(this.builder, form[1], form[0], value.shape as readonly number[])
  }
}

/** The names within a graph that copies of its nodes keep. */
function namesOf(graph: Graph): string[] {
  return graph.allNodes().flatMap((node) => [node, ...node.outputs, ...node.subgraphs.flatMap((body) => [...body.inputs, ...body.initializers])].map(({ name }) => name))
}
