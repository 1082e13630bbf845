import * as tf from '@tensorflow/tfjs'
import type { Builder } from '../../../../lib/graph/builder.ts'
import type { Value } from '../../../../lib/graph/graph.ts'
import { HONE } from '../../../../lib/graph/operator.ts'
import { sizeOf, Tensor } from '../../../../lib/graph/tensor.ts'
import { lacking, node, positive, x, y, z, type Attributes, type OracleCase } from './oracle-case.ts'

const float = (value: number) => ({ type: 'float', value }) as const

/** Whole numbers from −4 to 4. */
function whole(shape: readonly number[], seed: number): Tensor {
  return Tensor.of('float64', shape, Array.from({ length: sizeOf(shape) }, (_, i) => ((i * 7 + seed * 5 + Math.floor(i / 9)) % 9) - 4))
}
const image = (...shape: number[]) => whole(shape, 1)
const filter = (...shape: number[]) => whole(shape, 2)
const offset = (...shape: number[]) => whole(shape, 3)

/** TensorFlow.js has the channels last. */
const last = (v: tf.Tensor) => v.transpose<tf.Tensor4D>([0, 2, 3, 1])
const first = (v: tf.Tensor) => v.transpose([0, 3, 1, 2])
const taps = (w: tf.Tensor) => w.transpose<tf.Tensor4D>([2, 3, 1, 0])

/** Pads [N, C, H, W]: top, left, bottom, right. */
const padded = (v: tf.Tensor, [top, left, bottom, right]: readonly [number, number, number, number], value = 0) => tf.pad(v, [[0, 0], [0, 0], [top, bottom], [left, right]], value)

/** Zeros between the taps: TensorFlow.js has no gradient of a dilated convolution. */
function spread(w: tf.Tensor, [down, across]: readonly [number, number]): tf.Tensor {
  const [k, c, h, width] = w.shape as [number, number, number, number]
  const apart = tf.pad(w.reshape([k, c, h, 1, width, 1]), [[0, 0], [0, 0], [0, 0], [0, down - 1], [0, 0], [0, across - 1]]).reshape([k, c, h * down, width * across])
  return apart.slice([0, 0, 0, 0], [k, c, (h - 1) * down + 1, (width - 1) * across + 1])
}

/** A convolution of each group by itself. */
function convolved(v: tf.Tensor, w: tf.Tensor, strides: [number, number], groups = 1): tf.Tensor {
  if (groups === 1) return first(tf.conv2d(last(v), taps(w), strides, 'valid'))
  const images = tf.split(v, groups, 1)
  return tf.concat(tf.split(w, groups, 0).map((some, i) => convolved(images[i]!, some, strides)), 1)
}

const biased = (v: tf.Tensor, bias: tf.Tensor) => v.add(bias.reshape([1, -1, 1, 1]))

const conv = (inputs: readonly Tensor[], attributes: Attributes, torch: string, tensorflow: (...v: tf.Tensor[]) => tf.Tensor): OracleCase =>
  node('Conv', inputs, attributes, { torch, tensorflow: (...v) => [tensorflow(...v)], differences: 'whole' })

const poolOf = (type: string, attributes: Attributes, torch: string, tensorflow: (v: tf.Tensor) => tf.Tensor, input = x(2, 3, 6, 7)): OracleCase =>
  node(type, [input], attributes, { torch, tensorflow: (v) => [tensorflow(v!)], ...(type !== 'MaxPool' && { differences: 'whole' as const }) })

/** (v − mean)/√(variance + ε)·scale + bias over some axes, all but that of the channels where `scale` counts those. */
function standardized(v: tf.Tensor, axes: number[], epsilon: number): tf.Tensor {
  const { mean, variance } = tf.moments(v, axes, true)
  return v.sub(mean).div(variance.add(epsilon).sqrt())
}
const groupsOf = (v: tf.Tensor) => v.reshape([2, 2, 12])

const resize = (scales: readonly number[], attributes: Attributes, torch: string, input = image(2, 2, 3, 4)): OracleCase => ({
  inputs: [input], torch, tensorflow: lacking('TensorFlow.js takes gradients of resized squares only'), differences: 'whole',
  hone: (graph, v) => [graph.op('Resize', [v!, null, graph.tensor(Tensor.float32([4], [1, 1, ...scales]))], attributes)],
})

const perChannel = (v: tf.Tensor, rank: number) => v.reshape([1, -1, ...Array<number>(rank - 2).fill(1)])
const alongChannels = (v: tf.Tensor, scale: tf.Tensor, bias: tf.Tensor) => v.mul(perChannel(scale, v.rank)).add(perChannel(bias, v.rank))

