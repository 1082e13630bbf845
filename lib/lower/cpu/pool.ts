import type { Builder } from '../../graph/builder.ts'
import { isStatic } from '../../graph/dim.ts'
import type { Node, Value } from '../../graph/graph.ts'
import { windowOf } from '../../graph/ops/window.ts'
import { IMAGE } from './layout.ts'
import type { Lowering, Recipe } from './lowering.ts'

/** Max pooling of windows of 2x2 (or 2x1, 1x2) that do not overlap: the larger of neighbouring columns, then of neighbouring rows. */
export const maxPool: Recipe = {
  layouts: (node) => (node.outputs.length === 1 && isHalving(node, node.input(0)) ? new Map([[node.input(0), IMAGE], [node.output, IMAGE]]) : null),
  lower(node, lowering) {
    const { larger } = halvings(node, lowering).at(-1)!
    lowering.write(node.output, lowering.builder.reshape(larger, IMAGE.held(node.output.shape as readonly number[])), IMAGE)
  },
}

/**
 * Its gradient: of two neighbours the first that is not smaller gets what arrives, the other the rest. Columns before rows, so that of equal
 * elements the window's first is chosen, as the runtime's own pooling does.
 */
export const maxPoolGrad: Recipe = {
  layouts: (node) => (isHalving(node, node.input(0)) ? new Map([[node.input(0), IMAGE], [node.input(1), IMAGE], [node.output, IMAGE]]) : null),
  lower(node, lowering) {
    const { builder } = lowering
    const dx = halvings(node, lowering).reduceRight((d, { first, second }) => {
      const [pairs, , depth] = first.shape as readonly number[]
      const arrived = builder.reshape(d, [pairs!, 1, depth!])
      const toFirst = builder.mul(arrived, builder.cast(builder.op('GreaterOrEqual', [first, second]), d.dtype))
      return builder.concat([toFirst, builder.sub(arrived, toFirst)], 1)
    }, lowering.read(node.input(1), IMAGE))
    lowering.write(node.output, builder.reshape(dx, IMAGE.held(node.output.shape as readonly number[])), IMAGE)
  },
}

function isHalving(node: Node, x: Value): boolean {
  if (!isStatic(x.shape) || x.shape.length !== 4 || x.dtype !== 'float32') return false
  const spatial = x.shape.slice(2)
  const { kernel, strides, dilations, pads } = windowOf(node, node.ints('kernel_shape'), spatial)
  const fits = kernel.every((size, i) => size <= 2 && size === strides[i] && spatial[i]! % size === 0)
  return fits && kernel.includes(2) && dilations.every((d) => d === 1) && pads.every((p) => p === 0)
}

/** Neighbours [pairs, 1, numbers behind] along one axis, and the larger of each two. */
interface Halving {
  readonly first: Value
  readonly second: Value
  readonly larger: Value
}

function halvings(node: Node, lowering: Lowering): readonly Halving[] {
  const [batch, channels, height, width] = node.input(0).shape as [number, number, number, number]
  const [down, across] = node.ints('kernel_shape') as [number, number]
  const depth = batch * channels
  const pixels = lowering.read(node.input(0), IMAGE)
  const columns = across === 2 ? [halved(lowering.builder, pixels, [(height * width) / 2, 2, depth])] : []
  if (down === 1) return columns
  return [...columns, halved(lowering.builder, columns[0]?.larger ?? pixels, [height / 2, 2, (width / across) * depth])]
}

function halved(builder: Builder, x: Value, pairs: readonly number[]): Halving {
  const [first, second] = builder.split(builder.reshape(x, pairs), [1, 1], 1)
  return { first: first!, second: second!, larger: builder.op('Max', [first!, second!]) }
}
