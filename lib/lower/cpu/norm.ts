import type { Builder } from '../../graph/builder.ts'
import type { Value } from '../../graph/graph.ts'
import { IMAGE, isImage } from './layout.ts'
import type { Lowering, Recipe } from './lowering.ts'

/** Batch normalization over rows: the mean of a column is a matrix product with a row of 1/rows, much faster than a reduction. */
export const batchNormTrain: Recipe = {
  layouts: (node) => (isImage(node.input(0)) ? new Map([[node.input(0), IMAGE], [node.outputs[0]!, IMAGE]]) : null),
  lower(node, lowering) {
    const { builder } = lowering
    const [x, scale, bias, runningMean, runningVariance] = node.inputs.map((_, i) => lowering.read(node.input(i), i ? undefined : IMAGE)) as [Value, Value, Value, Value, Value]
    const count = rowsOf(x)
    const mean = meanOf(lowering, x)
    const centred = builder.sub(x, mean)
    const variance = meanOf(lowering, builder.mul(centred, centred))
    const inverse = builder.div(1, builder.sqrt(builder.add(variance, node.float('epsilon', 1e-5))))
    const y = affine(builder, x, builder.mul(scale, inverse), mean, bias)
    const momentum = node.float('momentum', 0.1)
    const moved = (running: Value, batch: Value) => builder.add(builder.mul(running, 1 - momentum), builder.mul(batch, momentum))
    lowering.write(node.outputs[0]!, y, IMAGE)
    const statistics = [moved(runningMean, mean), moved(runningVariance, builder.mul(variance, count / (count - 1))), mean, inverse]
    statistics.forEach((value, i) => lowering.write(node.outputs[i + 1]!, value))
  },
}

/** With x̂ = (x − mean)/σ: dx = (dy − mean(dy) − x̂·mean(dy·x̂))·scale/σ. */
export const batchNormTrainGrad: Recipe = {
  layouts: (node) => (isImage(node.input(1)) ? new Map([[node.input(0), IMAGE], [node.input(1), IMAGE], [node.outputs[0]!, IMAGE]]) : null),
  lower(node, lowering) {
    const { builder } = lowering
    const [dy, x, scale, mean, inverse] = node.inputs.map((_, i) => lowering.read(node.input(i), i < 2 ? IMAGE : undefined)) as [Value, Value, Value, Value, Value]
    const count = rowsOf(x)
    const centred = builder.sub(x, mean)
    const share = meanOf(lowering, dy)
    const slope = builder.mul(meanOf(lowering, builder.mul(dy, centred)), inverse)
    const factor = builder.mul(scale, inverse)
    const tilt = builder.mul(builder.mul(slope, inverse), factor)
    const dx = builder.sub(builder.mul(dy, factor), affine(builder, x, tilt, mean, builder.mul(share, factor)))
    lowering.write(node.outputs[0]!, dx, IMAGE)
    lowering.write(node.outputs[1]!, builder.mul(slope, count))
    lowering.write(node.outputs[2]!, builder.mul(share, count))
  },
}

/** Batch normalization with stored statistics: a factor and an offset for each channel. */
export const batchNormalization: Recipe = {
  layouts: (node) => (isImage(node.input(0)) && node.outputs.length === 1 ? new Map([[node.input(0), IMAGE], [node.output, IMAGE]]) : null),
  lower(node, lowering) {
    const { builder } = lowering
    const [x, scale, bias, mean, variance] = node.inputs.map((_, i) => lowering.read(node.input(i), i ? undefined : IMAGE)) as [Value, Value, Value, Value, Value]
    const factor = builder.div(scale, builder.sqrt(builder.add(variance, node.float('epsilon', 1e-5))))
    lowering.write(node.output, affine(builder, x, factor, mean, bias), IMAGE)
  },
}

/** (x − mean)·factor + bias, by two operators over all rows. */
const affine = (builder: Builder, x: Value, factor: Value, mean: Value, bias: Value): Value => builder.add(builder.mul(x, factor), builder.sub(bias, builder.mul(mean, factor)))

const rowsOf = (x: Value): number => Number(x.shape![0])

/** Mean of each column [C] of rows [M, C]. */
function meanOf(lowering: Lowering, x: Value): Value {
  return sumOf(lowering.builder, lowering.row(rowsOf(x), 1 / rowsOf(x)), x)
}

/** row·x for a row [1, M] and rows [M, C], as a vector [C]. */
export function sumOf(builder: Builder, row: Value, x: Value): Value {
  return builder.reshape(builder.matmul(row, x), [-1])
}