/** Its y; the running statistics that it moves are no part of a loss. */
const batchNormTrain = (inputs: readonly Tensor[], torch: string, axes: number[]): OracleCase => ({
  inputs, torch, tensorflow: (v, scale, bias) => [alongChannels(standardized(v!, axes, 1e-5), scale!, bias!)],
  hone(graph, v, scale, bias) {
    const running = [y, z].map((of) => graph.cast(graph.tensor(of(inputs[1]!.size)), v!.dtype))
    return graph.ops('BatchNormTrain', [v, scale, bias, ...running], {}, { domain: HONE, outputs: 5 }).slice(0, 1)
  },
})

/** The same in operators that ONNX Runtime has in float64, each channel by itself or some together. */
const normalized = (groups: number) => (graph: Builder, ...[v, scale, bias]: Value[]): Value[] => {
  const together = graph.reshape(v!, [0, groups, -1])
  const centred = graph.sub(together, graph.reduceMean(together, [2], true))
  const found = graph.div(centred, graph.sqrt(graph.add(graph.reduceMean(graph.mul(centred, centred), [2], true), 0.01)))
  return [graph.add(graph.mul(graph.reshape(found, graph.shapeOf(v!)), graph.unsqueeze(scale!, [1, 2])), graph.unsqueeze(bias!, [1, 2]))]
}

