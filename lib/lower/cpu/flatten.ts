import type { Node } from '../../graph/graph.ts'
import { isImage, IMAGE, transposed } from './layout.ts'
import type { Recipe } from './lowering.ts'

/**
 * An image as a row of numbers for each sample, in the plain order, by the transposition of a matrix. Written as conversion and Flatten it would be one of
 * four axes, for ONNX Runtime moves transpositions behind the splitting of axes: six times as slow.
 */
export const flatten: Recipe = {
  layouts: (node) => (isRowPerSample(node) ? new Map([[node.input(0), IMAGE]]) : null),
  lower(node, lowering) {
    const [n, c, h, w] = node.input(0).shape as [number, number, number, number]
    const pixels = transposed(lowering.builder, lowering.read(node.input(0), IMAGE), [h * w, n * c])
    lowering.write(node.output, lowering.builder.reshape(pixels, [n, c * h * w]))
  },
}

function isRowPerSample(node: Node): boolean {
  const [x, y] = [node.input(0), node.output]
  return isImage(x) && y.rank === 2 && y.shape![0] === x.shape![0]
}
