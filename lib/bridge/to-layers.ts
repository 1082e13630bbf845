import type { Graph, Node, Value } from '../graph/graph.ts'
import { origins } from '../graph/origins.ts'
import { sizeOf, Tensor } from '../graph/tensor.ts'
import { graphOf } from '../runtime/model.ts'
import type { TensorFlow, Writing } from './layers/family.ts'
import { IMAGE, natural, ordered, type Held } from './layers/held.ts'
import { writers } from './layers/index.ts'
import { tensorflow, type TensorFlowOptions } from './tfjs.ts'

/**
 * A network as a functional model of TensorFlow.js, weights included: equal outputs, up to rounding. Images go in and come out as TensorFlow has them, [N, H, W, C]; the
 * first axis of every input counts the samples. Layers are not trainable where all their parameters are frozen.
 * @throws Error naming a node that has no counterpart, or what of it has none; or where TensorFlow.js is not installed.
 */
export function toLayers(model: Graph | { readonly graph: Graph }, options: TensorFlowOptions = {}): TensorFlow.LayersModel {
  const tf = tensorflow(options)
  const graph = graphOf(model).copy()
  graph.removeUnused()
  const held = new Map<Value, Held>()
  const inputs = graph.inputs.filter(({ initializer }) => !initializer).map((value) => {
    const axes = value.rank === 4 ? IMAGE : natural(value.rank ?? 0)
    const shape = axes.map((axis) => value.shape![axis]).slice(1).map((size) => (typeof size === 'number' ? size : null))
    const tensor = tf.input({ shape, dtype: value.dtype === 'float32' ? 'float32' : 'int32', name: layerName(value.name) })
    held.set(value, { tensor, axes })
    return tensor
  })
  const layers = new Nodes(tf, held)
  tf.tidy(() => {
    for (const node of graph.nodes()) layers.write(node)
  })
  const outputs = graph.outputs.map((value) => layers.output(value))
  return tf.model({ inputs, outputs, name: layerName(graph.name) })
}

const layerName = (name: string): string => name.replace(/[^\w.-]/g, '_')

/** Writes the nodes of a graph as layers. */
class Nodes {
  readonly #tf: typeof TensorFlow
  readonly #held: Map<Value, Held>
  readonly #names = new Set<string>()

  constructor(tf: typeof TensorFlow, held: Map<Value, Held>) {
    this.#tf = tf
    this.#held = held
  }

  /** Nothing where the node computes what is stored, or where a layer covers it already. */
  write(node: Node): void {
    if (node.outputs.every((output) => this.#held.has(output) || storedTensor(output))) return
    const writing = this.#writing(node)
    const writer = (node.domain === '' ? writers[node.type] : undefined) ?? writing.refuse('this operator has no counterpart among the layers of TensorFlow.js')
    const results = [writer(writing)].flat() as Held[]
    results.forEach((result, i) => node.outputs[i] && this.#held.set(node.outputs[i], result))
  }

  /** An output of the model, as TensorFlow orders its axes. */
  output(value: Value): TensorFlow.SymbolicTensor {
    const held = this.#held.get(value)
    if (!held) throw new Error(`the output "${value}" does not depend on the inputs`)
    return ordered(this.#writing(value.producer!), held, value.rank === 4 ? IMAGE : natural(value.rank ?? held.axes.length))
  }

  #writing(node: Node): Writing {
    const refuse = (reason: string): never => {
      throw new Error(`${node}: ${reason}`)
    }
    const name = (suffix = '') => this.#name(layerName([node.name || node.type.toLowerCase(), suffix].filter(Boolean).join('.')))
    return {
      tf: this.#tf, node, refuse, name,
      held: (index) => this.#held.get(node.input(index)) ?? refuse(`its input "${node.input(index)}" is stored, and TensorFlow.js wants it computed`),
      stored: (index) => (node.inputs[index] ? (storedTensor(node.inputs[index]) ?? refuse(`its input "${node.inputs[index]}" is computed, and TensorFlow.js wants it stored`)) : null),
      cover: (other, held) => void this.#held.set(other.output, held),
      apply: (layer, to, weights = [], nodes = [node]) => {
        const tensor = layer.apply(to) as TensorFlow.SymbolicTensor
        if (weights.length) layer.setWeights([...weights])
        layer.trainable = !areFrozen(nodes)
        return tensor
      },
    }
  }

  #name(wanted: string): string {
    let name = wanted
    for (let n = 2; this.#names.has(name); n++) name = `${wanted}_${n}`
    this.#names.add(name)
    return name
  }
}

/** Whether all parameters of some nodes are frozen: TensorFlow.js freezes whole layers, and one of which a part is frozen is trained. */
function areFrozen(nodes: readonly Node[]): boolean {
  const read = nodes.flatMap(({ inputs }) => inputs.flatMap(origins))
  return read.some((value) => value.frozen) && !read.some((value) => value.trainable)
}

/** A tensor that does not depend on the inputs: stored, or stored and its axes moved. */
function storedTensor(value: Value): Tensor | null {
  if (value.constant) return value.constant
  const node = value.producer
  if (node?.type !== 'Transpose') return null
  const tensor = storedTensor(node.input(0))
  return tensor && transposed(tensor, node.ints('perm', natural(tensor.shape.length).toReversed()))
}

function transposed(tensor: Tensor, perm: readonly number[]): Tensor {
  const { shape } = tensor
  const source = tensor.toFloat32()
  const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)))
  const target = perm.map((axis) => shape[axis]!)
  const values = Float32Array.from({ length: source.length }, (_, i) => {
    let [rest, from] = [i, 0]
    for (let axis = target.length - 1; axis >= 0; axis--) {
      from += (rest % target[axis]!) * strides[perm[axis]!]!
      rest = Math.floor(rest / target[axis]!)
    }
    return source[from]!
  })
  return Tensor.float32(target, values)
}
