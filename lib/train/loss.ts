import type { Builder } from '../graph/builder.ts'
import { formatShape, type Shape } from '../graph/dim.ts'
import { Value } from '../graph/graph.ts'
import { isFloat, type Tensor } from '../graph/tensor.ts'
import { told } from '../require.ts'
import { called } from './called.ts'
import { checkAlike, firstWhere, mean } from './compare.ts'

export { bceWithLogits, type BinaryCrossEntropyOptions } from './binary-cross-entropy.ts'
export { crossEntropy, type CrossEntropyOptions } from './cross-entropy.ts'
export { ctc } from './ctc.ts'

/** A loss adds its nodes to the graph and answers with a scalar. What it may know of targets beside, `fit` asks it before the first step. */
export interface Loss {
  (graph: Builder, output: Value, target: Value): Value
  /** The first sample of some targets that this loss cannot take for an output of that shape, and what it has; null where all are sound. */
  readonly fault?: (targets: Tensor, output: Shape) => Fault | null
  /** Targets as numbers of which a blend may be made, as mix-up does (as they are, where they are floats). */
  readonly soft?: (targets: Tensor, output: Shape) => Tensor
}

export interface Fault {
  readonly sample: number
  /** In the words after "sample 3 has". */
  readonly problem: string
}

/** Adds a loss to a graph. @throws TypeError where it answers with anything but a single float. */
export function lossIn(graph: Builder, loss: Loss, output: Value, target: Value): Value {
  const value: unknown = loss(graph, output, target)
  if (!(value instanceof Value)) throw new TypeError(`the loss answers with ${told(value)}, and a Value of the graph is wanted: return what its last node computes`)
  const { dtype, shape, size } = value
  if ((size !== null && size !== 1) || (dtype && !isFloat(dtype)))
    throw new TypeError(`the loss answers with ${dtype}${formatShape(shape)}, and a single float is wanted, such as the mean of it: graph.op('ReduceMean', [losses], { keepdims: 0 })`)
  return value
}

/** Mean of the squared differences of all elements; the target has the output's shape. */
export const meanSquaredError: Loss = called<Loss>('meanSquaredError', (graph, output, target) => {
  checkAlike('mean squared error', output, target)
  const difference = graph.sub(output, graph.cast(target, output.dtype))
  return mean(graph, graph.mul(difference, difference))
}, { fault: (targets) => firstWhere(targets, (value) => !Number.isFinite(value), (value) => `the target ${value}`) })
