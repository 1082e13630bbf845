import type { Builder } from '../builder.ts'
import { multiply } from '../dim.ts'
import type { Value } from '../graph.ts'
import { alongAxes, HONE, operator, sameAxes, type Operator } from '../operator.ts'
import { knownShape } from './arguments.ts'

/**
 * A weight as a network with few bits sees it, while a copy in full precision learns: the forward pass rounds, the gradient passes straight through
 * (Bengio et al. 2013, https://arxiv.org/abs/1308.3432). Scales are those of each entry of `axis` (0 by default).
 */
function lowBitWeight(type: string, flops: number, levels: (graph: Builder, w: Value, overChannel: (x: Value, reduction: 'ReduceMax' | 'ReduceMean' | 'ReduceSum') => Value) => Value, gradient: (graph: Builder, w: Value, dy: Value) => Value): Operator {
  return operator(type, {
    shape: ([w]) => [{ dtype: w.dtype, shape: w.shape }],
    cost: ([w]) => ({ flops: multiply(w.size, flops) }),
    coupling: (node) => {
      const others = knownShape(node.input(0)).flatMap((_, axis) => (axis === node.int('axis') ? [] : [axis]))
      return [...alongAxes(node, []), ...sameAxes(node.input(0), node.output, others)]
    },
    expansion({ graph, node, inputs: [w] }) {
      const axes = knownShape(w).flatMap((_, axis) => (axis === node.int('axis') ? [] : [axis]))
      return [levels(graph, w, (x, reduction) => graph.reduce(reduction, x, axes, true))]
    },
    gradient: ({ graph, inputs: [w], gradients: [dy] }) => [gradient(graph, w, dy)],
  }, HONE)
}

const magnitude = (graph: Builder, x: Value): Value => graph.op('Abs', [x])

/** int8, symmetric: round(w/s)·s with s = max |w| / 127. */
export const int8Weight = lowBitWeight('Int8Weight', 5, (graph, w, overChannel) => {
  const scale = graph.op('Max', [graph.div(overChannel(magnitude(graph, w), 'ReduceMax'), 127), graph.scalar(2 ** -126, w.dtype)])
  return graph.mul(graph.op('Round', [graph.div(w, scale)]), scale)
}, (_, __, dy) => dy)

/** α·{−1, 0, 1}: 0 up to Δ = 0.7·mean |w|, α the mean |w| beyond. Li et al. 2016, https://arxiv.org/abs/1605.04711 */
export const ternaryWeight = lowBitWeight('TernaryWeight', 6, (graph, w, overChannel) => {
  const size = magnitude(graph, w)
  const beyond = graph.cast(graph.op('Greater', [size, graph.mul(overChannel(size, 'ReduceMean'), 0.7)]), w.dtype)
  const count = graph.op('Max', [overChannel(beyond, 'ReduceSum'), graph.scalar(1, w.dtype)])
  const alpha = graph.div(overChannel(graph.mul(size, beyond), 'ReduceSum'), count)
  return graph.mul(graph.mul(graph.op('Sign', [w]), beyond), alpha)
}, (_, __, dy) => dy)

/** α·{−1, 1} with α = mean |w|; the gradient ends where |w| > 1. Rastegari et al. 2016 (XNOR-Net), https://arxiv.org/abs/1603.05279 */
export const binaryWeight = lowBitWeight('BinaryWeight', 4, (graph, w, overChannel) => {
  const alpha = overChannel(magnitude(graph, w), 'ReduceMean')
  const positive = graph.op('Not', [graph.op('Less', [w, graph.scalar(0, w.dtype)])])
  return graph.op('Where', [positive, alpha, graph.neg(alpha)])
}, (graph, w, dy) => graph.mul(dy, graph.cast(graph.op('LessOrEqual', [magnitude(graph, w), graph.scalar(1, w.dtype)]), dy.dtype)))
