import type { Node } from '../graph.ts'
import { fixed, link, noGradient, operator, type Link } from '../operator.ts'
import { axisWithin, integers, knownShape } from './arguments.ts'
import { contentsOf } from './elementwise.ts'

const axisOfInput = (node: Node, fallback: number): number => axisWithin(node.int('axis', fallback), knownShape(node.input(0)).length)

/** The axis along which the node compares or adds entries cannot lose one; the others pass through, moved up where that axis is dropped. */
function alongAxis(node: Node, axis: number, dropped = false): Link[] {
  const x = node.input(0)
  const others = knownShape(x).flatMap((_, a) => (a === axis ? [] : [a]))
  return [
    fixed({ value: x, axis }, `${node} works along axis ${axis}`),
    ...node.outputs.flatMap((y) => others.map((a) => link({ value: x, axis: a }, { value: y, axis: dropped && a > axis ? a - 1 : a }))),
  ]
}

/** Index of the largest or smallest entry along an axis. https://onnx.ai/onnx/operators/onnx__ArgMax.html */
export const extremes = ['ArgMax', 'ArgMin'].map((type) => operator(type, {
  shape: ([x], node) => [{ dtype: 'int64', shape: x.shape?.toSpliced(axisOfInput(node, 0), 1, ...(node.int('keepdims', 1) ? [1] : [])) ?? null }],
  cost: ([x]) => ({ flops: x.size }),
  gradient: noGradient,
  coupling: (node) => alongAxis(node, axisOfInput(node, 0), node.int('keepdims', 1) === 0),
}))

/** The k largest or smallest entries along an axis, and their indices. https://onnx.ai/onnx/operators/onnx__TopK.html */
export const topK = operator('TopK', {
  shape([x], node) {
    const k = integers(node, 1, 'k')?.[0] ?? null
    const shape = x.shape?.with(axisOfInput(node, -1), k) ?? null
    return [{ dtype: x.dtype, shape }, { dtype: 'int64', shape }]
  },
  cost: ([x]) => ({ flops: x.size }),
  coupling: (node) => alongAxis(node, axisOfInput(node, -1)),
})

/** Running sums. https://onnx.ai/onnx/operators/onnx__CumSum.html */
export const cumSum = operator('CumSum', {
  shape: ([x]) => [{ dtype: x.dtype, shape: x.shape }],
  cost: ([x]) => ({ flops: x.size }),
  gradient: ({ graph, node, inputs: [, axis], gradients: [dy] }) => [
    graph.op('CumSum', [dy, axis], { exclusive: node.int('exclusive'), reverse: 1 - node.int('reverse') })],
  coupling(node) {
    const axis = contentsOf(node.input(1))?.[0]
    if (typeof axis !== 'number') throw new Error(`${node}: along which axis it adds is known only at run time`)
    return alongAxis(node, axisWithin(axis, knownShape(node.input(0)).length))
  },
})

/** https://onnx.ai/onnx/operators/onnx__OneHot.html */
export const oneHot = operator('OneHot', {
  shape([indices, depth, values], node) {
    const rank = (indices.shape?.length ?? 0) + 1
    return [{ dtype: values.dtype, shape: indices.shape?.toSpliced(axisWithin(node.int('axis', -1), rank), 0, contentsOf(depth)?.[0] ?? null) ?? null }]
  },
  cost: () => ({ flops: 0 }),
  gradient: noGradient,
})

/** The elements that differ, each once, and where each element of x stands among them. https://onnx.ai/onnx/operators/onnx__Unique.html */
export const unique = operator('Unique', {
  shape([x], node) {
    const axis = node.attributes.has('axis') ? axisOfInput(node, 0) : null
    const shape = axis === null ? [null] : (x.shape?.with(axis, null) ?? null)
    return [{ dtype: x.dtype, shape }, { dtype: 'int64', shape: [null] }, { dtype: 'int64', shape: [axis === null ? x.size : (x.shape?.[axis] ?? null)] }, { dtype: 'int64', shape: [null] }]
  },
  cost: ([x]) => ({ flops: x.size }),
  gradient: noGradient,
})

/** Indices of the elements that are not zero, a column each: how many is known at run time only. https://onnx.ai/onnx/operators/onnx__NonZero.html */
export const nonZero = operator('NonZero', {
  shape: ([x]) => [{ dtype: 'int64', shape: [x.shape?.length ?? null, null] }],
  cost: ([x]) => ({ flops: x.size }),
  gradient: noGradient,
})
