import { multiply } from '../dim.ts'
import type { Node, Value } from '../graph.ts'
import { alongAxes, operator } from '../operator.ts'
import { axisWithin, knownShape } from './arguments.ts'

const sameType = ([x]: readonly Value[]) => [{ dtype: x.dtype, shape: x.shape }]

/** The axes that are normalized together: one; in operator sets before 13 all from `axis` on. */
function axesOf(node: Node): readonly number[] {
  const shape = knownShape(node.input(0))
  const old = (node.graph.root.opsets.get('') ?? 1) < 13
  const first = axisWithin(node.int('axis', old ? 1 : -1), shape.length)
  return shape.flatMap((_, axis) => (axis === first || (old && axis > first) ? [axis] : []))
}

/** https://onnx.ai/onnx/operators/onnx__Softmax.html */
export const softmax = operator('Softmax', {
  shape: sameType,
  cost: ([x]) => ({ flops: multiply(x.size, 5) }),
  coupling: (node) => alongAxes(node, axesOf(node)),
  gradient({ graph, node, outputs: [y], gradients: [dy] }) {
    const weighted = graph.mul(dy, y)
    return [graph.sub(weighted, graph.mul(y, graph.reduceSum(weighted, axesOf(node), true)))]
  },
})

/** https://onnx.ai/onnx/operators/onnx__LogSoftmax.html */
export const logSoftmax = operator('LogSoftmax', {
  shape: sameType,
  cost: ([x]) => ({ flops: multiply(x.size, 5) }),
  coupling: (node) => alongAxes(node, axesOf(node)),
  gradient: ({ graph, node, outputs: [y], gradients: [dy] }) => [graph.sub(dy, graph.mul(graph.exp(y), graph.reduceSum(dy, axesOf(node), true)))],
})
