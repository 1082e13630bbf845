import { float } from '../../graph/attribute.ts'
import type { Value } from '../../graph/graph.ts'
import type { Family, Reading, TensorFlow, Writing } from './family.ts'
import { natural, ordered, rankOf, type Held } from './held.ts'
import { channelsFirst, channelsLast } from './layout.ts'

/** Scale and offset; TensorFlow leaves out one that was not asked for. */
function affine(layer: Reading, weights: TensorFlow.Tensor[], like: TensorFlow.Tensor): [Value, Value] {
  const { config } = layer
  const scale = config['scale'] === false ? like.mul(0).add(1) : weights.shift()!
  const offset = config['center'] === false ? like.mul(0) : weights.shift()!
  return [layer.parameter('weight', scale), layer.parameter('bias', offset)]
}

function readBatch(layer: Reading): Value {
  const { scope, builder, config, inputs: [input] } = layer
  const rank = input!.rank!
  const axis = Number(config['axis'])
  if (axis !== -1 && axis !== rank - 1) layer.refuse(`it normalizes axis ${axis}, and only the last one is known`)
  const weights = [...layer.weights]
  const [scale, offset] = affine(layer, weights, weights.at(-1)!)
  const running = [layer.parameter('running_mean', weights.at(-2)!, 'fixed'), layer.parameter('running_var', weights.at(-1)!, 'fixed')]
  const x = rank === 3 ? builder.transpose(input!, [0, 2, 1]) : input!
  const y = scope.op('BatchNormalization', [x, scale, offset, ...running], { epsilon: float(Number(config['epsilon'])), momentum: float(Number(config['momentum'])) })
  return rank === 3 ? builder.transpose(y, [0, 2, 1]) : y
}

function readLayer(layer: Reading): Value {
  const { scope, builder, config, inputs: [input] } = layer
  const x = channelsLast(builder, input!)
  const axes = [config['axis']].flat().map((axis) => (Number(axis) + x.rank!) % x.rank!)
  if (axes.some((axis, i) => axis !== x.rank! - axes.length + i)) layer.refuse(`it normalizes the axes ${axes.join(', ')}, and only the last ones are known`)
  const [like] = layer.weights
  if (!like) layer.refuse('it has neither a scale nor an offset')
  const [scale, offset] = affine(layer, [...layer.weights], like!)
  return channelsFirst(builder, scope.op('LayerNormalization', [x, scale, offset], { axis: -axes.length, epsilon: float(Number(config['epsilon'])) }))
}

function writeBatch(writing: Writing): Held {
  const { tf, node } = writing
  const rank = rankOf(writing)
  const axes = [0, ...natural(rank).slice(2), 1]
  const weights = [1, 2, 3, 4].map((i) => tf.tensor1d((writing.stored(i) ?? writing.refuse('its statistics are not stored')).toFloat32()))
  const layer = tf.layers.batchNormalization({ epsilon: node.float('epsilon', 1e-5), momentum: node.float('momentum', 0.9), name: writing.name() })
  return { tensor: writing.apply(layer, ordered(writing, writing.held(0), axes), weights), axes }
}

function writeLayer(writing: Writing): Held {
  const { tf, node } = writing
  const axes = natural(rankOf(writing))
  const scale = writing.stored(1) ?? writing.refuse('its scale is not stored')
  const offset = writing.stored(2)
  const normalized = scale.shape.map((_, i) => axes.length - scale.shape.length + i)
  const weights = [scale, ...(offset ? [offset] : [])].map((tensor) => tf.tensor(tensor.toFloat32(), [...tensor.shape]))
  const layer = tf.layers.layerNormalization({ axis: normalized, epsilon: node.float('epsilon', 1e-5), center: offset !== null, name: writing.name() })
  return { tensor: writing.apply(layer, ordered(writing, writing.held(0), axes), weights), axes }
}

export const normalization: Family = {
  readers: { BatchNormalization: readBatch, LayerNormalization: readLayer },
  writers: { BatchNormalization: writeBatch, LayerNormalization: writeLayer },
}
