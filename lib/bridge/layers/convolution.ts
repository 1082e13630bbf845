import type { AttributeInput } from '../../graph/attribute.ts'
import type { Value } from '../../graph/graph.ts'
import { windowOf } from '../../graph/ops/window.ts'
import { activated } from './activation.ts'
import type { Family, Reading, TensorFlow, Writing } from './family.ts'
import { IMAGE, ordered, type Held } from './held.ts'
import { checkChannelsLast } from './layout.ts'

/** How a window slides, as ONNX has it. TensorFlow's "same" depends on the size of the input, and may pad more after than before. */
export function windowAttributes({ config, refuse }: Reading, x: Value, kernel: readonly number[], strides: readonly number[], dilations: readonly number[] = kernel.map(() => 1)): Readonly<Record<string, AttributeInput>> {
  const attributes = { kernel_shape: kernel, strides, ...(dilations.some((d) => d !== 1) && { dilations }) }
  switch (config['padding']) {
    case 'valid': return { ...attributes, pads: kernel.flatMap(() => [0, 0]) }
    case 'same': return { ...attributes, ...samePadding(x.shape!.slice(2), kernel, strides, dilations) }
    default: return refuse(`its padding "${String(config['padding'])}" has no counterpart`)
  }
}

function samePadding(spatial: readonly unknown[], kernel: readonly number[], strides: readonly number[], dilations: readonly number[]): Readonly<Record<string, AttributeInput>> {
  if (!spatial.every((size) => typeof size === 'number')) return { auto_pad: 'SAME_UPPER' }
  const totals = kernel.map((k, i) => Math.max(0, (Math.ceil(Number(spatial[i]) / strides[i]!) - 1) * strides[i]! + dilations[i]! * (k - 1) + 1 - Number(spatial[i])))
  return { pads: [...totals.map((total) => Math.floor(total / 2)), ...totals.map((total) => Math.ceil(total / 2))] }
}

/** One convolution of an image; `filters` is [K, C / groups, kernel]. */
function convolved(layer: Reading, x: Value, name: string, filters: TensorFlow.Tensor, bias: TensorFlow.Tensor | undefined, group: number, attributes: object): Value {
  const weight = layer.parameter(`${name}weight`, filters)
  return layer.scope.op('Conv', [x, weight, bias ? layer.parameter(`${name}bias`, bias) : null], { ...attributes, group })
}

/** Filters of each channel: [H, W, C, M] to [C·M, 1, H, W]. */
const perChannel = (kernel: TensorFlow.Tensor): TensorFlow.Tensor => kernel.transpose([2, 3, 0, 1]).reshape([kernel.shape[2]! * kernel.shape[3]!, 1, kernel.shape[0]!, kernel.shape[1]!])

function read2d(layer: Reading, kind: 'full' | 'depthwise' | 'separable'): Value {
  const { config, weights, inputs: [x] } = layer
  checkChannelsLast(layer)
  const channels = Number(x!.shape![1])
  const [kernel] = weights
  const window = windowAttributes(layer, x!, kernel!.shape.slice(0, 2), config['strides'] as number[], config['dilationRate'] as number[])
  if (kind === 'full') return activated(layer, convolved(layer, x!, '', kernel!.transpose([3, 2, 0, 1]), weights[1], 1, window))
  if (kind === 'depthwise') return activated(layer, convolved(layer, x!, '', perChannel(kernel!), weights[1], channels, window))
  const deep = convolved(layer, x!, 'depthwise.', perChannel(kernel!), undefined, channels, window)
  return activated(layer, convolved(layer, deep, 'pointwise.', weights[1]!.transpose([3, 2, 0, 1]), weights[2], 1, {}))
}

/** A sequence [N, T, C] is moved to [N, C, T] and back. */
function read1d(layer: Reading): Value {
  const { builder, config, weights: [kernel, bias], inputs: [input] } = layer
  checkChannelsLast(layer)
  const x = builder.transpose(input!, [0, 2, 1])
  const window = windowAttributes(layer, x, [kernel!.shape[0]!], config['strides'] as number[], config['dilationRate'] as number[])
  return activated(layer, builder.transpose(convolved(layer, x, '', kernel!.transpose([2, 1, 0]), bias, 1, window), [0, 2, 1]))
}

