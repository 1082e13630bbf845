import type { AttributeInput } from '../graph/attribute.ts'
import { Builder } from '../graph/builder.ts'
import { symbol } from '../graph/dim.ts'
import { Graph, type Value } from '../graph/graph.ts'
import type { DataType, Tensor } from '../graph/tensor.ts'
import { requireWhole } from '../require.ts'
import type { Init } from './init.ts'

export type Weights = ReadonlyMap<string, Tensor>

/** A stored tensor of the network, and the layer that wrote it. */
interface Written {
  readonly value: Value
  readonly layer: unknown
}

/**
 * Where a network writes its nodes and finds its parameters: a graph, and the path of the layer that is being written, which names both
 * (`backbone.4.block.0`). Parameters come from stored weights where there are any, else from their initialization. A layer that is written again under its name
 * has the same parameters, as a module of PyTorch that is called again; another layer needs another name.
 */
export class Scope {
  readonly builder: Builder
  readonly path: string
  readonly #weights: Weights | undefined
  readonly #seed: number
  /** By full name; of the whole network. */
  readonly #written: Map<string, Written>
  /** The layer that writes here. */
  readonly #layer: unknown

  private constructor(graph: Graph, path: string, weights: Weights | undefined, seed: number, written: Map<string, Written>, layer?: unknown) {
    this.builder = new Builder(graph, path && `${path}.`)
    this.path = path
    this.#weights = weights
    this.#seed = seed
    this.#written = written
    this.#layer = layer
  }

  /** An empty network. Without stored weights its parameters are drawn by `seed`. */
  static root(name: string, { weights, seed = 0 }: { weights?: Weights | undefined; seed?: number } = {}): Scope {
    requireWhole('seed', seed)
    return new Scope(new Graph(name), '', weights, seed, new Map())
  }

  /** The scope of a part, such as `conv1` or `0`. */
  child(name: string | number): Scope {
    return new Scope(this.graph, this.path ? `${this.path}.${name}` : `${name}`, this.#weights, this.#seed, this.#written)
  }

  /** The same scope for one layer, which shares its parameters with none but itself. */
  of(layer: unknown): Scope {
    return new Scope(this.graph, this.path, this.#weights, this.#seed, this.#written, layer)
  }

  get graph(): Graph {
    return this.builder.graph
  }

  /** An input of the network; a name stands for a dimension that is not known yet. @throws RangeError where a dimension is neither a name nor a whole number from 1 on. */
  input(name: string, shape: readonly (number | string)[], dtype: DataType = 'float32'): Value {
    for (const d of shape) if (typeof d !== 'string') requireWhole(`input "${name}": a dimension`, d, 1)
    return this.graph.input(name, dtype, shape.map((d) => (typeof d === 'number' ? d : symbol(d))))
  }

  /** Writes the layer's node, which takes the layer's name, and answers its output. */
  op(type: string, inputs: readonly (Value | null)[], attributes: Readonly<Record<string, AttributeInput>> = {}): Value {
    return this.builder.op(type, inputs, attributes, { name: this.graph.unique(this.path || type.toLowerCase()) })
  }

  /** A tensor that training changes. @throws Error where the stored weights lack it, or hold another shape; or where another layer has one of that name. */
  parameter(name: string, shape: readonly number[], init: Init): Value {
    return this.#once(name, shape, (full) => this.graph.parameter(full, this.#tensor(full, shape, init)))
  }

  /** A tensor that belongs to the network, but is not learned by gradient: a running mean. */
  buffer(name: string, shape: readonly number[], init: Init): Value {
    return this.#once(name, shape, (full) => this.graph.constant(this.#tensor(full, shape, init), full))
  }

  #once(name: string, shape: readonly number[], make: (full: string) => Value): Value {
    const full = this.path ? `${this.path}.${name}` : name
    const known = this.#written.get(full)
    if (known && (known.layer !== this.#layer || String(known.value.shape) !== String(shape)))
      throw new Error(`two layers have a parameter "${full}". Write each under a name of its own, such as layer(net.child('second'), x); to share it, make the layer once and write that again: const shared = nn.linear(...)`)
    const value = known?.value ?? make(full)
    this.#written.set(full, { value, layer: this.#layer })
    return value
  }

  #tensor(full: string, shape: readonly number[], init: Init): Tensor {
    if (!this.#weights) return init(shape, this.#seed + hash(full))
    const stored = this.#weights.get(full)
    if (!stored) throw new Error(`the weights hold no "${full}": are they of another network?`)
    if (String(stored.shape) !== String(shape)) throw new Error(`the weights hold "${full}" as [${stored.shape}], and this network needs [${shape}]`)
    return stored
  }
}

/** FNV-1a: a seed of its own for each name. http://www.isthe.com/chongo/tech/comp/fnv/ */
function hash(text: string): number {
  let h = 0x811c9dc5
  for (const character of text) h = Math.imul(h ^ character.codePointAt(0)!, 0x01000193)
  return h >>> 0
}
