import { attribute, type Attribute, type AttributeInput } from './attribute.ts'
import { elements, formatShape, type Dim, type Shape } from './dim.ts'
import type { DataType, Tensor } from './tensor.ts'

/** How Node's console shows an object. https://nodejs.org/api/util.html#utilinspectcustom */
const INSPECT = Symbol.for('nodejs.util.inspect.custom')

/** Where a value is used: an input of a node (of this graph or of a subgraph that captures it), or an output of a graph. */
export interface Use {
  readonly user: Node | Graph
  readonly index: number
}

/** What is known of a tensor before it exists. */
export interface TensorType {
  readonly dtype: DataType | null
  readonly shape: Shape | null
  /** The elements of a small integer tensor that takes part in shape arithmetic. */
  readonly contents?: readonly Dim[] | null
}

/** A tensor in a graph: an input, an initializer, or what a node computes. */
export class Value implements TensorType {
  name: string
  readonly graph: Graph
  /** The node that computes it; null for inputs and initializers. */
  readonly producer: Node | null
  dtype: DataType | null = null
  shape: Shape | null = null
  contents: readonly Dim[] | null = null
  /** The stored tensor; also of an input that has a default. */
  initializer: Tensor | null = null
  /** Learned by training (a weight), not fixed (a running mean, a constant). */
  trainable = false
  /** A weight that training leaves as it is: it counts as a parameter, but is not trainable. Of a weight in a packed form, it is what is unpacked that counts. */
  frozen = false
  /** The file's own record of this value; what hone does not model is written back from it. */
  proto: unknown
  readonly #uses = new Set<Use>()

  constructor(graph: Graph, name: string, producer: Node | null) {
    this.graph = graph
    this.name = name
    this.producer = producer
  }

  /** Every use, inside subgraphs too. */
  get uses(): readonly Use[] {
    return [...this.#uses]
  }

  /** The nodes that read it, each once. */
  get users(): readonly Node[] {
    return [...new Set(this.uses.map((use) => use.user).filter((user) => user instanceof Node))]
  }

  /** Its tensor where it cannot change: an initializer that no input overrides, or a Constant node's. */
  get constant(): Tensor | null {
    if (this.initializer && !this.graph.inputs.includes(this)) return this.initializer
    return this.producer?.type === 'Constant' ? this.producer.tensor('value') : null
  }

  get isOutput(): boolean {
    return this.uses.some((use) => use.user instanceof Graph)
  }

  /** Number of elements. */
  get size(): Dim {
    return elements(this.shape)
  }

  get rank(): number | null {
    return this.shape?.length ?? null
  }

  /**
   * Makes every user read `replacement` instead, captures inside subgraphs included. An output keeps its name: the replacement takes it over,
   * or an Identity is put between where the replacement is itself an input, an initializer, or an output.
   */
  replaceWith(replacement: Value): void {
    if (replacement === this) return
    for (const { user, index } of this.uses) {
      if (user instanceof Node) user.setInput(index, replacement)
      else if (replacement.producer && replacement.graph === user && !replacement.isOutput) {
        const { name } = this
        this.name = replacement.name
        replacement.name = name
        user.setOutput(index, replacement)
      } else {
        const identity = user.add('Identity', [replacement], {}, { types: [this] })
        const { name } = this
        this.name = identity.outputs[0]!.name
        identity.outputs[0]!.name = name
        user.setOutput(index, identity.outputs[0]!)
      }
    }
  }

  /** @internal */
  link(use: Use): void {
    this.#uses.add(use)
  }

  /** @internal */
  unlink(use: Use): void {
    this.#uses.delete(use)
  }

  toString(): string {
    return this.name
  }

  [INSPECT](): string {
    return `${this.name}: ${this.dtype ?? '?'}${formatShape(this.shape)}`
  }
}

/** One application of an operator. */
export class Node {
  name: string
  type: string
  /** Empty for ONNX's own operators. */
  domain: string
  readonly graph: Graph
  readonly attributes: Map<string, Attribute>
  proto: unknown
  readonly #inputs: (Value | null)[] = []
  readonly #uses: (Use | null)[] = []
  readonly #outputs: Value[] = []

