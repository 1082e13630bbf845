import { multiply } from '../dim.ts'
import type { Node, Value } from '../graph.ts'
import { axisOf, link, operator, type Link } from '../operator.ts'

const sameType = ([x]: readonly Value[]) => [{ dtype: x.dtype, shape: x.shape }]
const axis = (node: Node) => axisOf(node.int('axis', -1), node.input(0).shape!.length)

/** Axes other than the normalized one pass through; removing entries of that one would change the others' values. */
function acrossOtherAxes(node: Node): readonly Link[] {
  return node.input(0).shape!.flatMap((_, a) => (a === axis(node) ? [] : [link({ value: node.input(0), axis: a }, { value: node.output, axis: a })]))
}

/** https://onnx.ai/onnx/operators/onnx__Softmax.html */
export const softmax = operator('Softmax', {
  shape: sameType,
  cost: ([x]) => ({ flops: multiply(x.size, 5) }),
  coupling: acrossOtherAxes,
  gradient({ graph, node, outputs: [y], gradients: [dy] }) {
    const weighted = graph.mul(dy, y)
    return [graph.sub(weighted, graph.mul(y, graph.reduceSum(weighted, [axis(node)], true)))]
  },
})

/** https://onnx.ai/onnx/operators/onnx__LogSoftmax.html */
export const logSoftmax = operator('LogSoftmax', {
  shape: sameType,
  cost: ([x]) => ({ flops: multiply(x.size, 5) }),
  coupling: acrossOtherAxes,
  gradient: ({ graph, node, outputs: [y], gradients: [dy] }) => [graph.sub(dy, graph.mul(graph.exp(y), graph.reduceSum(dy, [axis(node)], true)))],
})
