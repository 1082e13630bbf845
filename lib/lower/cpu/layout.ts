import type { Builder } from '../../graph/builder.ts'
import { isStatic } from '../../graph/dim.ts'
import type { Value } from '../../graph/graph.ts'
import { sizeOf, Tensor } from '../../graph/tensor.ts'

/** How the lowered graph holds a tensor: the order of its axes, and how they are grouped into fewer. */
export interface Layout {
  readonly name: 'plain' | 'image' | 'filter' | 'features'
  /** Which axis of the plain tensor stands at each place; null where all stay as they are. */
  readonly order: readonly number[] | null
  /** The shape that holds a plain tensor of `shape`. */
  held(shape: readonly number[]): readonly number[]
}

/** As the network was written. */
export const PLAIN: Layout = { name: 'plain', order: null, held: (shape) => shape }

/** Activations [N, C, H, W] as rows [H·W·N, C]: sums over channels, batch and space are then matrix products without any transposition. */
export const IMAGE: Layout = { name: 'image', order: [2, 3, 0, 1], held: ([n, c, h, w]) => [h! * w! * n!, c!] }

/** Whether a value can be held so: float32 numbers of known sizes on four axes. */
export const isImage = (x: Value): boolean => isStatic(x.shape) && x.shape.length === 4 && x.dtype === 'float32'

/** Filters [K, C, h, w] as [h·w, C·K]: a row for each tap, as the transformation of filters is a matrix product over taps. */
export const FILTER: Layout = { name: 'filter', order: [2, 3, 1, 0], held: ([k, c, h, w]) => [h! * w!, c! * k!] }

/** Sequences [T, N, F] as [T, F, N]: a product with a weight then has the samples as its columns. */
export const FEATURES: Layout = { name: 'features', order: [0, 2, 1], held: ([t, n, f]) => [t!, f!, n!] }

/** A plain tensor in a layout. */
export function pack(tensor: Tensor, layout: Layout): Tensor {
  return layout.order ? permuted(tensor, layout.order).reshape(layout.held(tensor.shape)) : tensor
}

/** A tensor in a layout as the plain one of `shape`. */
export function unpack(tensor: Tensor, layout: Layout, shape: readonly number[]): Tensor {
  const { order } = layout
  if (!order) return tensor
  return permuted(tensor.reshape(order.map((axis) => shape[axis]!)), inverse(order))
}

/** Writes the conversion of a plain value. Of an image it is the transposition of a matrix, which is several times as fast as one of four axes. */
export function packed(graph: Builder, plain: Value, layout: Layout): Value {
  if (!layout.order) return plain
  const shape = plain.shape as readonly number[]
  return graph.reshape(layout === IMAGE ? transposed(graph, plain, pairs(shape)) : graph.transpose(plain, layout.order), layout.held(shape))
}

/** Writes the conversion back to a plain value of `shape`. */
export function unpacked(graph: Builder, held: Value, layout: Layout, shape: readonly number[]): Value {
  const { order } = layout
  if (!order) return held
  if (layout === IMAGE) return graph.reshape(transposed(graph, held, pairs(shape).toReversed()), shape)
  return graph.transpose(graph.reshape(held, order.map((axis) => shape[axis]!)), inverse(order))
}

const pairs = ([n, c, h, w]: readonly number[]): readonly number[] => [n! * c!, h! * w!]

/** A matrix that is given as anything of its size, transposed. */
export function transposed(graph: Builder, x: Value, matrix: readonly number[]): Value {
  return graph.transpose(graph.reshape(x, matrix), [1, 0])
}

const inverse = (order: readonly number[]): number[] => order.map((_, axis) => order.indexOf(axis))

function permuted(tensor: Tensor, order: readonly number[]): Tensor {
  const strides = tensor.shape.map((_, axis) => sizeOf(tensor.shape.slice(axis + 1)))
  const shape = order.map((axis) => tensor.shape[axis]!)
  const steps = order.map((axis) => strides[axis]!)
  const from = tensor.data
  const to = from.slice()
  let at = 0
  const copy = (axis: number, offset: number): void => {
    const [count, step] = [shape[axis]!, steps[axis]!]
    for (let i = 0, source = offset; i < count; i++, source += step) {
      if (axis === order.length - 1) to[at++] = from[source]!
      else copy(axis + 1, source)
    }
  }
  copy(0, 0)
  return Tensor.of(tensor.dtype, shape, to)
}
