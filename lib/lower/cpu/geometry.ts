import { isStatic } from '../../graph/dim.ts'
import type { Node, Value } from '../../graph/graph.ts'
import { windowOf } from '../../graph/ops/window.ts'
import type { Axis } from './bilinear.ts'

/** The sizes of a two-dimensional convolution: all that its speed depends on. */
export interface Geometry {
  readonly batch: number
  readonly channels: number
  readonly filters: number
  readonly axes: readonly [Axis, Axis]
}

/** Of a Conv, a ConvGradInput or a ConvGradWeight. Null where it is grouped or dilated, not float32, or has not two spatial axes of known size. */
export function geometryOf(node: Node): Geometry | null {
  const [image, filter, output] = operands(node)
  if (!isStatic(image.shape) || !isStatic(filter.shape) || !isStatic(output.shape) || image.shape.length !== 4) return null
  const [batch, channels, ...inputs] = image.shape as [number, number, number, number]
  const [filters, , ...taps] = filter.shape as [number, number, number, number]
  const { strides, dilations, pads } = windowOf(node, taps, inputs)
  if (image.dtype !== 'float32' || node.int('group', 1) !== 1 || dilations.some((d) => d !== 1)) return null
  const axis = (i: 0 | 1): Axis => ({ input: inputs[i]!, output: Number(output.shape![i + 2]), taps: taps[i]!, stride: strides[i]!, padding: pads[i]! })
  return { batch, channels, filters, axes: [axis(0), axis(1)] }
}

/** Image, filter and output of the convolution that a node computes, or whose gradient it computes. */
export function operands(node: Node): readonly [image: Value, filter: Value, output: Value] {
  if (node.type === 'Conv') return [node.input(0), node.input(1), node.output]
  if (node.type === 'ConvGradInput') return [node.output, node.input(1), node.input(0)]
  return [node.input(0), node.output, node.input(1)]
}

/** Text that is equal for convolutions of equal sizes, such as `64x3x32x32 64x3x3 stride 1 padding 1`. */
export function geometryKey({ batch, channels, filters, axes: [rows, columns] }: Geometry): string {
  const both = (of: (axis: Axis) => number) => (of(rows) === of(columns) ? `${of(rows)}` : `${of(rows)},${of(columns)}`)
  return `${batch}x${channels}x${rows.input}x${columns.input} ${filters}x${rows.taps}x${columns.taps} stride ${both((a) => a.stride)} padding ${both((a) => a.padding)}`
}
