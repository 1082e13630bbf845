import type { Node, Value } from '../../graph/graph.ts'
import { countsAlong } from '../../graph/ops/pool.ts'
import { windowOf } from '../../graph/ops/window.ts'
import { onBothAxes, transform } from './axes.ts'
import { transpose, type Matrix } from './bilinear.ts'
import { isImage, IMAGE } from './layout.ts'
import type { Recipe } from './lowering.ts'

/** Means of windows: a matrix over the rows of the image, and one over its columns. */
export const averagePool: Recipe = {
  layouts: (node) => imagesOf(node.input(0), node.output),
  lower(node, lowering) {
    const x = node.input(0)
    const [rows, columns] = means(node, x, node.output)
    const y = transform(lowering, onBothAxes(rows, columns), lowering.read(x, IMAGE), depthOf(x))
    lowering.write(node.output, lowering.builder.reshape(y, IMAGE.held(node.output.shape as readonly number[])), IMAGE)
  },
}

/** Their gradient, by the same matrices transposed. */
export const averagePoolGrad: Recipe = {
  layouts: (node) => imagesOf(node.input(0), node.output),
  lower(node, lowering) {
    const dy = node.input(0)
    const [rows, columns] = means(node, node.output, dy)
    const dx = transform(lowering, onBothAxes(transpose(rows), transpose(columns)), lowering.read(dy, IMAGE), depthOf(dy))
    lowering.write(node.output, lowering.builder.reshape(dx, IMAGE.held(node.output.shape as readonly number[])), IMAGE)
  },
}

const imagesOf = (...values: readonly Value[]) => (values.every(isImage) ? new Map(values.map((value) => [value, IMAGE])) : null)

const depthOf = (image: Value): number => Number(image.shape![0]) * Number(image.shape![1])

/** For each spatial axis [windows, elements] the share that an element has in a window. */
function means(node: Node, x: Value, y: Value): [Matrix, Matrix] {
  const [sizes, counts] = [x, y].map((value) => value.shape!.slice(2) as number[]) as [number[], number[]]
  const window = windowOf(node, node.ints('kernel_shape'), sizes)
  const along = (axis: 0 | 1): Matrix => countsAlong(window, axis, sizes[axis]!, counts[axis]!, node.int('count_include_pad') === 1).map((count, o) => {
    const row = Array<number>(sizes[axis]!).fill(0)
    for (let k = 0; k < window.kernel[axis]!; k++) {
      const at = o * window.strides[axis]! - window.pads[axis]! + k * window.dilations[axis]!
      if (at >= 0 && at < row.length) row[at] = 1 / count
    }
    return row
  })
  return [along(0), along(1)]
}
