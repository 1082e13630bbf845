import type { Builder } from '../builder.ts'
import { isStatic, multiply, type Shape } from '../dim.ts'
import type { Node, Value } from '../graph.ts'
import { addedUp, fixed, link, operator, type Operator, type Port } from '../operator.ts'
import { axisWithin, knownShape, numbers } from './arguments.ts'

/** The axes that a reduction runs over: an attribute in old operator sets, an input in newer ones; all where neither says. Null: known only at run time. */
function axesOf(node: Node, rank: number): readonly number[] | null {
  const given = numbers(node, 1, 'axes')
  if (given === null) return null
  if (!given?.length) return node.int('noop_with_empty_axes') ? [] : Array.from({ length: rank }, (_, axis) => axis)
  return given.map((axis) => axisWithin(axis, rank))
}

function reduced(x: Value, node: Node): Shape | null {
  const axes = x.shape && axesOf(node, x.shape.length)
  if (!axes) return null
  return node.int('keepdims', 1) ? x.shape!.map((d, axis) => (axes.includes(axis) ? 1 : d)) : x.shape!.filter((_, axis) => !axes.includes(axis))
}

/** A value of the output's shape as it is broadcast over the input. */
function spread(graph: Builder, value: Value, x: Value, node: Node): Value {
  const axes = axesOf(node, knownShape(x).length)
  if (!axes) throw new Error('its axes are known only at run time')
  return node.int('keepdims', 1) || !axes.length ? value : graph.unsqueeze(value, axes)
}

/** Number of elements that each output stands for. */
function reducedCount(graph: Builder, x: Value, y: Value): Value {
  if (isStatic(x.shape) && isStatic(y.shape)) return graph.scalar(Number(x.size) / Number(y.size), x.dtype)
  return graph.cast(graph.div(graph.op('Size', [x]), graph.op('Size', [y])), x.dtype)
}

/**
 * Reductions to which zeros add nothing: entries of a reduced axis that are zero may go from them as channels may go from a convolution; of a mean, too, which
 * still divides by their former number (`shareOfMean`). An extreme would move.
 */
const SUMS = ['ReduceSum', 'ReduceSumSquare', 'ReduceL1', 'ReduceL2', 'ReduceMean']

/** Makes the mean of the entries that are left the mean over all that there were, as if the others were zero. */
function shareOfMean(node: Node, kept: (port: Port) => readonly number[], builder: Builder): void {
  const x = node.input(0)
  const axes = axesOf(node, knownShape(x).length) ?? []
  const share = axes.reduce((product, axis) => {
    const extent = x.shape![axis]
    return typeof extent === 'number' ? (product * kept({ value: x, axis }).length) / extent : product
  }, 1)
  if (share === 1) return
  const mean = node.graph.add('ReduceMean', node.inputs, new Map(node.attributes), { types: [node.output] }).output
  node.output.replaceWith(builder.mul(mean, share))
  node.remove()
}

/** Writes what of dy arrives at x; `spread` broadcasts over the input, `reduced` is the same reduction of another value. */
type Backward = (graph: Builder, x: Value, y: Value, dy: Value, spread: (v: Value) => Value, reduced: (v: Value) => Value) => Value

function reduction(type: string, flops: number, gradient?: Backward): Operator {
  return operator(type, {
    shape: ([x], node) => [{ dtype: x.dtype, shape: reduced(x, node) }],
    cost: ([x]) => ({ flops: multiply(x.size, flops) }),
    coupling(node) {
      const x = node.input(0)
      const axes = axesOf(node, knownShape(x).length)
      if (!axes) throw new Error(`${node}: its axes are known only at run time`)
      const kept = knownShape(x).flatMap((_, axis) => (axes.includes(axis) ? [] : [axis]))
      return [
        ...axes.map((axis) => {
          const port = { value: x, axis }
          if (SUMS.includes(type)) return addedUp(port, `${node} adds up axis ${axis} of "${x}", whose entries are not zero where what computes them is gone`)
          return fixed(port, `${node} reduces axis ${axis} of "${x}", and its result depends on the entries that would go`)
        }),
        ...kept.map((axis, i) => link({ value: x, axis }, { value: node.output, axis: node.int('keepdims', 1) ? axis : i })),
      ]
    },
    ...(type === 'ReduceMean' && { resized: shareOfMean }),
    ...(gradient && {
      gradient: ({ graph, node, inputs: [x], outputs: [y], gradients: [dy] }) => [
        gradient(graph, x, y, dy, (v) => spread(graph, v, x, node), (v) => graph.op(type, [v, node.inputs[1]], Object.fromEntries(node.attributes)))],
    }),
  })
}

const everywhere = (graph: Builder, value: Value, x: Value) => graph.op('Expand', [value, graph.shapeOf(x)])

/** Gradient for the elements that are the largest or smallest; ties share it. */
function extreme(graph: Builder, x: Value, y: Value, dy: Value, spread: (v: Value) => Value): Value {
  const chosen = graph.cast(graph.op('Equal', [x, spread(y)]), x.dtype)
  const ties = graph.sumTo(chosen, spread(y))
  return graph.mul(chosen, graph.div(spread(dy), ties))
}

/** The product of all others: of those that are not 0, over the element itself; 0 where another one is. */
function ofOthers(graph: Builder, x: Value, y: Value, dy: Value, spread: (v: Value) => Value, reduced: (v: Value) => Value): Value {
  const isZero = graph.cast(graph.op('Equal', [x, graph.scalar(0, x.dtype)]), x.dtype)
  const filled = graph.add(x, isZero)
  const otherZeros = graph.sub(graph.sumTo(isZero, spread(y)), isZero)
  const alone = graph.cast(graph.op('Equal', [otherZeros, graph.scalar(0, x.dtype)]), x.dtype)
  return graph.mul(graph.mul(spread(dy), alone), graph.div(spread(reduced(filled)), filled))
}

/** y, and 1 for 0: where a norm is 0, so is all that is divided by it. */
export const nonZero = (graph: Builder, y: Value) => graph.add(y, graph.cast(graph.op('Equal', [y, graph.scalar(0, y.dtype)]), y.dtype))

/** Sums, means and other reductions over axes. https://onnx.ai/onnx/operators/onnx__ReduceSum.html */
export const reductions = [
  reduction('ReduceSum', 1, (g, x, _, dy, spread) => everywhere(g, spread(dy), x)),
  reduction('ReduceMean', 1, (g, x, y, dy, spread) => everywhere(g, g.div(spread(dy), reducedCount(g, x, y)), x)),
  reduction('ReduceSumSquare', 2, (g, x, _, dy, spread) => g.mul(g.mul(x, 2), spread(dy))),
  reduction('ReduceL2', 2, (g, x, y, dy, spread) => g.mul(g.div(x, spread(nonZero(g, y))), spread(dy))),
  reduction('ReduceL1', 2, (g, x, _, dy, spread) => g.mul(g.op('Sign', [x]), spread(dy))),
  reduction('ReduceLogSumExp', 3, (g, x, y, dy, spread) => g.mul(g.exp(g.sub(x, spread(y))), spread(dy))),
  reduction('ReduceLogSum', 2, (g, x, y, dy, spread) => everywhere(g, spread(g.div(dy, g.exp(y))), x)),
  reduction('ReduceMax', 1, extreme),
  reduction('ReduceMin', 1, extreme),
  reduction('ReduceProd', 1, ofOthers),
]
