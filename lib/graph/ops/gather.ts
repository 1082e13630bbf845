import type { Builder } from '../builder.ts'
import { formatShape, isStatic, sameDim, type Dim, type Shape } from '../dim.ts'
import type { Node, Value } from '../graph.ts'
import { fixed, link, operator, sameAxes, type Link } from '../operator.ts'
import { sizeOf } from '../tensor.ts'
import { axisWithin, knownShape } from './arguments.ts'
import { contentsOf } from './elementwise.ts'

const picked = (node: Node, axis: number): Link => fixed({ value: node.input(0), axis }, `${node} picks entries of axis ${axis} by their indices`)

/** https://onnx.ai/onnx/operators/onnx__Gather.html */
export const gather = operator('Gather', {
  shape([x, indices], node) {
    if (!x.shape || !indices.shape) return [{ dtype: x.dtype, shape: null }]
    const axis = axisWithin(node.int('axis'), x.shape.length)
    return [{ dtype: x.dtype, shape: x.shape.toSpliced(axis, 1, ...indices.shape), contents: x.shape.length === 1 ? pick(x, indices) : null }]
  },
  learned: ({ inputs: [table] }) => (table?.shape && table.shape.length > 1 ? [0] : []),
  cost: () => ({ flops: 0 }),
  gradient: ({ graph, node, inputs: [x, indices], gradients: [dy] }) => [addedBack(graph, x, indices, dy, axisWithin(node.int('axis'), knownShape(x).length))],
  coupling(node) {
    const [x, indices, y] = [node.input(0), node.input(1), node.output]
    const axis = axisWithin(node.int('axis'), knownShape(x).length)
    const depth = knownShape(indices).length
    const place = (a: number) => (a < axis ? a : a + depth - 1)
    return [
      picked(node, axis),
      ...knownShape(x).flatMap((_, a) => (a === axis ? [] : [link({ value: x, axis: a }, { value: y, axis: place(a) })])),
      ...knownShape(indices).map((_, a) => link({ value: indices, axis: a }, { value: y, axis: axis + a })),
    ]
  },
})

/** Picks known entries of a shape. */
function pick(x: Value, indices: Value): readonly Dim[] | null {
  const contents = contentsOf(x)
  const wanted = contentsOf(indices)
  if (!contents || !wanted || !isStatic(wanted)) return null
  const bad = wanted.find((i) => i < -contents.length || i >= contents.length)
  if (bad !== undefined) throw new RangeError(`index ${bad} is outside ${x}, which has ${contents.length} elements`)
  return wanted.map((i) => contents.at(i)!)
}

/**
 * Zeros like x, with each entry of dy along `axis` added to the one that its index names. ScatterND would need no index for each element, but ONNX
 * Runtime's CPU kernel adds with several threads and loses sums where an index comes twice (seen in 1.30).
 */
function addedBack(graph: Builder, x: Value, indices: Value, dy: Value, axis: number): Value {
  const shape = knownShape(x)
  const behind = shape.slice(axis + 1)
  const before = shape.slice(0, axis).map(() => 0)
  const updates = graph.reshape(dy, isStatic(behind) ? [...before, -1, ...behind] : graph.concat([graph.int64([...before, -1]), graph.op('Shape', [x], { start: axis + 1 })], 0))
  const column = graph.reshape(indices, [...shape.slice(0, axis).map(() => 1), -1, ...behind.map(() => 1)])
  return graph.op('ScatterElements', [graph.zerosLike(x), graph.op('Expand', [column, graph.shapeOf(updates)]), updates], { axis, reduction: 'add' })
}

/** https://onnx.ai/onnx/operators/onnx__GatherElements.html */
export const gatherElements = operator('GatherElements', {
  shape: ([x, indices]) => [{ dtype: x.dtype, shape: indices.shape }],
  cost: () => ({ flops: 0 }),
  gradient: ({ graph, node, inputs: [x, indices], gradients: [dy] }) => [
    graph.op('ScatterElements', [graph.zerosLike(x), indices, dy], { axis: node.int('axis'), reduction: 'add' })],
  coupling(node) {
    const [x, indices] = [node.input(0), node.input(1)]
    const shape = knownShape(x)
    const axis = axisWithin(node.int('axis'), shape.length)
    const partial = shape.flatMap((d, a) => (a === axis || sameDim(d, knownShape(indices)[a]!) ? [] : [a]))
    return [picked(node, axis), ...partial.map((a) => picked(node, a)), ...sameAxes(x, node.output, [axis, ...partial]), ...sameAxes(indices, node.output)]
  },
})

/** https://onnx.ai/onnx/operators/onnx__GatherND.html */
export const gatherNd = operator('GatherND', {
  shape: ([x, indices], node) => [{ dtype: x.dtype, shape: x.shape && indices.shape && gatheredSlices(x.shape, indices.shape, node.int('batch_dims')) }],
  cost: () => ({ flops: 0 }),
  gradient({ graph, node, inputs: [x, indices], gradients: [dy] }) {
    if (node.int('batch_dims')) throw new Error('its gradient is known without batch_dims only')
    const depth = Number(knownShape(indices).at(-1))
    const named: Shape = knownShape(x).slice(0, depth)
    const behind: Shape = knownShape(x).slice(depth)
    if (!isStatic(named)) throw new Error(`the gradient of slices picked from ${formatShape(x.shape)} needs known sizes of the axes that its indices name`)
    const strides = named.map((_, axis) => sizeOf(named.slice(axis + 1)))
    const sizes = graph.int64(named)
    const counted = graph.op('Mod', [graph.add(indices, sizes), sizes])
    const rows = graph.reduceSum(graph.mul(counted, graph.int64(strides)), [knownShape(indices).length - 1])
    const flat = graph.reshape(x, isStatic(behind) ? [sizeOf(named), ...behind] : graph.concat([graph.int64([sizeOf(named)]), graph.op('Shape', [x], { start: depth })], 0))
    return [graph.reshape(addedBack(graph, flat, rows, dy, 0), graph.shapeOf(x))]
  },
})

/** Each last row of the indices names a slice of x, behind the batch dimensions. */
function gatheredSlices(x: Shape, indices: Shape, batch: number): Shape | null {
  const depth = indices.at(-1)
  if (typeof depth !== 'number') return null
  if (batch + depth > x.length) throw new Error(`its indices ${formatShape(indices)} name ${depth} axes of ${formatShape(x.slice(batch))}`)
  return [...indices.slice(0, -1), ...x.slice(batch + depth)]
}
