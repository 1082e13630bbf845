import { add, ceilDivide, floorDivide, multiply, subtract, type Dim, type Shape } from '../dim.ts'
import type { Node } from '../graph.ts'

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

/** Size of each spatial axis after the window. https://onnx.ai/onnx/operators/onnx__MaxPool.html */
export function windowed(input: Shape, { kernel, strides, dilations, pads }: Window, ceil = false): Dim[] {
  const rank = kernel.length
  return kernel.map((k, i) => {
    const before = pads[i]!
    const room = subtract(add(input[i] ?? null, before + pads[i + rank]!), dilations[i]! * (k - 1) + 1)
    if (typeof room === 'number' && room < 0) throw new Error(`a window of ${kernel.join('x')} does not fit into [${input.map((d) => d ?? '?')}]`)
    if (!ceil) return add(floorDivide(room, strides[i]!), 1)
    const steps = ceilDivide(room, strides[i]!)
    // a last window that would begin in the padding after the input is dropped
    const beyond = typeof steps === 'number' && typeof input[i] === 'number' && steps * strides[i]! >= (input[i] as number) + before
    return add(steps, beyond ? 0 : 1)
  })
}

/** The input size that a transposed convolution (a convolution's gradient) answers with. */
export function unwindowed(output: Shape, { kernel, strides, dilations, pads }: Window, extra: readonly number[]): Dim[] {
  return kernel.map((k, i) => add(multiply(strides[i]!, subtract(output[i] ?? null, 1)), extra[i] ?? 0, dilations[i]! * (k - 1) + 1, -pads[i]! - pads[i + kernel.length]!))
}
