import type { Builder } from '../builder.ts'
import { floorDivide, multiply, sameDim, type Dim, type Shape } from '../dim.ts'
import type { Node, TensorType, Value } from '../graph.ts'
import { fixed, link, operator, type Link, type Operator, type Port } from '../operator.ts'
import { Tensor } from '../tensor.ts'
import { axisWithin, knownShape } from './arguments.ts'
import { contentsOf } from './elementwise.ts'
import { withSizes } from './shape.ts'

/** The factor of each axis and its new size, as far as they are known; a factor is 1 where an axis stays. */
interface Target {
  readonly scales: readonly (number | null)[]
  readonly sizes: readonly Dim[]
}

/** Upsample has the factors as its second input, Resize as its third, and the sizes as its fourth. */
function targetOf(node: Node, x: Shape): Target {
  const [given, sizes] = node.type === 'Upsample' || node.inputs.length === 2 ? [node.inputs[1]] : [node.inputs[2], node.inputs[3]]
  const axes = node.ints('axes', x.map((_, axis) => axis)).map((axis) => axisWithin(axis, x.length))
  const of = <T>(axis: number, list: readonly T[] | null | undefined, otherwise: T): T | null => (axes.includes(axis) ? (list?.[axes.indexOf(axis)] ?? null) : otherwise)
  if (sizes) {
    const wanted = node.string('keep_aspect_ratio_policy', 'stretch') === 'stretch' ? contentsOf(sizes) : null
    const next = x.map((d, axis) => of(axis, wanted, d))
    return { sizes: next, scales: next.map((d, axis) => (sameDim(d, x[axis]!) ? 1 : typeof d === 'number' && typeof x[axis] === 'number' ? d / x[axis] : null)) }
  }
  const scales = x.map((_, axis) => of(axis, factors(given), 1))
  return { scales, sizes: x.map((d, axis) => scaled(d, scales[axis]!)) }
}

/** PyTorch's exporter joins them of constants, in training mode. */
function factors(value: Value | null | undefined): readonly number[] | null {
  if (value?.producer?.type !== 'Concat') return value?.constant?.toNumbers() ?? null
  const parts = value.producer.inputs.map(factors)
  return parts.every((part) => part) ? parts.flatMap((part) => part!) : null
}

function scaled(size: Dim, by: number | null): Dim {
  if (by === null || size === null) return null
  if (Number.isInteger(by)) return multiply(size, by)
  return typeof size === 'number' ? Math.floor(size * by) : Number.isInteger(1 / by) ? floorDivide(size, 1 / by) : null
}

const shape = ([x]: readonly Value[], node: Node): TensorType[] => [{ dtype: x!.dtype, shape: x!.shape && targetOf(node, x!.shape).sizes }]

const resizedAxes = (node: Node, x: Shape): readonly number[] => targetOf(node, x).scales.flatMap((by, axis) => (by === 1 ? [] : [axis]))

/** Multiplications and additions of the entries that each new one is made of: one, two along each resized axis, or four. */
const cost: NonNullable<Operator['cost']> = ([x], node) => {
  if (!x.shape) return { flops: null }
  const taps = node.string('mode', 'nearest').startsWith('nearest') ? 1 : node.string('mode') === 'cubic' ? 4 : 2
  return { flops: multiply(...targetOf(node, x.shape).sizes, 2 * taps ** resizedAxes(node, x.shape).length - (taps === 1 ? 2 : 1)) }
}

function coupling(node: Node): readonly Link[] {
  const [x, y] = [node.input(0), node.output]
  const resized = resizedAxes(node, knownShape(x))
  return knownShape(x).flatMap((_, axis) => {
    const ports = [x, y].map((value): Port => ({ value, axis }))
    return resized.includes(axis) ? ports.map((port) => fixed(port, `${node} resizes axis ${axis} of "${port.value}"`)) : [link(ports[0]!, ports[1]!)]
  })
}

/** Sizes that are written down follow the entries that stay; those that are computed do so by themselves. */
const resized: NonNullable<Operator['resized']> = (node, kept, builder) => {
  const sizes = node.type === 'Upsample' ? null : node.inputs[3]
  const y = knownShape(node.output)
  if (!sizes) return
  const axes = node.ints('axes', y.map((_, axis) => axis)).map((axis) => axisWithin(axis, y.length))
  const left = axes.map((axis) => (typeof y[axis] === 'number' ? kept({ value: node.output, axis }).length : null))
  if (left.every((size, i) => size === null || size === y[axes[i]!])) return
  node.setInput(3, withSizes(sizes, left, builder))
}

