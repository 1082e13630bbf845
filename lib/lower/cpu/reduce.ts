import type { Node, Value } from '../../graph/graph.ts'
import { contentsOf } from '../../graph/ops/elementwise.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { IMAGE, isImage } from './layout.ts'
import type { Recipe } from './lowering.ts'
import { sumOf } from './norm.ts'

/** The sorted axes that a reduction names, counted from the front; empty where it runs over all of them. */
function axesOf(node: Node): string {
  const input = node.inputs[1]
  const axes = (input ? contentsOf(input) : node.ints('axes')) ?? []
  return String(axes.map((axis) => (Number(axis) < 0 ? Number(axis) + 4 : Number(axis))).sort())
}

const uniform = new WeakMap<Tensor, boolean>()

/** A constant matrix [1, n] of one number. */
export function isUniformRow({ constant }: Value): boolean {
  if (constant?.dtype !== 'float32' || constant.shape.length !== 2 || constant.shape[0] !== 1) return false
  if (!uniform.has(constant)) uniform.set(constant, constant.data.every((entry) => entry === constant.data[0]))
  return uniform.get(constant)!
}

/** Sums over batch and space, as the gradient of a bias is one: a row of ones times the rows of the image. */
export const overPixels: Recipe = {
  layouts: (node) => (isImage(node.input(0)) && axesOf(node) === '0,2,3' ? new Map([[node.input(0), IMAGE]]) : null),
  lower(node, lowering) {
    const x = lowering.read(node.input(0), IMAGE)
    const sums = sumOf(lowering.builder, lowering.row(Number(x.shape![0]), 1), x)
    lowering.write(node.output, node.int('keepdims', 1) ? lowering.builder.reshape(sums, [1, -1, 1, 1]) : sums)
  },
}

/** The mean over space, a global average pooling or a ReduceMean. */
export const overSpace: Recipe = {
  layouts(node) {
    if (!isImage(node.input(0)) || (node.type === 'ReduceMean' && axesOf(node) !== '2,3')) return null
    return new Map([[node.input(0), IMAGE], ...(node.output.rank === 4 ? [[node.output, IMAGE] as const] : [])])
  },
  lower(node, lowering) {
    const [batch, channels, height, width] = node.input(0).shape as [number, number, number, number]
    const pixels = height * width
    const x = lowering.builder.reshape(lowering.read(node.input(0), IMAGE), [pixels, batch * channels])
    const means = lowering.builder.reshape(lowering.builder.matmul(lowering.row(pixels, 1 / pixels), x), [batch, channels])
    lowering.write(node.output, means, node.output.rank === 4 ? IMAGE : undefined)
  },
}

/** The mean of all numbers, whose order does not matter. */
export const overAll: Recipe = {
  layouts(node) {
    const isAll = node.type === 'ReduceMean' && ['', '0,1,2,3'].includes(axesOf(node)) && !node.int('noop_with_empty_axes')
    return isAll && isImage(node.input(0)) ? new Map([[node.input(0), IMAGE]]) : null
  },
  lower(node, lowering) {
    const { builder } = lowering
    const x = lowering.read(node.input(0), IMAGE)
    const sums = sumOf(builder, lowering.row(Number(x.shape![0]), 1 / Number(x.size)), x)
    const mean = builder.op('ReduceSum', [sums], { keepdims: 0 })
    lowering.write(node.output, node.output.rank ? builder.reshape(mean, [1, 1, 1, 1]) : mean)
  },
}

/** One number spread over a whole image, as the gradient of its mean is. */
export const spreadAll: Recipe = {
  layouts: (node) => (isImage(node.output) && Number(node.input(0).size) === 1 ? new Map([[node.output, IMAGE]]) : null),
  lower(node, lowering) {
    const { builder } = lowering
    const number = builder.reshape(lowering.read(node.input(0)), [1, 1])
    lowering.write(node.output, builder.op('Expand', [number, builder.int64(IMAGE.held(node.output.shape as readonly number[]))]), IMAGE)
  },
}

/** One number for each image and channel, spread over its pixels, as the gradient of a mean over space is. */
export const spread: Recipe = {
  layouts(node) {
    const [x, output] = [node.input(0), node.output]
    const fits = isImage(x) && isImage(output) && String(x.shape) === String([...output.shape!.slice(0, 2), 1, 1])
    return fits ? new Map([[x, IMAGE], [output, IMAGE]]) : null
  },
  lower(node, lowering) {
    const [batch, channels, height, width] = node.output.shape as [number, number, number, number]
    const { builder } = lowering
    const row = builder.reshape(lowering.read(node.input(0), IMAGE), [1, batch * channels])
    const rows = builder.op('Expand', [row, builder.int64([height * width, batch * channels])])
    lowering.write(node.output, builder.reshape(rows, [height * width * batch, channels]), IMAGE)
  },
}
