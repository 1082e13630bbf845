import type { Graph, Value } from '../graph/graph.ts'
import { Tensor } from '../graph/tensor.ts'
import { Model } from '../nn/model.ts'
import { Scope } from '../nn/scope.ts'
import type { Config, Reading, TensorFlow } from './layers/family.ts'
import { readers } from './layers/index.ts'
import { channelsFirst, channelsLast } from './layers/layout.ts'
import { tensorflow } from './tfjs.ts'

export interface FromLayersOptions {
  /** The model's name (the layers model's own). */
  name?: string
  /** How its images stand: as hone's data sets have them, or as TensorFlow does ("NCHW"). */
  layout?: 'NCHW' | 'NHWC'
}

type Layer = TensorFlow.layers.Layer & { getClassName(): string; readonly inboundNodes: readonly { readonly inputTensors: readonly TensorFlow.SymbolicTensor[] }[] }

/**
 * A Sequential or functional model of TensorFlow.js as a graph, weights included: equal outputs, up to rounding. A model with one input calls it "x", and one output "output";
 * several keep their names. Layers whose `trainable` is false are frozen. What a network does in training beside, such as dropout's share, comes along; losses and optimizers do not.
 * @throws Error naming a layer that has no counterpart, or what of it has none.
 */
export function fromLayers(model: TensorFlow.LayersModel, { name = model.name, layout = 'NCHW' }: FromLayersOptions = {}): Model {
  const root = Scope.root(name)
  const values = new Map<number, Value>()
  model.inputs.forEach((symbol, i) => values.set(symbol.id, input(root, model, i, layout)))
  const read = new Layers(root)
  const results = tensorflow().tidy(() => model.outputs.map((symbol) => read.value(symbol, values)) as never) as unknown as Value[]
  results.forEach((value, i) => root.graph.addOutput(layout === 'NHWC' ? channelsLast(root.builder, value) : value, results.length === 1 ? 'output' : plainName(model.outputNames[i]!)))
  root.graph.removeUnused()
  return new Model(root.graph)
}

function input(root: Scope, model: TensorFlow.LayersModel, i: number, layout: 'NCHW' | 'NHWC'): Value {
  const symbol = model.inputs[i]!
  const sizes = symbol.shape.map((size, axis) => size ?? (axis === 0 ? 'N' : `size_${i}_${axis}`))
  const isImage = sizes.length === 4
  const shape = isImage && layout === 'NCHW' ? [sizes[0]!, sizes[3]!, sizes[1]!, sizes[2]!] : sizes
  const readBy = model.layers.filter((layer) => (layer as Layer).inboundNodes.some(({ inputTensors }) => inputTensors.includes(symbol)))
  const isLookup = readBy.length > 0 && readBy.every((layer) => layer.getClassName() === 'Embedding')
  const dtype = isLookup ? 'int64' : symbol.dtype === 'int32' ? 'int32' : 'float32'
  const value = root.input(model.inputs.length === 1 ? 'x' : plainName(model.inputNames[i]!), shape, dtype)
  return layout === 'NHWC' ? channelsFirst(root.builder, value) : value
}

/** TensorFlow.js adds to a name which of a layer's outputs it is. */
const plainName = (name: string): string => name.replace(/:\d+$/, '')

/** Writes layers into a graph, each once for every place where it is applied, its weights once. */
class Layers {
  readonly #root: Scope
  readonly #weights = new Map<string, Value>()

  constructor(root: Scope) {
    this.#root = root
  }

  /** What stands for a symbolic tensor; `known` are those that stand already. */
  value(symbol: TensorFlow.SymbolicTensor, known: Map<number, Value>): Value {
    const value = known.get(symbol.id) ?? this.#apply(symbol, known)
    known.set(symbol.id, value)
    return value
  }

  #apply({ sourceLayer, nodeIndex, tensorIndex }: TensorFlow.SymbolicTensor, known: Map<number, Value>): Value {
    const layer = sourceLayer as Layer
    const inputs = layer.inboundNodes[nodeIndex!]!.inputTensors.map((symbol) => this.value(symbol, known))
    if ('layers' in layer) {
      const model = layer as unknown as TensorFlow.LayersModel
      const inner = new Map(model.inputs.map((symbol, i) => [symbol.id, inputs[i]!]))
      return this.value(model.outputs[tensorIndex!]!, inner)
    }
    const type = layer.getClassName()
    const refuse = (reason: string): never => {
      throw new Error(`${layer.name} (${type}): ${reason}`)
    }
    const reader = readers[type] ?? refuse('this layer has no counterpart in hone')
    const scope = this.#root.child(layer.name)
    const parameter: Reading['parameter'] = (name, weight, fixed) => this.#parameter(scope.graph, `${layer.name}.${name}`, weight, fixed ? 'fixed' : layer.trainable ? 'trainable' : 'frozen')
    return reader({ scope, builder: scope.builder, config: layer.getConfig() as Config, weights: layer.getWeights(), inputs, parameter, refuse })
  }

  #parameter(graph: Graph, name: string, weight: TensorFlow.Tensor, kind: 'trainable' | 'frozen' | 'fixed'): Value {
    const known = this.#weights.get(name)
    if (known) return known
    const tensor = Tensor.float32(weight.shape, Float32Array.from(weight.dataSync()))
    const value = kind === 'fixed' ? graph.constant(tensor, name) : graph.parameter(name, tensor)
    if (kind === 'frozen') Object.assign(value, { trainable: false, frozen: true })
    this.#weights.set(name, value)
    return value
  }
}