export const images: Readonly<Record<string, OracleCase>> = {
  'Conv': conv([image(2, 3, 5, 4), filter(4, 3, 3, 3), offset(4)], {}, 'F.conv2d(x[0], x[1], x[2])', (v, w, b) => biased(convolved(v!, w!, [1, 1]), b!)),
  'Conv, strides and unequal padding': conv([image(2, 2, 6, 5), filter(3, 2, 3, 2), offset(3)], { strides: [2, 3], pads: [2, 0, 1, 1] },
    'F.conv2d(F.pad(x[0], (0, 1, 2, 1)), x[1], x[2], stride=(2, 3))', (v, w, b) => biased(convolved(padded(v!, [2, 0, 1, 1]), w!, [2, 3]), b!)),
  'Conv, dilation': conv([image(2, 2, 6, 7), filter(3, 2, 2, 3)], { dilations: [3, 2], strides: [2, 1], pads: [1, 1, 1, 1] },
    'F.conv2d(x[0], x[1], stride=(2, 1), padding=1, dilation=(3, 2))', (v, w) => convolved(padded(v!, [1, 1, 1, 1]), spread(w!, [3, 2]), [2, 1])),
  'Conv, groups': conv([image(2, 4, 4, 4), filter(6, 2, 3, 3), offset(6)], { group: 2, pads: [1, 1, 1, 1] },
    'F.conv2d(x[0], x[1], x[2], padding=1, groups=2)', (v, w, b) => biased(convolved(padded(v!, [1, 1, 1, 1]), w!, [1, 1], 2), b!)),
  'Conv, groups with strides and dilation': conv([image(2, 6, 5, 6), filter(3, 2, 3, 2)], { group: 3, strides: [1, 2], dilations: [1, 2], pads: [0, 1, 1, 0] },
    'F.conv2d(F.pad(x[0], (1, 0, 0, 1)), x[1], stride=(1, 2), dilation=(1, 2), groups=3)', (v, w) => convolved(padded(v!, [0, 1, 1, 0]), spread(w!, [1, 2]), [1, 2], 3)),
  'Conv, depthwise': conv([image(2, 3, 5, 4), filter(3, 1, 3, 3)], { group: 3, strides: [2, 2], pads: [1, 1, 1, 1] },
    'F.conv2d(x[0], x[1], stride=2, padding=1, groups=3)', (v, w) => first(tf.depthwiseConv2d(last(padded(v!, [1, 1, 1, 1])), w!.transpose<tf.Tensor4D>([2, 3, 0, 1]), 2, 'valid'))),
  'Conv, depthwise, two filters a channel, dilated': conv([image(2, 3, 6, 5), filter(6, 1, 2, 3)], { group: 3, dilations: [2, 1], pads: [1, 0, 1, 2] },
    'F.conv2d(F.pad(x[0], (0, 2, 1, 1)), x[1], dilation=(2, 1), groups=3)', (v, w) => convolved(padded(v!, [1, 0, 1, 2]), spread(w!, [2, 1]), [1, 1], 3)),
  'Conv, one axis': node('Conv', [image(2, 2, 9), filter(3, 2, 3), offset(3)], { strides: [2], pads: [1, 1] }, {
    torch: 'F.conv1d(x[0], x[1], x[2], stride=2, padding=1)', differences: 'whole',
    tensorflow: (v, w, b) => [tf.conv1d(tf.pad(v!, [[0, 0], [0, 0], [1, 1]]).transpose<tf.Tensor3D>([0, 2, 1]), w!.transpose<tf.Tensor3D>([2, 1, 0]), 2, 'valid').add(b!).transpose([0, 2, 1])],
  }),
  'Conv, three axes': node('Conv', [image(1, 2, 3, 4, 3), filter(2, 2, 2, 2, 2), offset(2)], { strides: [1, 2, 1] }, {
    torch: 'F.conv3d(x[0], x[1], x[2], stride=(1, 2, 1))', differences: 'whole',
    tensorflow: (v, w, b) => [tf.conv3d(v!.transpose<tf.Tensor5D>([0, 2, 3, 4, 1]), w!.transpose<tf.Tensor5D>([2, 3, 4, 1, 0]), [1, 2, 1], 'valid').add(b!).transpose([0, 4, 1, 2, 3])],
  }),
  'ConvTranspose': node('ConvTranspose', [image(2, 3, 3, 4), filter(3, 2, 3, 3), offset(2)], { strides: [2, 2] }, {
    torch: 'F.conv_transpose2d(x[0], x[1], x[2], stride=2)', differences: 'whole',
    tensorflow: (v, w, b) => [biased(first(tf.conv2dTranspose(last(v!), w!.transpose<tf.Tensor4D>([2, 3, 1, 0]), [2, 7, 9, 2], 2, 'valid')), b!)],
  }),
  'ConvTranspose, padding and groups': node('ConvTranspose', [image(2, 4, 3, 3), filter(4, 2, 3, 3)], { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1], group: 2 }, {
    torch: 'F.conv_transpose2d(x[0], x[1], stride=2, padding=1, output_padding=1, groups=2)', differences: 'whole',
    tensorflow(v, w) {
      const filters = tf.split(w!, 2, 0)
      const whole = tf.split(v!, 2, 1).map((some, i) => first(tf.conv2dTranspose(last(some), filters[i]!.transpose<tf.Tensor4D>([2, 3, 1, 0]), [2, 8, 8, 2], 2, 'valid')))
      return [tf.concat(whole, 1).slice([0, 0, 1, 1], [2, 4, 6, 6])]
    },
  }),

  'MaxPool': poolOf('MaxPool', { kernel_shape: [2, 2], strides: [2, 2] }, 'F.max_pool2d(x[0], 2)', (v) => first(tf.maxPool(last(v), 2, 2, 'valid'))),
  'MaxPool, overlapping and padded': poolOf('MaxPool', { kernel_shape: [3, 3], strides: [2, 1], pads: [1, 1, 1, 1] }, 'F.max_pool2d(x[0], 3, (2, 1), 1)',
    (v) => first(tf.maxPool(last(padded(v, [1, 1, 1, 1], -1e9)), 3, [2, 1], 'valid'))),
  'MaxPool, last windows that stick out': poolOf('MaxPool', { kernel_shape: [3, 2], strides: [2, 2], ceil_mode: 1 }, 'F.max_pool2d(x[0], (3, 2), 2, ceil_mode=True)',
    (v) => first(tf.maxPool(last(padded(v, [0, 0, 1, 1], -1e9)), [3, 2], 2, 'valid'))),
  'AveragePool': poolOf('AveragePool', { kernel_shape: [2, 4], strides: [2, 1] }, 'F.avg_pool2d(x[0], (2, 4), (2, 1))', (v) => first(tf.avgPool(last(v), [2, 4], [2, 1], 'valid')), image(2, 3, 6, 7)),
  'AveragePool, padding counted': poolOf('AveragePool', { kernel_shape: [2, 2], strides: [2, 1], pads: [1, 1, 1, 1], count_include_pad: 1 }, 'F.avg_pool2d(x[0], 2, (2, 1), 1)',
    (v) => first(tf.avgPool(last(padded(v, [1, 1, 1, 1])), 2, [2, 1], 'valid')), image(2, 3, 6, 5)),
  'AveragePool, padding not counted': poolOf('AveragePool', { kernel_shape: [2, 2], strides: [1, 1], pads: [1, 1, 1, 1] }, 'F.avg_pool2d(x[0], 2, 1, 1, count_include_pad=False)',
    (v) => {
      const sums = (u: tf.Tensor) => tf.avgPool(last(padded(u, [1, 1, 1, 1])), 2, 1, 'valid').mul(4)
      return first(sums(v).div(sums(tf.onesLike(v))))
    }, image(2, 3, 4, 5)),
  'GlobalMaxPool': node('GlobalMaxPool', [x(2, 3, 4, 5)], {}, {
    torch: 'F.adaptive_max_pool2d(x[0], 1)', tensorflow: (v) => [v!.max([2, 3], true)], differences: { as: (graph, v) => [graph.op('ReduceMax', [v, graph.int64([2, 3])])] },
  }),
  'GlobalAveragePool': poolOf('GlobalAveragePool', {}, 'F.adaptive_avg_pool2d(x[0], 1)', (v) => v.mean([2, 3], true), image(2, 3, 4, 4)),

  'BatchNormalization, stored statistics': {
    inputs: [x(2, 3, 2, 4), y(3), z(3)],
    hone(graph, v, scale, bias) {
      const [mean, variance] = [y(3), positive(z(3))].map((tensor) => graph.tensor(tensor))
      return [graph.op('BatchNormalization', [v, scale, bias, mean, variance], { epsilon: float(0.01) })]
    },
    torch: `F.batch_norm(x[0], torch.tensor([${y(3).toNumbers()}]), torch.tensor([${positive(z(3)).toNumbers()}]), x[1], x[2], eps=0.01)`,
    tensorflow: (v, scale, bias) => [alongChannels(v!.sub(perChannel(tf.tensor(y(3).toNumbers()), 4)).div(perChannel(tf.tensor(positive(z(3)).toNumbers()), 4).add(0.01).sqrt()), scale!, bias!)],
  },
  'BatchNormTrain': batchNormTrain([x(3, 3, 2, 4), y(3), z(3)], 'F.batch_norm(x[0], None, None, x[1], x[2], training=True)', [0, 2, 3]),
  'BatchNormTrain of rows': batchNormTrain([x(6, 4), y(4), z(4)], 'F.batch_norm(x[0], None, None, x[1], x[2], training=True)', [0]),
  'LayerNormalization': node('LayerNormalization', [x(2, 4, 3, 3), y(3, 3), z(3, 3)], { axis: -2, epsilon: float(0.01) }, {
    torch: 'F.layer_norm(x[0], (3, 3), x[1], x[2], 0.01)', tensorflow: (v, scale, bias) => [standardized(v!, [2, 3], 0.01).mul(scale!).add(bias!)],
  }),
  'LayerNormalization without bias': node('LayerNormalization', [x(4, 5), y(5)], {}, { torch: 'F.layer_norm(x[0], (5,), x[1])', tensorflow: (v, scale) => [standardized(v!, [1], 1e-5).mul(scale!)] }),
  'InstanceNormalization': node('InstanceNormalization', [x(2, 3, 4, 2), y(3), z(3)], { epsilon: float(0.01) }, {
    torch: 'F.instance_norm(x[0], weight=x[1], bias=x[2], eps=0.01)', tensorflow: (v, scale, bias) => [alongChannels(standardized(v!, [2, 3], 0.01), scale!, bias!)],
    differences: { as: normalized(3) },
  }),
  'GroupNormalization': node('GroupNormalization', [x(2, 4, 3, 2), y(4), z(4)], { num_groups: 2, epsilon: float(0.01) }, {
    torch: 'F.group_norm(x[0], 2, x[1], x[2], 0.01)', tensorflow: (v, scale, bias) => [alongChannels(standardized(groupsOf(v!), [2], 0.01).reshape([2, 4, 3, 2]), scale!, bias!)],
    differences: { as: normalized(2) },
  }),

  'Resize to the nearest': resize([2, 3], { mode: 'nearest', nearest_mode: 'floor', coordinate_transformation_mode: 'asymmetric' }, 'F.interpolate(x[0], scale_factor=(2, 3))'),
  'Resize to the nearest, smaller': resize([0.5, 1.5], { mode: 'nearest', nearest_mode: 'floor', coordinate_transformation_mode: 'asymmetric' }, 'F.interpolate(x[0], size=(3, 6))', image(2, 2, 6, 4)),
  'Resize, linear': resize([2, 0.5], { mode: 'linear', coordinate_transformation_mode: 'half_pixel' }, "F.interpolate(x[0], scale_factor=(2, 0.5), mode='bilinear')"),
  'Resize, linear between corners': resize([3, 1], { mode: 'linear', coordinate_transformation_mode: 'align_corners' }, "F.interpolate(x[0], size=(9, 4), mode='bilinear', align_corners=True)"),
}
