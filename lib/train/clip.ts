import type { Builder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'

/** Limits gradients, all of a step's at once. */
export type Clip = (graph: Builder, gradients: readonly Value[]) => readonly Value[]

/** Scales all gradients down to a common norm of `most` where it is larger, as PyTorch's clip_grad_norm_. https://arxiv.org/abs/1211.5063 */
export function clipNorm(most: number): Clip {
  return (graph, gradients) => {
    const squares = gradients.map((gradient) => graph.op('ReduceSumSquare', [gradient], { keepdims: 0 })).reduce((a, b) => graph.add(a, b))
    const factor = graph.op('Min', [graph.div(most, graph.add(graph.sqrt(squares), 1e-6)), graph.scalar(1, 'float32')])
    return gradients.map((gradient) => graph.mul(gradient, factor))
  }
}

/** Limits every element to −most ... most. */
export function clipValue(most: number): Clip {
  return (graph, gradients) => gradients.map((gradient) => graph.op('Clip', [gradient, graph.scalar(-most, gradient.dtype), graph.scalar(most, gradient.dtype)]))
}
