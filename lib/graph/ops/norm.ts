import { float } from '../attribute.ts'
import type { Builder } from '../builder.ts'
import { differs, multiply } from '../dim.ts'
import type { Node, Value } from '../graph.ts'
import { alongAxes, fixed, HONE, link, operator, sameAxes, type BatchNormStatistics, type Link } from '../operator.ts'
import { DATA_TYPES } from '../tensor.ts'
import { axisWithin, knownShape } from './arguments.ts'
import { nonZero } from './reduce.ts'

const perElement = (flops: number) => ([x]: readonly Value[]) => ({ flops: multiply(x.size, flops) })

/** Channels of x [N, C, ...], of the vectors [C], and of the outputs belong together. `axes`: those over which the statistics are taken. */
const channels = (axes: (x: Value) => readonly number[]) => (node: Node): readonly Link[] => [
  ...alongAxes(node, axes(node.input(0))),
  ...[...node.inputs.slice(1), ...node.outputs.slice(1)].flatMap((v) => (v ? [link({ value: v, axis: 0 }, { value: node.output, axis: 1 })] : [])),
]

/** A vector [C] as it is broadcast over x [N, C, ...]. */
const overChannels = (graph: Builder, vector: Value, x: Value) => graph.unsqueeze(vector, allButChannels(x))

const allButChannels = (x: Value) => knownShape(x).flatMap((_, axis) => (axis === 1 ? [] : [axis]))

/** scale·(x − mean)/√(var + ε) + B with stored statistics, as inference runs it. https://onnx.ai/onnx/operators/onnx__BatchNormalization.html */
export const batchNormalization = operator('BatchNormalization', {
  shape: ([x, scale]) => [{ dtype: x.dtype, shape: x.shape }, scale, scale],
  cost: perElement(2),
  coupling: channels(() => []),
  learned: () => [1, 2],
  statistics: [3, 4],
  training({ graph, node, inputs, batchNorm = statisticsOf(inputs) }) {
    if (batchNorm === 'running') return null
    const attributes = { epsilon: float(node.float('epsilon', 1e-5)), momentum: float(1 - node.float('momentum', 0.9)) }
    const outputs = graph.ops('BatchNormTrain', inputs, attributes, { domain: HONE, outputs: 5 })
    return { outputs: [outputs[0]!], moved: new Map([[inputs[3]!, outputs[1]!], [inputs[4]!, outputs[2]!]]) }
  },
  gradient({ graph, node, inputs: [x, scale, , mean, variance], gradients: [dy], wants }) {
    if (node.int('training_mode')) throw new Error(`in training mode only hone.BatchNormTrain has a gradient`)
    const inverse = graph.div(1, graph.sqrt(graph.add(variance, node.float('epsilon', 1e-5))))
    const normalized = () => graph.mul(graph.sub(x, overChannels(graph, mean, x)), overChannels(graph, inverse, x))
    return [
      wants(0) ? graph.mul(dy, overChannels(graph, graph.mul(scale, inverse), x)) : null,
      wants(1) ? graph.reduceSum(graph.mul(dy, normalized()), allButChannels(x)) : null,
      wants(2) ? graph.reduceSum(dy, allButChannels(x)) : null,
    ]
  },
})

/**
 * The running ones where no training ever moved them (mean 0, variance 1) though the shift is learned: such a network was trained with them fixed, and by the
 * batch's it would be another one. The published LPRNet is.
 */
function statisticsOf([, , shift, mean, variance]: readonly Value[]): BatchNormStatistics {
  const areAll = (value: Value, wanted: number) => value.constant?.toNumbers().every((x) => x === wanted)
  const first = shift!.constant?.toNumbers()[0]
  return areAll(mean!, 0) && areAll(variance!, 1) && first !== undefined && !areAll(shift!, first) ? 'running' : 'batch'
}

/**
 * Batch normalization in training (Ioffe & Szegedy 2015): (x [N, C, ...], scale, B, running mean, running variance) to (y, new running mean, new
 * running variance, mean, 1/√(var + ε)). Running statistics move by `momentum` as PyTorch's do, with the unbiased variance.
 */
