import { floorDivide, isStatic, multiply, type Dim } from '../dim.ts'
import { link, operator } from '../operator.ts'
import { axisWithin, knownShape } from './arguments.ts'

/** https://onnx.ai/onnx/operators/onnx__Transpose.html */
export const transpose = operator('Transpose', {
  shape([x], node) {
    if (!x.shape) return [{ dtype: x.dtype, shape: null }]
    const { shape } = x
    const perm = node.ints('perm', shape.map((_, axis) => shape.length - 1 - axis)).map((axis) => axisWithin(axis, shape.length))
    if (new Set(perm).size !== shape.length || perm.length !== shape.length) throw new Error(`perm [${perm}] is no order of ${shape.length} axes`)
    return [{ dtype: x.dtype, shape: perm.map((axis) => shape[axis]!) }]
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

/** https://onnx.ai/onnx/operators/onnx__DepthToSpace.html */
export const depthToSpace = operator('DepthToSpace', {
  shape([x], node) {
    const size = node.int('blocksize')
    return [{ dtype: x.dtype, shape: x.shape && regridded(x.shape, (c) => exactly(c, size * size, 'channels'), (d) => multiply(d, size)) }]
  },
  cost: () => ({ flops: 0 }),
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
  gradient: ({ graph, node, gradients: [dy] }) => [graph.op('DepthToSpace', [dy], { blocksize: node.int('blocksize') })],
})

function regridded([n, c, ...spatial]: readonly Dim[], channels: (d: Dim) => Dim, length: (d: Dim) => Dim): Dim[] {
  return [n!, channels(c!), ...spatial.map(length)]
}

/** @throws Error where `by` does not divide the dimension. */
function exactly(dim: Dim, by: number, what: string): Dim {
  if (isStatic([dim]) && Number(dim) % by) throw new Error(`${dim} ${what} are not a multiple of ${by}`)
  return floorDivide(dim, by)
}
