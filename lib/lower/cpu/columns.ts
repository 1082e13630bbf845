import type { Node, Value } from '../../graph/graph.ts'
import { MICROSOFT } from '../../graph/operator.ts'
import { indices } from './bilinear.ts'
import { geometryOf, operands, type Geometry } from './geometry.ts'
import { FILTER, IMAGE, PLAIN } from './layout.ts'
import type { Lowering, Recipe } from './lowering.ts'

/** From this many channels on, transforming tiles costs less than it saves. */
const FEW_CHANNELS = 16

/**
 * A convolution of few channels, such as the first of a network: every tap's pixels stand beside each other as columns, and the convolution is a
 * matrix product, and so is the gradient of its filter. https://hal.inria.fr/inria-00112631
 */
export const columns: Recipe = {
  layouts(node) {
    const geometry = geometryOf(node)
    if (!geometry || geometry.channels >= FEW_CHANNELS || node.type === 'ConvGradInput') return null
    const [, filter, output] = operands(node)
    return new Map([[filter, FILTER], [output, IMAGE]])
  },
  lower(node, lowering) {
    const geometry = geometryOf(node)!
    const [image, filter, output] = operands(node)
    const cols = columnsOf(lowering, geometry, lowering.read(image, PLAIN))
    if (node.type === 'Conv') lowering.write(output, forward(lowering, geometry, cols, lowering.read(filter, FILTER), node), IMAGE)
    else lowering.write(filter, gradFilter(lowering, geometry, cols, lowering.read(output, IMAGE)), FILTER)
  },
}

function forward(lowering: Lowering, { channels, filters, axes: [rows, columns] }: Geometry, cols: Value, w: Value, node: Node): Value {
  const { builder } = lowering
  const matrix = builder.reshape(w, [rows.taps * columns.taps * channels, filters])
  const y = builder.op('FusedMatMul', [cols, matrix], { transA: 1 }, { domain: MICROSOFT })
  const pixels = builder.reshape(y, [-1, filters])
  const bias = node.inputs[2]
  return bias ? builder.add(pixels, lowering.read(bias)) : pixels
}

function gradFilter({ builder }: Lowering, { batch, channels, filters, axes: [rows, columns] }: Geometry, cols: Value, dy: Value): Value {
  const byRow = builder.matmul(cols, builder.reshape(dy, [rows.output, columns.output * batch, filters]))
  return builder.reshape(builder.reduceSum(byRow, [0]), [rows.taps * columns.taps, channels * filters])
}

/** [rows of the output, taps·C, columns of the output·N] of plain pixels [N, C, H, W]. */
function columnsOf({ builder }: Lowering, { batch, channels, axes }: Geometry, x: Value): Value {
  const [rows, columns] = axes
  const batchLast = builder.transpose(builder.reshape(x, [batch, channels * rows.input * columns.input]), [1, 0])
  const byRow = builder.transpose(builder.reshape(batchLast, [channels, rows.input, columns.input, batch]), [1, 0, 2, 3])
  const [top, left] = axes.map(({ padding }) => padding) as [number, number]
  const [bottom, right] = axes.map(({ input, output, taps, stride, padding }) => Math.max(0, (output - 1) * stride + taps - input - padding)) as [number, number]
  const padded = top + left + bottom + right ? builder.op('Pad', [byRow, builder.int64([top, 0, left, 0, bottom, 0, right, 0])]) : byRow
  const taps = indices(rows.taps).flatMap((i) => indices(columns.taps).map((j) => {
    const [ends, strides] = [[i + (rows.output - 1) * rows.stride + 1, j + (columns.output - 1) * columns.stride + 1], [rows.stride, columns.stride]]
    return builder.reshape(builder.slice(padded, [i, j], ends, [0, 2], strides), [rows.output, channels, columns.output * batch])
  }))
  return builder.concat(taps, 1)
}
