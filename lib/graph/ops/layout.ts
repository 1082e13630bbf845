import { floorDivide, isStatic, multiply, type Dim, type Shape } from '../dim.ts'
import type { Node, Value } from '../graph.ts'
import { blocks, fixed, link, operator, type Link } from '../operator.ts'
import { axisWithin, knownShape } from './arguments.ts'
import { contentsOf } from './elementwise.ts'
import { spatialAxes } from './window.ts'

/** https://onnx.ai/onnx/operators/onnx__Transpose.html */
export const transpose = operator('Transpose', {
  shape([x], node) {
    if (!x.shape) return [{ dtype: x.dtype, shape: null }]
    const { shape } = x
    const perm = node.ints('perm', shape.map((_, axis) => shape.length - 1 - axis)).map((axis) => axisWithin(axis, shape.length))
    if (new Set(perm).size !== shape.length || perm.length !== shape.length) throw new Error(`perm [${perm}] is no order of ${shape.length} axes`)
    return [{ dtype: x.dtype, shape: perm.map((axis) => shape[axis]!), contents: perm.join() === '1,0' ? turned(contentsOf(x), shape) : null }]
  },
  cost: () => ({ flops: 0 }),
  gradient({ graph, node, inputs: [x], gradients: [dy] }) {
    const rank = knownShape(x).length
    const perm = node.ints('perm', Array.from({ length: rank }, (_, axis) => rank - 1 - axis))
    return [graph.transpose(dy, perm.map((_, axis) => perm.indexOf(axis)))]
  },
  coupling(node) {
    const [x, y] = [node.input(0), node.output]
    const rank = knownShape(x).length
    return node.ints('perm', Array.from({ length: rank }, (_, axis) => rank - 1 - axis)).map((from, axis) => link({ value: x, axis: from }, { value: y, axis }))
  },
})

/** The elements of a table of integers, column by column: PyTorch's pads go through one. */
function turned(contents: readonly Dim[] | null, [rows, columns]: Shape): readonly Dim[] | null {
  if (!contents || typeof rows !== 'number' || typeof columns !== 'number') return null
  return contents.map((_, i) => contents[(i % rows) * columns + Math.floor(i / rows)]!)
}

/** https://onnx.ai/onnx/operators/onnx__DepthToSpace.html */
export const depthToSpace = operator('DepthToSpace', {
  shape([x], node) {
    const size = node.int('blocksize')
    return [{ dtype: x.dtype, shape: x.shape && regridded(x.shape, (c) => exactly(c, size * size, 'channels'), (d) => multiply(d, size)) }]
  },
  cost: () => ({ flops: 0 }),
  coupling: (node) => inBlocks(node, node.input(0), node.output),
  gradient({ graph, node, inputs: [x], gradients: [dy] }) {
    const size = node.int('blocksize')
    const apart = graph.op('SpaceToDepth', [dy], { blocksize: size })
    if (node.string('mode', 'DCR') === 'DCR') return [apart]
    // in mode CRD a channel's block is the inner axis, where SpaceToDepth has it as the outer one
    return [graph.reshape(graph.transpose(graph.reshape(apart, [0, size * size, -1, ...knownShape(x).slice(2).map(Number)]), [0, 2, 1, 3, 4]), graph.shapeOf(x))]
  },
})

/** https://onnx.ai/onnx/operators/onnx__SpaceToDepth.html */
export const spaceToDepth = operator('SpaceToDepth', {
  shape([x], node) {
    const size = node.int('blocksize')
    return [{ dtype: x.dtype, shape: x.shape && regridded(x.shape, (c) => multiply(c, size * size), (d) => exactly(d, size, 'rows or columns')) }]
  },
  cost: () => ({ flops: 0 }),
  coupling: (node) => inBlocks(node, node.output, node.input(0)),
  gradient: ({ graph, node, gradients: [dy] }) => [graph.op('DepthToSpace', [dy], { blocksize: node.int('blocksize') })],
})

/** Each channel of `wide` is in `deep` one for each place of a block: neighbours in mode CRD, otherwise as far from each other as there are channels. */
function inBlocks(node: Node, deep: Value, wide: Value): readonly Link[] {
  const places = node.int('blocksize') ** 2
  const [few, many] = [{ value: wide, axis: 1 }, { value: deep, axis: 1 }]
  const count = knownShape(wide)[1]
  const spread = typeof count !== 'number' ? fixed(few, `${node}: how many channels it has is known only at run time`)
    : link(few, many, (entries) => Array.from({ length: places }, (_, k) => entries.map((i) => k * count + i)).flat(), (entries) => [...new Set(entries.map((i) => i % count))])
  return [
    ...[deep, wide].flatMap((value) => spatialAxes(node, value)), link({ value: deep, axis: 0 }, { value: wide, axis: 0 }),
    node.string('mode', 'DCR') === 'CRD' ? blocks(few, many, places) : spread,
  ]
}

function regridded([n, c, ...spatial]: readonly Dim[], channels: (d: Dim) => Dim, length: (d: Dim) => Dim): Dim[] {
  return [n!, channels(c!), ...spatial.map(length)]
}

/** @throws Error where `by` does not divide the dimension. */
function exactly(dim: Dim, by: number, what: string): Dim {
  if (isStatic([dim]) && Number(dim) % by) throw new Error(`${dim} ${what} are not a multiple of ${by}`)
  return floorDivide(dim, by)
}
