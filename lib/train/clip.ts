import type { Builder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'
import { requireNumber } from '../require.ts'
import { called } from './called.ts'

/** Limits gradients, all of a step's at once. */
export type Clip = (graph: Builder, gradients: readonly Value[]) => readonly Value[]

/**
 * Scales all gradients down to a common norm of `maxNorm` where it is larger, as PyTorch's clip_grad_norm_. https://arxiv.org/abs/1211.5063
 * @throws RangeError where that is not above 0.
 */
export function clipNorm(maxNorm: number): Clip {
  requireNumber('clipNorm: maxNorm', maxNorm, { above: 0 })
  return called(`clipNorm(${maxNorm})`, (graph, gradients) => {
    const squares = gradients.map((gradient) => graph.op('ReduceSumSquare', [gradient], { keepdims: 0 })).reduce((a, b) => graph.add(a, b))
    const factor = graph.op('Min', [graph.div(maxNorm, graph.add(graph.sqrt(squares), 1e-6)), graph.scalar(1, 'float32')])
    return gradients.map((gradient) => graph.mul(gradient, factor))
  })
}

/** Limits every element to −clipValue ... clipValue, as PyTorch's clip_grad_value_. @throws RangeError where that is not above 0. */
export function clipValue(clipValue: number): Clip {
  requireNumber('clipValue', clipValue, { above: 0 })
  return called(`clipValue(${clipValue})`, (graph, gradients) => gradients.map((gradient) => graph.op('Clip', [gradient, graph.scalar(-clipValue, gradient.dtype), graph.scalar(clipValue, gradient.dtype)])))
}