export const batchNormTrain = operator('BatchNormTrain', {
  shape: ([x, scale]) => [{ dtype: x.dtype, shape: x.shape }, scale, scale, scale, scale],
  cost: perElement(7),
  coupling: channels(allButChannels),
  expansion({ graph, node, inputs: [x, scale, bias, runningMean, runningVariance] }) {
    const axes = allButChannels(x)
    const mean = graph.reduceMean(x, axes)
    const centred = graph.sub(x, overChannels(graph, mean, x))
    const variance = graph.reduceMean(graph.mul(centred, centred), axes)
    const inverse = graph.div(1, graph.sqrt(graph.add(variance, node.float('epsilon', 1e-5))))
    const y = graph.add(graph.mul(centred, overChannels(graph, graph.mul(scale, inverse), x)), overChannels(graph, bias, x))
    const momentum = node.float('momentum', 0.1)
    const count = graph.div(graph.cast(graph.op('Size', [x]), x.dtype), graph.cast(graph.op('Size', [mean]), x.dtype))
    const unbiased = graph.mul(variance, graph.div(count, graph.sub(count, 1)))
    const moved = (running: Value, batch: Value) => graph.add(graph.mul(running, 1 - momentum), graph.mul(batch, momentum))
    return [y, moved(runningMean, mean), moved(runningVariance, unbiased), mean, inverse]
  },
  gradient: ({ graph, inputs: [x, scale], outputs: [, , , mean, inverse], gradients: [dy] }) =>
    graph.ops('BatchNormTrainGrad', [dy, x, scale, mean, inverse], {}, { domain: HONE, outputs: 3 }),
}, HONE)

/** Gradients of x, scale and B of BatchNormTrain, from dy and the batch's statistics. */
export const batchNormTrainGrad = operator('BatchNormTrainGrad', {
  shape: ([, x, scale]) => [{ dtype: x.dtype, shape: x.shape }, scale, scale],
  cost: perElement(9),
  expansion({ graph, inputs: [dy, x, scale, mean, inverse] }) {
    const axes = allButChannels(x)
    const normalized = graph.mul(graph.sub(x, overChannels(graph, mean, x)), overChannels(graph, inverse, x))
    const dBias = graph.reduceSum(dy, axes)
    const dScale = graph.reduceSum(graph.mul(dy, normalized), axes)
    const share = overChannels(graph, graph.reduceMean(dy, axes), x)
    const slope = graph.mul(normalized, overChannels(graph, graph.reduceMean(graph.mul(dy, normalized), axes), x))
    const dx = graph.mul(graph.sub(graph.sub(dy, share), slope), overChannels(graph, graph.mul(scale, inverse), x))
    return [dx, dScale, dBias]
  },
}, HONE)

/** Over all axes from `axis` on, to (y, mean, 1/√(var + ε)). https://onnx.ai/onnx/operators/onnx__LayerNormalization.html */
export const layerNormalization = operator('LayerNormalization', {
  shape([x], node) {
    const statistics = { dtype: DATA_TYPES[node.int('stash_type', 1)] ?? null, shape: x.shape && x.shape.map((d, axis) => (layerAxes(x, node).includes(axis) ? 1 : d)) }
    return [{ dtype: x.dtype, shape: x.shape }, statistics, statistics]
  },
  learned: () => [1, 2],
  cost: perElement(8),
  gradient({ graph, node, inputs: [x, scale, bias], gradients: [dy], wants }) {
    const { normalized, backward } = normalization(graph, x, layerAxes(x, node), node.float('epsilon', 1e-5))
    return [
      wants(0) ? backward(graph.mul(dy, scale)) : null,
      wants(1) ? graph.sumTo(graph.mul(dy, normalized), scale) : null,
      bias && wants(2) ? graph.sumTo(dy, bias) : null,
    ]
  },
  coupling: (node) => [
    ...alongAxes(node, layerAxes(node.input(0), node)),
    ...node.inputs.slice(1).flatMap((v) => (v ? knownShape(v).map((_, axis) => fixed({ value: v, axis }, `${node} works along axis ${axis} of "${v}"`)) : [])),
    ...node.outputs.slice(1).flatMap((v) => sameAxes(node.input(0), v, layerAxes(node.input(0), node))),
  ],
})

/** The axes over which the statistics are taken: all from the given one on. */
function layerAxes(x: Value, node: Node): readonly number[] {
  const shape = knownShape(x)
  const first = axisWithin(node.int('axis', -1), shape.length)
  return shape.flatMap((_, axis) => (axis < first ? [] : [axis]))
}

/** (x − mean)/√(var + ε) over some axes of x, and what of dy, times the scale, arrives at x through it. */
function normalization(graph: Builder, x: Value, axes: readonly number[], epsilon: number) {
  const centred = graph.sub(x, graph.reduceMean(x, axes, true))
  const inverse = graph.div(1, graph.sqrt(graph.add(graph.reduceMean(graph.mul(centred, centred), axes, true), epsilon)))
  const normalized = graph.mul(centred, inverse)
  const backward = (d: Value) => {
    const slope = graph.mul(normalized, graph.reduceMean(graph.mul(d, normalized), axes, true))
    return graph.mul(graph.sub(graph.sub(d, graph.reduceMean(d, axes, true)), slope), inverse)
  }
  return { normalized, backward }
}