  constructor(graph: Graph, type: string, domain: string, name: string, attributes: Map<string, Attribute>) {
    this.graph = graph
    this.type = type
    this.domain = domain
    this.name = name
    this.attributes = attributes
    for (const subgraph of this.subgraphs) subgraph.parent = this
  }

  /** An absent optional input is null. */
  get inputs(): readonly (Value | null)[] {
    return this.#inputs
  }

  get outputs(): readonly Value[] {
    return this.#outputs
  }

  /** Input `index`, which the operator requires. @throws Error where it is absent. */
  input(index: number): Value {
    const value = this.#inputs[index]
    if (!value) throw new Error(`${this}: input ${index} is missing`)
    return value
  }

  /** The only output, or the first. */
  get output(): Value {
    const value = this.#outputs[0]
    if (!value) throw new Error(`${this} has no output`)
    return value
  }

  setInput(index: number, value: Value | null): void {
    const former = this.#uses[index]
    if (former) this.#inputs[index]?.unlink(former)
    while (this.#inputs.length < index) this.setInput(this.#inputs.length, null)
    const use = value && { user: this, index }
    this.#inputs[index] = value
    this.#uses[index] = use
    if (value && use) value.link(use)
  }

  /** Drops the inputs from `count` on. */
  truncateInputs(count: number): void {
    for (let i = count; i < this.#inputs.length; i++) this.setInput(i, null)
    this.#inputs.length = Math.min(count, this.#inputs.length)
    this.#uses.length = this.#inputs.length
  }

  /** One more output; an empty name says that it is not wanted. */
  addOutput(name = this.graph.unique(`${this.name}_${this.#outputs.length}`), type?: TensorType): Value {
    const value = new Value(this.graph, name, this)
    if (type) Object.assign(value, { dtype: type.dtype, shape: type.shape, contents: type.contents ?? null })
    this.#outputs.push(value)
    return value
  }

  get subgraphs(): readonly Graph[] {
    return [...this.attributes.values()].flatMap((a) => (a.type === 'graph' ? [a.value] : a.type === 'graphs' ? a.value : []))
  }

  /** Values of enclosing graphs that its subgraphs read. */
  get captures(): ReadonlySet<Value> {
    const captured = new Set<Value>()
    for (const subgraph of this.subgraphs) {
      const read = [...subgraph.nodes()].flatMap((node) => [...node.inputs, ...node.captures])
      for (const value of [...read, ...subgraph.outputs]) if (value && value.graph !== subgraph) captured.add(value)
    }
    return captured
  }

  int(name: string, fallback = 0): number {
    const a = this.attributes.get(name)
    return a?.type === 'int' ? Number(a.value) : fallback
  }

  ints(name: string, fallback: readonly number[] = []): readonly number[] {
    const a = this.attributes.get(name)
    return a?.type === 'ints' ? a.value.map(Number) : fallback
  }

  float(name: string, fallback = 0): number {
    const a = this.attributes.get(name)
    return a?.type === 'float' ? a.value : fallback
  }

  string(name: string, fallback = ''): string {
    const a = this.attributes.get(name)
    return a?.type === 'string' ? a.value : fallback
  }

  tensor(name: string): Tensor | null {
    const a = this.attributes.get(name)
    return a?.type === 'tensor' ? a.value : null
  }

  subgraph(name: string): Graph {
    const a = this.attributes.get(name)
    if (a?.type !== 'graph') throw new Error(`${this}: its graph "${name}" is missing`)
    return a.value
  }

  set(name: string, value: AttributeInput): this {
    this.attributes.set(name, attribute(value))
    return this
  }

  /** Takes the node out of its graph. @throws Error where something still reads an output. */
  remove(): void {
    const used = this.#outputs.find((output) => output.uses.length)
    if (used) throw new Error(`${this} cannot be removed: ${used} is still read`)
    for (const subgraph of this.subgraphs) subgraph.detach()
    this.truncateInputs(0)
    this.graph.forget(this)
  }

  /** Name and type, as messages show a node. */
  toString(): string {
    return this.name ? `${this.name} (${this.type})` : this.type
  }

  [INSPECT](): string {
    return `${this.outputs.join(', ')} = ${this.type}(${this.inputs.map((v) => v ?? '-').join(', ')})`
  }
}

export interface NodeOptions {
  domain?: string
  name?: string
  /** Names of the outputs, or how many; one by default. */
  outputs?: number | readonly string[]
  /** What is known of the outputs. */
  types?: readonly TensorType[]
}

/**
 * A computation: inputs, initializers, nodes in an order that can be run, outputs. A model is a graph without a parent; Loop, Scan and If hold
 * graphs that may read the values of those around them. https://onnx.ai/onnx/repo-docs/IR.html
 */
export class Graph {
  name: string
  /** The graph around this one, whose values it may read. */
  readonly outer: Graph | null
  /** The node whose attribute this graph is. */
  parent: Node | null = null
  /** Operator set versions by domain. */
  readonly opsets = new Map<string, number>([['', 21]])
  readonly metadata = new Map<string, string>()
  proto: unknown
  readonly #inputs: Value[] = []
  readonly #outputs: Value[] = []
  readonly #outputUses: Use[] = []
  readonly #initializers = new Set<Value>()
  #nodes = new Set<Node>()
  readonly #names = new Set<string>()
  readonly #lastSuffix = new Map<string, number>()

  constructor(name = 'graph', outer: Graph | null = null) {
    this.name = name
    this.outer = outer
  }

  get inputs(): readonly Value[] {
    return this.#inputs
  }

  get outputs(): readonly Value[] {
    return this.#outputs
  }

  /** Stored tensors, those that are defaults of inputs included. */
  get initializers(): readonly Value[] {
    return [...this.#initializers]
  }

  /** Stored tensors, and what nodes compute. */
  get values(): readonly Value[] {
    return [...this.#initializers, ...this.nodes().flatMap(({ outputs }) => outputs)]
  }

  /** Weights that training changes. */
  get parameters(): readonly Value[] {
    return this.initializers.filter((value) => value.trainable)
  }

  /** The nodes in order, of one type where given; those of subgraphs are not among them (`allNodes` descends). */
  nodes(type?: string): readonly Node[] {
    const nodes = [...this.#nodes]
    return type === undefined ? nodes : nodes.filter((node) => node.type === type)
  }

  /** The nodes of this graph and of every subgraph, outer ones first. */
  allNodes(type?: string): readonly Node[] {
    return this.nodes().flatMap((node) => [...(type === undefined || node.type === type ? [node] : []), ...node.subgraphs.flatMap((g) => g.allNodes(type))])
  }

  has(node: Node): boolean {
    return this.#nodes.has(node)
  }

  get root(): Graph {
    return this.outer ? this.outer.root : this
  }

  input(name: string, dtype: DataType | null, shape: Shape | null): Value {
    const value = this.#value(name, null, { dtype, shape })
    this.#inputs.push(value)
    return value
  }

  /** Stores a tensor under a name made from the given one. */
  constant(tensor: Tensor, name = 'constant'): Value {
    return this.store(this.unique(name), tensor)
  }

  /** Stores a tensor under exactly this name; under an input's name it becomes that input's default. */
  store(name: string, tensor: Tensor): Value {
    const value = this.#inputs.find((input) => input.name === name) ?? this.#value(name, null, tensor)
    value.initializer = tensor
    this.#initializers.add(value)
    return value
  }

  /** Stores a tensor that training changes. */
  parameter(name: string, tensor: Tensor): Value {
    const value = this.constant(tensor, name)
    value.trainable = true
    return value
  }

  /** Adds a node at the end; `sort` puts it where it belongs. Shapes are not inferred here: see `Builder`. */
  add(type: string, inputs: readonly (Value | null)[], attributes: Readonly<Record<string, AttributeInput>> | Map<string, Attribute> = {}, options: NodeOptions = {}): Node {
    const map = attributes instanceof Map ? attributes : new Map(Object.entries(attributes).map(([name, value]) => [name, attribute(value)]))
    const node = new Node(this, type, options.domain ?? '', options.name ?? this.unique(type.toLowerCase()), map)
    this.#take(node.name)
    inputs.forEach((value, index) => node.setInput(index, value))
    const { outputs = 1, types = [] } = options
    const names = typeof outputs === 'number' ? Array.from({ length: outputs }, (_, i) => this.unique(outputs === 1 ? `${node.name}_out` : `${node.name}_${i}`)) : outputs
    names.forEach((name, i) => {
      this.#take(name)
      node.addOutput(name, types[i])
    })
    this.#nodes.add(node)
    return node
  }

  addOutput(value: Value, name?: string): Value {
    if (name !== undefined && name !== value.name) {
      if (value.isOutput || !value.producer) value = this.add('Identity', [value], {}, { outputs: [name], types: [value] }).output
      else {
        this.#take(name)
        value.name = name
      }
    }
    this.setOutput(this.#outputs.length, value)
    return value
  }

  setOutput(index: number, value: Value): void {
    const former = this.#outputUses[index]
    if (former) this.#outputs[index]?.unlink(former)
    const use = { user: this, index }
    this.#outputs[index] = value
    this.#outputUses[index] = use
    value.link(use)
  }

  /** Drops the outputs from `count` on. */
  truncateOutputs(count: number): void {
    for (let i = count; i < this.#outputs.length; i++) this.#outputs[i]!.unlink(this.#outputUses[i]!)
    this.#outputs.length = this.#outputUses.length = Math.min(count, this.#outputs.length)
  }

  /** An input loses its default: it must be fed. ONNX Runtime does not count inputs with a default among a model's inputs. */
  requireInput(value: Value): void {
    value.initializer = null
    this.#initializers.delete(value)
  }

  removeInput(value: Value): void {
    if (value.uses.length) throw new Error(`the input ${value} is still read`)
    this.#inputs.splice(this.#inputs.indexOf(value), 1)
  }

  /** Unlinks all that this graph reads: it is no longer part of anything. */
  detach(): void {
    this.truncateOutputs(0)
    for (const node of this.nodes()) {
      node.truncateInputs(0)
      for (const subgraph of node.subgraphs) subgraph.detach()
    }
  }

  /** @internal */
  forget(node: Node): void {
    this.#nodes.delete(node)
  }

  /** Removes nodes whose outputs nothing reads, and initializers that nothing reads. */
  removeUnused(): void {
    for (const node of this.nodes().toReversed()) {
      for (const subgraph of node.subgraphs) subgraph.removeUnused()
      if (node.outputs.every((output) => !output.uses.length)) node.remove()
    }
    for (const value of this.#initializers) if (!value.uses.length && !this.#inputs.includes(value)) this.#initializers.delete(value)
  }

  /**
   * Puts every node after those whose outputs it reads, itself or in its subgraphs, and otherwise keeps their order.
   * @throws Error naming a node of a cycle.
   */
  sort(): void {
    const waits = new Map<Node, number>()
    const readers = new Map<Node, Node[]>()
    for (const node of this.#nodes) {
      for (const subgraph of node.subgraphs) subgraph.sort()
      const before = new Set([...node.inputs, ...node.captures].flatMap((v) => (v?.producer && v.graph === this ? [v.producer] : [])))
      waits.set(node, before.size)
      for (const producer of before) readers.set(producer, [...(readers.get(producer) ?? []), node])
    }
    const ordered = new Set<Node>()
    const visit = (start: Node) => {
      const ready = [start]
      for (let node = ready.pop(); node; node = ready.pop()) {
        ordered.add(node)
        for (const reader of readers.get(node) ?? []) {
          const left = waits.get(reader)! - 1
          waits.set(reader, left)
          if (left === 0 && passed.has(reader)) ready.push(reader)
        }
      }
    }
    const passed = new Set<Node>()
    for (const node of this.#nodes) {
      passed.add(node)
      if (waits.get(node) === 0 && !ordered.has(node)) visit(node)
    }
    const stuck = [...this.#nodes].find((node) => !ordered.has(node))
    if (stuck) throw new Error(`${stuck} is part of a cycle`)
    this.#nodes = ordered
  }

  /** Puts the nodes in another order in which they can be run. */
  arrange(order: readonly Node[]): void {
    if (order.length !== this.#nodes.size || order.some((node) => !this.#nodes.has(node))) throw new Error(`${this.name}: another order holds the same ${this.#nodes.size} nodes, each once`)
    this.#nodes = new Set(order)
  }

  /** A name that nothing in the model has yet: `prefix`, or `prefix_2`, `prefix_3` ... */
  unique(prefix: string): string {
    const { root } = this
    let name = prefix
    for (let n = root.#lastSuffix.get(prefix) ?? 1; root.#names.has(name); ) {
      name = `${prefix}_${++n}`
      root.#lastSuffix.set(prefix, n)
    }
    root.#names.add(name)
    return name
  }

  /** One line a node; `summary` of print.ts has shapes and sizes. */
  [INSPECT](): string {
    const nodes = this.nodes().map((node) => `  ${node[INSPECT]()}`)
    return [`${this.name}(${this.#inputs.map((v) => v[INSPECT]()).join(', ')})`, ...nodes, `  return ${this.#outputs.join(', ')}`].join('\n')
  }

  /** A private copy of the structure; tensors are shared. */
  copy(): Graph {
    const copy = new Graph()
    this.copyInto(copy, new Map())
    return copy
  }

  /** Copies inputs, initializers, nodes and outputs into an empty graph; `map` tells what stands for a value, and learns it. */
  copyInto(target: Graph, map: Map<Value, Value>): void {
    target.name = this.name
    target.proto = this.proto
    for (const [domain, version] of this.opsets) target.opsets.set(domain, version)
    for (const [key, value] of this.metadata) target.metadata.set(key, value)
    for (const value of this.#inputs) copyState(value, map, target.input(value.name, value.dtype, value.shape))
    for (const value of this.#initializers) {
      copyState(value, map, target.store(value.name, value.initializer!))
    }
    for (const node of this.#nodes) copyNode(node, target, map)
    this.#outputs.forEach((value, i) => target.setOutput(i, map.get(value) ?? value))
  }

  #take(name: string): void {
    if (name) this.root.#names.add(name)
  }

  #value(name: string, producer: Node | null, type: TensorType): Value {
    this.#take(name)
    const value = new Value(this, name, producer)
    Object.assign(value, { dtype: type.dtype, shape: type.shape, contents: type.contents ?? null })
    return value
  }

}

function copyState(value: Value, map: Map<Value, Value>, twin: Value): void {
  const { dtype, shape, contents, initializer, trainable, frozen, proto } = value
  Object.assign(twin, { dtype, shape, contents, initializer, trainable, frozen, proto })
  map.set(value, twin)
}

/** Copies one node, subgraphs included, to the end of another graph; values that `map` does not know are read as they are. */
export function copyNode(node: Node, target: Graph, map: Map<Value, Value>): Node {
  const inputs = node.inputs.map((value) => value && (map.get(value) ?? value))
  const twin = target.add(node.type, inputs, new Map(), { domain: node.domain, name: node.name, outputs: node.outputs.map((o) => o.name) })
  for (const [name, a] of node.attributes) {
    if (a.type === 'graph') twin.attributes.set(name, { type: 'graph', value: copySubgraph(a.value, twin, map) })
    else if (a.type === 'graphs') twin.attributes.set(name, { type: 'graphs', value: a.value.map((g) => copySubgraph(g, twin, map)) })
    else twin.attributes.set(name, a)
  }
  twin.proto = node.proto
  node.outputs.forEach((output, i) => copyState(output, map, twin.outputs[i]!))
  return twin
}

function copySubgraph(graph: Graph, parent: Node, map: Map<Value, Value>): Graph {
  const copy = new Graph(graph.name, parent.graph)
  copy.parent = parent
  graph.copyInto(copy, map)
  return copy
}
