import type { AttributeInput } from '../graph/attribute.ts'
import { Builder } from '../graph/builder.ts'
import { symbol } from '../graph/dim.ts'
import { Graph, type Value } from '../graph/graph.ts'
import type { DataType, Tensor } from '../graph/tensor.ts'
import { requireWhole } from '../require.ts'
import type { Init } from './init.ts'

export type Weights = ReadonlyMap<string, Tensor>

/**
 * Where a network writes its nodes and finds its parameters: a graph, and the path of the layer that is being written, which names both
 * (`backbone.4.block.0`). Parameters come from stored weights where there are any, else from their initialization.
 */
export class Scope {
  readonly builder: Builder
  readonly path: string
  readonly #weights: Weights | undefined
  readonly #seed: number

  private constructor(graph: Graph, path: string, weights: Weights | undefined, seed: number) {
    this.builder = new Builder(graph, path && `${path}.`)
    this.path = path
    this.#weights = weights
    this.#seed = seed
  }

  /** An empty network. Without stored weights its parameters are drawn by `seed`. */
  static root(name: string, { weights, seed = 0 }: { weights?: Weights | undefined; seed?: number } = {}): Scope {
    requireWhole('seed', seed)
    return new Scope(new Graph(name), '', weights, seed)
  }

  /** The scope of a part, such as `conv1` or `0`. */
  child(name: string | number): Scope {
    return new Scope(this.graph, this.path ? `${this.path}.${name}` : `${name}`, this.#weights, this.#seed)
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

  /** A tensor that training changes. @throws Error where the stored weights lack it, or hold another shape. */
  parameter(name: string, shape: readonly number[], init: Init): Value {
    return this.graph.parameter(this.#name(name), this.#tensor(name, shape, init))
  }

  /** A tensor that belongs to the network, but is not learned by gradient: a running mean. */
  buffer(name: string, shape: readonly number[], init: Init): Value {
    return this.graph.constant(this.#tensor(name, shape, init), this.#name(name))
  }

  #name(name: string): string {
    return this.path ? `${this.path}.${name}` : name
  }

  #tensor(name: string, shape: readonly number[], init: Init): Tensor {
    const full = this.#name(name)
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