/** Enlarges or reduces by interpolation, with factors or to sizes. https://onnx.ai/onnx/operators/onnx__Resize.html */
export const resize = operator('Resize', {
  shape, cost, coupling, resized,
  gradient({ graph, node, inputs: [x], gradients: [dy] }) {
    const mode = node.string('mode', 'nearest')
    if (!['nearest', 'linear'].includes(mode) || node.int('antialias')) throw new Error(`its gradient is known by the nearest entries and linear, not ${node.int('antialias') ? 'with antialias' : mode}`)
    const from = knownShape(x)
    const { scales, sizes } = targetOf(node, from)
    const axes = resizedAxes(node, from)
    if (isRepetition(node, scales, axes)) {
      const window = axes.map((axis) => scales[axis]!)
      return [graph.mul(graph.op('AveragePool', [dy], { kernel_shape: window, strides: window }), window.reduce((a, b) => a * b, 1))]
    }
    return [axes.reduce((d, axis) => {
      const [size, next, scale] = [from[axis]!, sizes[axis]!, scales[axis]!]
      if (typeof size !== 'number' || typeof next !== 'number' || scale === null) throw new Error(`its gradient needs known sizes, and axis ${axis} is ${size ?? '?'} long, and then ${next ?? '?'}`)
      return contracted(graph, d, sharesOf(node, size, next, scale), axis)
    }, dy)]
  },
})

/** The Resize of operator sets before 10. https://onnx.ai/onnx/operators/onnx__Upsample.html */
export const upsample = operator('Upsample', { shape, cost, coupling, resized })

/** Whether all that it does is repeat each entry of the spatial axes of images [N, C, H, W] some whole number of times. */
function isRepetition(node: Node, scales: readonly (number | null)[], axes: readonly number[]): boolean {
  const isOneToOne = (by: number) => Array.from({ length: 2 * by }, (_, i) => nearest(node, coordinate(node, i, 2, 2 * by, by))).every((source, i) => source === Math.floor(i / by))
  return node.string('mode', 'nearest') === 'nearest' && scales.length === 4 && axes.join() === '2,3' && axes.every((axis) => Number.isInteger(scales[axis]) && isOneToOne(scales[axis]!))
}

/** Where entry `i` of the new axis lies on the old one. */
function coordinate(node: Node, i: number, size: number, next: number, scale: number): number {
  const half = (i + 0.5) / scale - 0.5
  switch (node.string('coordinate_transformation_mode', 'half_pixel')) {
    case 'half_pixel': return half
    case 'pytorch_half_pixel': return next > 1 ? half : 0
    case 'half_pixel_symmetric': return (size / 2) * (1 - next / (scale * size)) + half
    case 'asymmetric': return i / scale
    case 'align_corners': return next > 1 ? (i * (size - 1)) / (next - 1) : 0
    default: throw new Error(`its gradient is not known with the coordinates ${node.string('coordinate_transformation_mode')}`)
  }
}

function nearest(node: Node, at: number): number {
  switch (node.string('nearest_mode', 'round_prefer_floor')) {
    case 'floor': return Math.floor(at)
    case 'ceil': return Math.ceil(at)
    case 'round_prefer_ceil': return Math.floor(at + 0.5)
    default: return Math.ceil(at - 0.5)
  }
}

/** For each entry of the new axis the share of each entry of the old one: [next, size]. */
function sharesOf(node: Node, size: number, next: number, scale: number): Tensor {
  const shares = new Float32Array(next * size)
  const within = (at: number) => Math.min(size - 1, Math.max(0, at))
  for (let i = 0; i < next; i++) {
    const at = coordinate(node, i, size, next, scale)
    if (node.string('mode', 'nearest') === 'nearest') shares[i * size + within(nearest(node, at))] = 1
    else {
      const low = Math.floor(within(at))
      shares[i * size + low]! += 1 - (within(at) - low)
      shares[i * size + within(low + 1)]! += within(at) - low
    }
  }
  return Tensor.float32([next, size], shares)
}

/** The product of d with a matrix [extent, others] along an axis. */
function contracted(graph: Builder, d: Value, matrix: Tensor, axis: number): Value {
  const factor = graph.cast(graph.tensor(matrix), d.dtype)
  const rank = knownShape(d).length
  if (axis === rank - 1) return graph.matmul(d, factor)
  const swapped = Array.from({ length: rank }, (_, a) => (a === axis ? rank - 1 : a === rank - 1 ? axis : a))
  return graph.transpose(graph.matmul(graph.transpose(d, swapped), factor), swapped)
}
