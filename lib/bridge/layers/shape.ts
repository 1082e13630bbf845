import { multiply } from '../../graph/dim.ts'
import type { Value } from '../../graph/graph.ts'
import { Tensor } from '../../graph/tensor.ts'
import { dropout } from '../../nn/layers.ts'
import type { Family, Reading, TensorFlow, Writing } from './family.ts'
import { IMAGE, natural, ordered, rankOf, type Held } from './held.ts'
import { channelsFirst, channelsLast, checkChannelsLast } from './layout.ts'

type Pairs = readonly (readonly [number, number])[]

function readPadding(layer: Reading): Value {
  const { builder, config, inputs: [x] } = layer
  checkChannelsLast(layer)
  const [[top, bottom], [left, right]] = config['padding'] as Pairs as [Pairs[0], Pairs[0]]
  return builder.op('Pad', [x!, builder.int64([0, 0, top, left, 0, 0, bottom, right])])
}

function readUpSampling(layer: Reading): Value {
  const { builder, config, inputs: [x] } = layer
  checkChannelsLast(layer)
  const [height, width] = config['size'] as [number, number]
  const scales = builder.tensor(Tensor.float32([4], [1, 1, height, width]))
  const mode = config['interpolation'] === 'bilinear' ? 'linear' : 'nearest'
  const [n, c, h, w] = x!.shape!
  const types = [{ dtype: x!.dtype, shape: [n!, c!, multiply(h!, height), multiply(w!, width)] }]
  return builder.op('Resize', [x!, null, scales], { mode, coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' }, { types })
}

function readFlatten({ scope, builder, inputs: [x] }: Reading): Value {
  return x!.rank === 2 ? x! : scope.op('Flatten', [channelsLast(builder, x!)])
}

/** Of all axes but the batch's. */
function readReshape({ builder, config, inputs: [x] }: Reading): Value {
  const target = (config['targetShape'] as (number | null)[]).map((size) => size ?? -1)
  return channelsFirst(builder, builder.reshape(channelsLast(builder, x!), [0, ...target]))
}

function readPermute({ builder, config, inputs: [x] }: Reading): Value {
  return channelsFirst(builder, builder.transpose(channelsLast(builder, x!), [0, ...(config['dims'] as number[])]))
}

/** The value with all its axes, in their own order. */
function plain(writing: Writing): TensorFlow.SymbolicTensor {
  return ordered(writing, writing.held(0), natural(rankOf(writing)))
}

function writeFlatten(writing: Writing): Held {
  const { tf, node } = writing
  if (node.int('axis', 1) !== 1) writing.refuse('TensorFlow.js flattens all axes but the first')
  const held = writing.held(0)
  if (held.axes.length <= 2 && held.axes.every((axis, i) => axis === i)) return { tensor: held.tensor, axes: [0, 1] }
  return { tensor: writing.apply(tf.layers.flatten({ name: writing.name() }), plain(writing)), axes: [0, 1] }
}

function writeReshape(writing: Writing): Held {
  const { tf, node } = writing
  const shape = node.output.shape ?? writing.refuse('the shape of its output is not known')
  const [batch, ...target] = shape
  if (String(batch) !== String(node.input(0).shape?.[0]) || target.filter((size) => typeof size !== 'number').length > 1) writing.refuse('TensorFlow.js keeps the batch axis as it is')
  const targetShape = target.map((size) => (typeof size === 'number' ? size : -1))
  return { tensor: writing.apply(tf.layers.reshape({ targetShape, name: writing.name() }), plain(writing)), axes: natural(shape.length) }
}

/** Only where the axes stand changes, not what TensorFlow holds. */
function writeTranspose(writing: Writing): Held {
  const { node } = writing
  const rank = rankOf(writing)
  const perm = node.ints('perm', natural(rank).toReversed())
  const { tensor, axes } = writing.held(0)
  return { tensor, axes: axes.map((axis) => perm.indexOf(axis)) }
}

function axesOf(writing: Writing, rank: number): number[] {
  const given = writing.stored(1)?.toNumbers() ?? writing.node.ints('axes')
  return given.map((axis) => (axis + rank) % rank)
}

function writeSqueeze(writing: Writing): Held {
  const { tf } = writing
  const rank = rankOf(writing)
  const gone = axesOf(writing, rank)
  const { tensor, axes } = writing.held(0)
  const left = axes.filter((axis) => !gone.includes(axis))
  const renumbered = left.map((axis) => axis - gone.filter((one) => one < axis).length)
  if (left.length === axes.length) return { tensor, axes: renumbered }
  const targetShape = left.map((axis) => tensor.shape[axes.indexOf(axis)] ?? -1).slice(1)
  return { tensor: writing.apply(tf.layers.reshape({ targetShape, name: writing.name() }), tensor), axes: renumbered }
}

function writeUnsqueeze(writing: Writing): Held {
  const rank = rankOf(writing)
  const added = axesOf(writing, rank + writing.stored(1)!.size)
  const places = natural(rank + added.length).filter((axis) => !added.includes(axis))
  const { tensor, axes } = writing.held(0)
  return { tensor, axes: axes.map((axis) => places[axis]!) }
}

function writePad(writing: Writing): Held {
  const { tf, node } = writing
  const pads = writing.stored(1)?.toNumbers() ?? writing.refuse('its padding is not stored')
  const value = writing.stored(2)?.toNumbers()[0] ?? 0
  const [n, c, top, left, m, d, bottom, right] = pads
  if (node.string('mode', 'constant') !== 'constant' || value !== 0 || pads.length !== 8 || n || c || m || d || pads.some((pad) => pad < 0)) writing.refuse('TensorFlow.js pads images with zeros alone')
  const layer = tf.layers.zeroPadding2d({ padding: [[top!, bottom!], [left!, right!]], name: writing.name() })
  return { tensor: writing.apply(layer, ordered(writing, writing.held(0), IMAGE)), axes: IMAGE }
}

function writeResize(writing: Writing): Held {
  const { tf, node } = writing
  const scales = writing.stored(2)?.toNumbers() ?? []
  const mode = node.string('mode', 'nearest')
  const isPlain = node.string('coordinate_transformation_mode', 'half_pixel') === 'asymmetric' && (mode === 'linear' || node.string('nearest_mode', 'round_prefer_floor') === 'floor')
  if (scales.length !== 4 || scales[0] !== 1 || scales[1] !== 1 || !scales.every(Number.isInteger) || !isPlain) writing.refuse('TensorFlow.js makes images larger by whole factors, from their first corner')
  const layer = tf.layers.upSampling2d({ size: [scales[2]!, scales[3]!], interpolation: mode === 'linear' ? 'bilinear' : 'nearest', name: writing.name() })
  return { tensor: writing.apply(layer, ordered(writing, writing.held(0), IMAGE)), axes: IMAGE }
}

export const shape: Family = {
  readers: {
    Flatten: readFlatten,
    Reshape: readReshape,
    Permute: readPermute,
    ZeroPadding2D: readPadding,
    UpSampling2D: readUpSampling,
    Dropout: ({ scope, config, inputs: [x] }) => dropout(Number(config['rate']))(scope, x!),
  },
  writers: {
    Flatten: writeFlatten,
    Reshape: writeReshape,
    Transpose: writeTranspose,
    Squeeze: writeSqueeze,
    Unsqueeze: writeUnsqueeze,
    Pad: writePad,
    Resize: writeResize,
    Identity: (writing) => writing.held(0),
    Dropout(writing) {
      const { tensor, axes } = writing.held(0)
      const rate = writing.stored(1)?.toNumbers()[0] ?? 0.5
      return { tensor: writing.apply(writing.tf.layers.dropout({ rate, name: writing.name() }), tensor), axes }
    },
    Cast(writing) {
      if (writing.node.output.users.some(({ type }) => type !== 'Gather')) writing.refuse('TensorFlow.js has no layer that changes a type')
      return writing.held(0)
    },
  },
}