/** Each channel of each sample by itself: (x [N, C, ...], scale, B). https://onnx.ai/onnx/operators/onnx__InstanceNormalization.html */
export const instanceNormalization = operator('InstanceNormalization', {
  shape: ([x]) => [{ dtype: x.dtype, shape: x.shape }],
  learned: () => [1, 2],
  cost: perElement(7),
  gradient({ graph, node, inputs: [x, scale], gradients: [dy], wants }) {
    const { normalized, backward } = normalization(graph, x, knownShape(x).flatMap((_, axis) => (axis < 2 ? [] : [axis])), node.float('epsilon', 1e-5))
    return [
      wants(0) ? backward(graph.mul(dy, overChannels(graph, scale, x))) : null,
      wants(1) ? graph.reduceSum(graph.mul(dy, normalized), allButChannels(x)) : null,
      wants(2) ? graph.reduceSum(dy, allButChannels(x)) : null,
    ]
  },
  coupling: channels((x) => knownShape(x).flatMap((_, axis) => (axis < 2 ? [] : [axis]))),
})

/** The channels of each sample in groups, with a scale and a shift for each channel: (x [N, C, ...], scale, B). https://onnx.ai/onnx/operators/onnx__GroupNormalization.html */
export const groupNormalization = operator('GroupNormalization', {
  shape: ([x]) => [{ dtype: x.dtype, shape: x.shape }],
  learned: () => [1, 2],
  cost: perElement(7),
  gradient({ graph, node, inputs: [x, scale], gradients: [dy], wants }) {
    if (differs(knownShape(x)[1]!, knownShape(scale)[0]!)) throw new Error('its gradient is known with a scale for each channel, as operator set 21 has it')
    const grouped = (v: Value) => graph.reshape(v, [0, node.int('num_groups'), -1])
    const { normalized, backward } = normalization(graph, grouped(x), [2], node.float('epsilon', 1e-5))
    const apart = (v: Value) => graph.reshape(v, graph.shapeOf(x))
    return [
      wants(0) ? apart(backward(grouped(graph.mul(dy, overChannels(graph, scale, x))))) : null,
      wants(1) ? graph.reduceSum(graph.mul(dy, apart(normalized)), allButChannels(x)) : null,
      wants(2) ? graph.reduceSum(dy, allButChannels(x)) : null,
    ]
  },
  /** Groups go as a whole: a smaller one would have other statistics. */
  coupling(node) {
    const x = node.input(0)
    const [count, groups] = [knownShape(x)[1], node.int('num_groups')]
    if (typeof count !== 'number' || differs(count, knownShape(node.input(1))[0]!)) throw new Error(`${node} is pruned with a known number of channels, and a scale for each`)
    const size = count / groups
    const whole = (entries: readonly number[]) => [...new Set(entries.map((i) => Math.floor(i / size)))].flatMap((group) => Array.from({ length: size }, (_, i) => group * size + i))
    const port = { value: x, axis: 1 }
    return [...channels((v) => knownShape(v).flatMap((_, axis) => (axis < 2 ? [] : [axis])))(node), link(port, port, whole, whole)]
  },
  resized(node, kept) {
    const port = { value: node.input(0), axis: 1 }
    node.set('num_groups', (node.int('num_groups') * kept(port).length) / Number(port.value.shape![1]))
  },
})

/** Local response normalization, over neighbouring channels. https://onnx.ai/onnx/operators/onnx__LRN.html */
export const lrn = operator('LRN', { shape: ([x]) => [{ dtype: x.dtype, shape: x.shape }], cost: perElement(5), coupling: (node) => alongAxes(node, [1]) })

/** https://onnx.ai/onnx/operators/onnx__LpNormalization.html */
export const lpNormalization = operator('LpNormalization', {
  shape: ([x]) => [{ dtype: x.dtype, shape: x.shape }],
  cost: perElement(3),
  gradient({ graph, node, inputs: [x], outputs: [y], gradients: [dy] }) {
    const axes = [axisWithin(node.int('axis', -1), knownShape(x).length)]
    const isAbsolute = node.int('p', 2) === 1
    const norm = graph.reduce(isAbsolute ? 'ReduceL1' : 'ReduceL2', x, axes, true)
    const direction = isAbsolute ? graph.op('Sign', [x]) : y
    return [graph.div(graph.sub(dy, graph.mul(direction, graph.reduceSum(graph.mul(dy, y), axes, true))), nonZero(graph, norm))]
  },
  coupling: (node) => alongAxes(node, [axisWithin(node.int('axis', -1), knownShape(node.input(0)).length)]),
})