/** What TensorFlow may pad an image with: on its own, by "same", and with a layer of zeros before. */
export interface Paddings {
  readonly same: boolean
  readonly zeros: boolean
}

/** An image, padded as the node pads it; and how TensorFlow's layer is told to pad then. */
export function padded(writing: Writing, kernel: readonly number[], { same, zeros }: Paddings = { same: true, zeros: true }): { x: TensorFlow.SymbolicTensor; padding: 'valid' | 'same' } {
  const { tf, node } = writing
  const x = ordered(writing, writing.held(0), IMAGE)
  const [before, after] = padsOf(writing, kernel)
  if ([...before, ...after].every((pad) => pad === 0)) return { x, padding: 'valid' }
  if (same && isSame(writing, kernel)) return { x, padding: 'same' }
  if (!zeros) writing.refuse(`it pads by ${[...before, ...after].join(', ')}, which is not TensorFlow's "same", and zeros would change what it finds${node.type === 'MaxPool' ? ': put it behind a relu' : ''}`)
  return { x: writing.apply(tf.layers.zeroPadding2d({ padding: [[before[0]!, after[0]!], [before[1]!, after[1]!]], name: writing.name('pad') }), x), padding: 'valid' }
}

function padsOf({ node }: Writing, kernel: readonly number[]): readonly [readonly number[], readonly number[]] {
  const { pads } = windowOf(node, kernel, node.input(0).shape!.slice(2))
  return [pads.slice(0, kernel.length), pads.slice(kernel.length)]
}

/** Whether the node pads as TensorFlow's "same" does. */
function isSame({ node }: Writing, kernel: readonly number[]): boolean {
  const spatial = node.input(0).shape!.slice(2)
  const { pads, strides, dilations } = windowOf(node, kernel, spatial)
  return String(samePadding(spatial, kernel, strides, dilations).pads) === String(pads)
}

function write(writing: Writing): Held {
  const { tf, node } = writing
  const filters = writing.stored(1) ?? writing.refuse('its filters are not stored')
  const [outChannels, perGroup, ...kernel] = filters.shape as [number, number, ...number[]]
  if (kernel.length !== 2) writing.refuse('TensorFlow.js takes convolutions of images alone')
  const group = node.int('group', 1)
  const { strides, dilations } = windowOf(node, kernel, node.input(0).shape!.slice(2))
  const { x, padding } = padded(writing, kernel)
  const bias = writing.stored(2)
  const options = { kernelSize: kernel as [number, number], strides: strides as [number, number], dilationRate: dilations as [number, number], padding, useBias: bias !== null, name: writing.name() }
  const weight = tf.tensor(filters.toFloat32(), [...filters.shape])
  const offset = bias ? [tf.tensor1d(bias.toFloat32())] : []
  if (group === 1) return { tensor: writing.apply(tf.layers.conv2d({ ...options, filters: outChannels }), x, [weight.transpose([2, 3, 1, 0]), ...offset]), axes: IMAGE }
  if (perGroup !== 1) writing.refuse(`it has ${group} groups of ${perGroup} channels, and TensorFlow.js has one group, or one for each channel`)
  const depthMultiplier = outChannels / group
  const depthwise = weight.reshape([group, depthMultiplier, ...kernel]).transpose([2, 3, 0, 1])
  return { tensor: writing.apply(tf.layers.depthwiseConv2d({ ...options, depthMultiplier }), x, [depthwise, ...offset]), axes: IMAGE }
}

export const convolution: Family = {
  readers: {
    Conv1D: read1d,
    Conv2D: (layer) => read2d(layer, 'full'),
    DepthwiseConv2D: (layer) => read2d(layer, 'depthwise'),
    SeparableConv2D: (layer) => read2d(layer, 'separable'),
  },
  writers: { Conv: write },
}
