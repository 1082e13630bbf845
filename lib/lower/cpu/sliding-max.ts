import type { Builder } from '../../graph/builder.ts'
import type { Node, Value } from '../../graph/graph.ts'
import { spread } from '../../graph/ops/slice.ts'
import { windowOf } from '../../graph/ops/window.ts'
import { isImage, IMAGE } from './layout.ts'
import type { Lowering, Recipe } from './lowering.ts'

/** Max pooling of any windows: the largest of neighbouring columns, then of neighbouring rows. */
export const slidingMax: Recipe = {
  layouts: (node) => (node.outputs.length === 1 && axesOf(node, node.input(0), node.output) ? new Map([[node.input(0), IMAGE], [node.output, IMAGE]]) : null),
  lower(node, lowering) {
    const [, largest] = stages(node, lowering, axesOf(node, node.input(0), node.output)!)
    lowering.write(node.output, lowering.builder.reshape(largest, IMAGE.held(node.output.shape as readonly number[])), IMAGE)
  },
}

/**
 * Its gradient: of the elements of a window the first that is not smaller gets what arrives, and windows that overlap add up. Columns come before rows, so that of
 * equal elements the window's first is chosen, as the runtime's own pooling does.
 */
export const slidingMaxGrad: Recipe = {
  layouts: (node) => (axesOf(node, node.input(0), node.input(1)) ? new Map([[node.input(0), IMAGE], [node.input(1), IMAGE], [node.output, IMAGE]]) : null),
  lower(node, lowering) {
    const { builder } = lowering
    const [done] = stages(node, lowering, axesOf(node, node.input(0), node.input(1))!)
    const dx = done.reduceRight((d, stage) => backward(builder, stage, d), lowering.read(node.input(1), IMAGE))
    lowering.write(node.output, builder.reshape(dx, IMAGE.held(node.output.shape as readonly number[])), IMAGE)
  },
}

/** How windows slide along one axis of `size` elements. */
interface Sliding {
  readonly size: number
  readonly windows: number
  readonly kernel: number
  readonly stride: number
  readonly dilation: number
  /** Padding before the first element and after the last. */
  readonly before: number
  readonly after: number
}

/** Null where the values are no images, or windows stick out beyond the padding. */
function axesOf(node: Node, x: Value, y: Value): readonly [Sliding, Sliding] | null {
  if (!isImage(x) || !isImage(y)) return null
  const sizes = x.shape!.slice(2) as number[]
  const { kernel, strides, dilations, pads } = windowOf(node, node.ints('kernel_shape'), sizes)
  const along = (i: 0 | 1): Sliding => ({
    size: sizes[i]!, windows: Number(y.shape![i + 2]), kernel: kernel[i]!, stride: strides[i]!, dilation: dilations[i]!, before: pads[i]!, after: pads[i + 2]!,
  })
  const axes = [along(0), along(1)] as const
  return axes.every(fits) ? axes : null
}

const fits = ({ size, windows, kernel, stride, dilation, before, after }: Sliding): boolean => (windows - 1) * stride + (kernel - 1) * dilation < size + before + after

/** What was compared along one axis: [lead, windows, tail] each, and the largest of them. */
interface Stage {
  readonly axis: Sliding
  readonly taps: readonly Value[]
  readonly largest: Value
}

/** Smaller than any number. */
const LEAST = -3.4e38

/** Along the columns, then along the rows; an axis along which windows are single elements is left out. */
function stages(node: Node, lowering: Lowering, [rows, columns]: readonly [Sliding, Sliding]): [Stage[], Value] {
  const { builder } = lowering
  const depth = Number(node.input(0).shape![0]) * Number(node.input(0).shape![1])
  const done: Stage[] = []
  let largest = lowering.read(node.input(0), IMAGE)
  for (const [axis, lead, tail] of [[columns, rows.size, depth], [rows, 1, columns.windows * depth]] as const) {
    if (axis.kernel === 1 && axis.stride === 1) continue
    const apart = builder.reshape(largest, [lead, axis.size, tail])
    const padded = axis.before || axis.after ? builder.op('Pad', [apart, builder.int64([0, axis.before, 0, 0, axis.after, 0]), builder.scalar(LEAST, 'float32')]) : apart
    const taps = Array.from({ length: axis.kernel }, (_, k) => {
      const start = k * axis.dilation
      return builder.slice(padded, [start], [start + (axis.windows - 1) * axis.stride + 1], [1], [axis.stride])
    })
    largest = taps.length === 1 ? taps[0]! : builder.op('Max', taps)
    done.push({ axis, taps, largest })
  }
  return [done, largest]
}

/** What arrives at each element before the stage. */
function backward(builder: Builder, { axis, taps, largest }: Stage, d: Value): Value {
  const parts: Value[] = []
  let rest = builder.reshape(d, largest.shape as readonly number[])
  for (const tap of taps.slice(0, -1)) {
    const share = builder.mul(rest, builder.cast(builder.op('GreaterOrEqual', [tap, largest]), d.dtype))
    parts.push(share)
    rest = builder.sub(rest, share)
  }
  const extent = axis.size + axis.before + axis.after
  const spreads = [...parts, rest].map((part, k) => spread(builder, part, { axis: 1, start: k * axis.dilation, step: axis.stride, count: axis.windows }, extent))
  const sum = spreads.length === 1 ? spreads[0]! : builder.op('Sum', spreads)
  return axis.before || axis.after ? builder.slice(sum, [axis.before], [axis.before + axis.size], [1]) : sum
}
