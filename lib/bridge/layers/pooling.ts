import type { Node, Value } from '../../graph/graph.ts'
import { windowOf } from '../../graph/ops/window.ts'
import { padded, windowAttributes, type Paddings } from './convolution.ts'
import type { Family, Reading, Writing } from './family.ts'
import { IMAGE, natural, ordered, rankOf, type Held } from './held.ts'
import { checkChannelsLast } from './layout.ts'

type Kind = 'MaxPool' | 'AveragePool'

function read2d(layer: Reading, type: Kind): Value {
  const { scope, config, inputs: [x] } = layer
  checkChannelsLast(layer)
  return scope.op(type, [x!], windowAttributes(layer, x!, config['poolSize'] as number[], config['strides'] as number[]))
}

function read1d(layer: Reading, type: Kind): Value {
  const { scope, builder, config, inputs: [input] } = layer
  const x = builder.transpose(input!, [0, 2, 1])
  return builder.transpose(scope.op(type, [x], windowAttributes(layer, x, [config['poolSize']].flat() as number[], [config['strides']].flat() as number[])), [0, 2, 1])
}

/** Over all positions: of an image its last two axes, of a sequence [N, T, C] its times. */
function readGlobal(layer: Reading, type: 'ReduceMean' | 'ReduceMax'): Value {
  const { scope, builder, config, inputs: [x] } = layer
  checkChannelsLast(layer)
  if (config['keepdims']) layer.refuse('"keepdims" has no counterpart')
  return scope.op(type, [x!, builder.int64(x!.rank === 4 ? [2, 3] : [1])], { keepdims: 0 })
}

/** TensorFlow's "same" leaves its padding out of means, as out of maxima; zeros count in means, and in maxima where all else is below. */
function paddings(node: Node): Paddings {
  if (node.type === 'MaxPool') return { same: true, zeros: isNeverNegative(node.input(0)) }
  const areCounted = node.int('count_include_pad') === 1
  return { same: !areCounted, zeros: areCounted }
}

const NEVER_NEGATIVE: ReadonlySet<string> = new Set(['Relu', 'Sigmoid', 'HardSigmoid', 'Softplus', 'Softmax'])
const KEEPING_SIGNS: ReadonlySet<string> = new Set(['MaxPool', 'AveragePool', 'Dropout', 'Identity'])

function isNeverNegative({ producer }: Value): boolean {
  if (!producer) return false
  if (producer.type === 'Clip') return (producer.inputs[1]?.constant?.toNumbers()[0] ?? -1) >= 0
  return NEVER_NEGATIVE.has(producer.type) || (KEEPING_SIGNS.has(producer.type) && isNeverNegative(producer.input(0)))
}

function write(writing: Writing): Held {
  const { tf, node } = writing
  const kernel = node.ints('kernel_shape')
  if (kernel.length !== 2) writing.refuse('TensorFlow.js takes poolings of images alone')
  if (node.int('ceil_mode') || node.ints('dilations', [1, 1]).some((d) => d !== 1)) writing.refuse('TensorFlow.js has neither ceil_mode nor dilations')
  const { strides } = windowOf(node, kernel, node.input(0).shape!.slice(2))
  const { x, padding } = padded(writing, kernel, paddings(node))
  const options = { poolSize: kernel as [number, number], strides: strides as [number, number], padding, name: writing.name() }
  return { tensor: writing.apply(node.type === 'MaxPool' ? tf.layers.maxPooling2d(options) : tf.layers.averagePooling2d(options), x), axes: IMAGE }
}

type Reduction = 'max' | 'average'

/** Over all positions of an image. */
const writeGlobal = (kind: Reduction) => (writing: Writing): Held => {
  const { layers } = writing.tf
  const layer = kind === 'max' ? layers.globalMaxPooling2d({ name: writing.name() }) : layers.globalAveragePooling2d({ name: writing.name() })
  return { tensor: writing.apply(layer, ordered(writing, writing.held(0), IMAGE)), axes: [0, 1] }
}

/** Over all positions of an image, or all times of a sequence [N, T, C]. */
const writeReduction = (kind: Reduction) => (writing: Writing): Held => {
  const { tf: { layers }, node } = writing
  const rank = rankOf(writing)
  const reduced = (writing.stored(1)?.toNumbers() ?? node.ints('axes')).map((axis) => (axis + rank) % rank)
  if (rank === 4 && String([...reduced].sort()) === '2,3') return writeGlobal(kind)(writing)
  if (rank !== 3 || String(reduced) !== '1') writing.refuse('TensorFlow.js reduces the positions of an image, or the times of a sequence, alone')
  const layer = kind === 'max' ? layers.globalMaxPooling1d({ name: writing.name() }) : layers.globalAveragePooling1d({ name: writing.name() })
  return { tensor: writing.apply(layer, ordered(writing, writing.held(0), natural(3))), axes: node.int('keepdims', 1) ? [0, 2] : [0, 1] }
}

export const pooling: Family = {
  readers: {
    MaxPooling1D: (layer) => read1d(layer, 'MaxPool'),
    MaxPooling2D: (layer) => read2d(layer, 'MaxPool'),
    AveragePooling1D: (layer) => read1d(layer, 'AveragePool'),
    AveragePooling2D: (layer) => read2d(layer, 'AveragePool'),
    GlobalAveragePooling1D: (layer) => readGlobal(layer, 'ReduceMean'),
    GlobalAveragePooling2D: (layer) => readGlobal(layer, 'ReduceMean'),
    GlobalMaxPooling1D: (layer) => readGlobal(layer, 'ReduceMax'),
    GlobalMaxPooling2D: (layer) => readGlobal(layer, 'ReduceMax'),
  },
  writers: {
    MaxPool: write,
    AveragePool: write,
    GlobalAveragePool: writeGlobal('average'),
    GlobalMaxPool: writeGlobal('max'),
    ReduceMean: writeReduction('average'),
    ReduceMax: writeReduction('max'),
  },
}
