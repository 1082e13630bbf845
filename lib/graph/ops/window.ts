import { add, ceilDivide, floorDivide, formatShape, multiply, subtract, type Dim, type Shape } from '../dim.ts'
import type { Node, Value } from '../graph.ts'
import { fixed, type Link } from '../operator.ts'
import { knownShape } from './arguments.ts'

/** How a window slides over the spatial axes of a convolution or a pooling, as its attributes say. */
export interface Window {
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  /** Padding before each axis, then after each. */
  readonly pads: readonly number[]
}

/** @throws Error where `auto_pad` asks for a padding that depends on a size which is not known. */
export function windowOf(node: Node, kernel: readonly number[], input: Shape): Window {
  const rank = kernel.length
  const strides = node.ints('strides', Array(rank).fill(1))
  const dilations = node.ints('dilations', Array(rank).fill(1))
  const auto = node.string('auto_pad', 'NOTSET')
  if (!auto.startsWith('SAME')) return { kernel, strides, dilations, pads: auto === 'VALID' ? Array(2 * rank).fill(0) : node.ints('pads', Array(2 * rank).fill(0)) }
  const total = kernel.map((k, i) => {
    const size = input[i] ?? null
    const stride = strides[i]!
    if (typeof size !== 'number' && stride !== 1) throw new Error(`auto_pad ${auto} with stride ${stride} needs a known input size, not ${size ?? '?'}`)
    const steps = typeof size === 'number' ? Math.ceil(size / stride) - 1 : 0
    const span = dilations[i]! * (k - 1) + 1
    return typeof size === 'number' ? Math.max(0, steps * stride + span - size) : span - 1
  })
  const small = total.map((t) => Math.floor(t / 2))
  const large = total.map((t) => Math.ceil(t / 2))
  return { kernel, strides, dilations, pads: auto === 'SAME_UPPER' ? [...small, ...large] : [...large, ...small] }
}

/** Size of each spatial axis after the node's window. https://onnx.ai/onnx/operators/onnx__MaxPool.html @throws Error where the window does not fit. */
export function windowed(node: Node, kernel: readonly number[], input: Shape): Dim[] {
  const rank = kernel.length
  if (rank !== input.length) throw new Error(`a window of ${kernel.join('x')} does not fit into ${formatShape(input)}`)
  const strides = node.ints('strides', Array(rank).fill(1))
  if (node.string('auto_pad').startsWith('SAME')) return input.map((size, i) => ceilDivide(size, strides[i]!))
  const { dilations, pads } = windowOf(node, kernel, input)
  const ceil = node.int('ceil_mode') === 1
  return kernel.map((k, i) => {
    const [size, stride, before, after] = [input[i] ?? null, strides[i]!, pads[i]!, pads[i + rank]!]
    const span = dilations[i]! * (k - 1) + 1
    const room = subtract(add(size, before + after), span)
    if (typeof room === 'number' && room < 0) throw new Error(`a window of ${kernel.join('x')} does not fit into ${formatShape(input)}`)
    if (!ceil) return add(floorDivide(room, stride), 1)
    const steps = ceilDivide(room, stride)
    // a last window that would begin in the padding after the input is dropped
    if (typeof steps === 'number' && typeof size === 'number') return steps * stride >= size + before ? steps : steps + 1
    return after + stride > span ? null : add(steps, 1)
  })
}

/** The spatial axes of x [N, C, ...], over which the node slides a window or takes a mean: they can lose no entry. */
export function spatialAxes(node: Node, x: Value): Link[] {
  return knownShape(x).flatMap((_, axis) => (axis < 2 ? [] : [fixed({ value: x, axis }, `${node} works along axis ${axis} of "${x}"`)]))
}

/** The input size that a transposed convolution (a convolution's gradient) answers with. */
export function unwindowed(output: Shape, { kernel, strides, dilations, pads }: Window, extra: readonly number[]): Dim[] {
  return kernel.map((k, i) => add(multiply(strides[i]!, subtract(output[i] ?? null, 1)), extra[i] ?? 0, dilations[i]! * (k - 1) + 1, -pads[i]! - pads[i + kernel.length]!))
}
