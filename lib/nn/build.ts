import type { Value } from '../graph/graph.ts'
import type { DataType } from '../graph/tensor.ts'
import { applied } from './layers/layer.ts'
import { Model } from './model.ts'
import { Scope, type Weights } from './scope.ts'

/** Shape of an input, whose names stand for sizes that are not known yet: ['N', 3, 32, 32]. Its elements are float32 unless `dtype` says otherwise. */
export type InputShape = readonly (number | string)[] | { readonly dtype: DataType; readonly shape: readonly (number | string)[] }

export interface BuildOptions {
  name?: string
  /** What the output is called ("output"). */
  output?: string
  /** Decides how the parameters begin (0). */
  seed?: number
  /** Parameters by name, instead of new ones. */
  weights?: Weights
}

/**
 * A model from a layer and the shapes of its inputs: `build(sequential(linear(4, 8), relu()), { x: ['N', 4] })`. What a layer cannot say is written as a
 * function, whose inputs come in the order of `inputs`: `build((net, a, b) => net.builder.add(linear(4, 8)(net.child('left'), a), b), { a: ['N', 4], b: ['N', 8] })`.
 * @throws Error naming the layer that an input does not fit, with both sizes.
 */
export function build(network: (net: Scope, ...inputs: Value[]) => Value, inputs: Readonly<Record<string, InputShape>>, options: BuildOptions = {}): Model {
  const { name = 'network', output = 'output', seed = 0, weights } = options
  const net = Scope.root(name, { weights, seed })
  const values = Object.entries(inputs).map(([input, type]) => ('dtype' in type ? net.input(input, type.shape, type.dtype) : net.input(input, type)))
  net.graph.addOutput(applied(network, net, ...values), output)
  return new Model(net.graph)
}
