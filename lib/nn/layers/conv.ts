import { formatShape } from '../../graph/dim.ts'
import type { Value } from '../../graph/graph.ts'
import { sizeOf } from '../../graph/tensor.ts'
import { uniform, type Init } from '../init.ts'
import type { Scope } from '../scope.ts'
import { pair, type Layer, type Pair } from './layer.ts'

interface ConvolutionOptions<Size> {
  stride?: Size
  padding?: Size
  dilation?: Size
  groups?: number
  bias?: boolean
  /** How the weight begins (uniform within 1/√(inputs of one output)). */
  weightInit?: Init
  /** How the bias begins (as the weight). */
  biasInit?: Init
}

export type Conv1dOptions = ConvolutionOptions<number>
export type Conv2dOptions = ConvolutionOptions<Pair>

/** Convolution of x [N, inChannels, L] with a weight [outChannels, inChannels/groups, kernelSize]. */
export function conv1d(inChannels: number, outChannels: number, kernelSize: number, { stride = 1, padding = 0, dilation = 1, ...options }: Conv1dOptions = {}): Layer {
  const window = { kernel_shape: [kernelSize], strides: [stride], pads: [padding, padding], dilations: [dilation] }
  return convolution('conv1d', inChannels, outChannels, window, options)
}

/** Convolution of x [N, inChannels, H, W] with a weight [outChannels, inChannels/groups, kernel]. */
export function conv2d(inChannels: number, outChannels: number, kernelSize: Pair, { stride = 1, padding = 0, dilation = 1, ...options }: Conv2dOptions = {}): Layer {
  const window = { kernel_shape: pair(kernelSize), strides: pair(stride), pads: [...pair(padding), ...pair(padding)], dilations: pair(dilation) }
  return convolution('conv2d', inChannels, outChannels, window, options)
}

interface WindowAttributes extends Record<string, readonly number[]> {
  readonly kernel_shape: readonly number[]
}

function convolution(layer: string, inChannels: number, outChannels: number, window: WindowAttributes, options: Omit<ConvolutionOptions<Pair>, 'stride' | 'padding' | 'dilation'>): Layer {
  const { groups = 1, bias = true } = options
  const kernel = window.kernel_shape
  const inputs = (inChannels / groups) * sizeOf(kernel)
  const { weightInit = uniform(1 / Math.sqrt(inputs)), biasInit = uniform(1 / Math.sqrt(inputs)) } = options
  return (scope, x) => {
    checkChannels(scope, x, inChannels, (channels) => `${layer}(${channels}, ${outChannels}, ${kernelText(kernel)})`)
    const weight = scope.parameter('weight', [outChannels, inChannels / groups, ...kernel], weightInit)
    return scope.op('Conv', [x, weight, bias ? scope.parameter('bias', [outChannels], biasInit) : null], { ...window, group: groups })
  }
}

export interface ConvTranspose2dOptions extends Conv2dOptions {
  /** Added to one side of the output, where several output sizes would fit a stride. */
  outputPadding?: Pair
}

/** Transposed convolution of x [N, inChannels, H, W] with a weight [inChannels, outChannels/groups, kernel]: the gradient of a convolution, as a layer. */
export function convTranspose2d(inChannels: number, outChannels: number, kernelSize: Pair, options: ConvTranspose2dOptions = {}): Layer {
  const { stride = 1, padding = 0, dilation = 1, outputPadding = 0, groups = 1, bias = true } = options
  const kernel = pair(kernelSize)
  const inputs = (outChannels / groups) * sizeOf(kernel)
  const { weightInit = uniform(1 / Math.sqrt(inputs)), biasInit = uniform(1 / Math.sqrt(inputs)) } = options
  const attributes = { kernel_shape: kernel, strides: pair(stride), pads: [...pair(padding), ...pair(padding)], dilations: pair(dilation), output_padding: pair(outputPadding), group: groups }
  return (scope, x) => {
    checkChannels(scope, x, inChannels, (channels) => `convTranspose2d(${channels}, ${outChannels}, ${kernelText(kernel)})`)
    const weight = scope.parameter('weight', [inChannels, outChannels / groups, ...kernel], weightInit)
    return scope.op('ConvTranspose', [x, weight, bias ? scope.parameter('bias', [outChannels], biasInit) : null], attributes)
  }
}

const kernelText = (kernel: readonly number[]) => (kernel.every((k) => k === kernel[0]) ? `${kernel[0]}` : `[${kernel.join(', ')}]`)

/** @throws Error with the layer that would fit. */
export function checkChannels(scope: Scope, x: Value, expected: number, fitting: (channels: number) => string): void {
  const channels = x.shape?.[1]
  if (typeof channels === 'number' && channels !== expected)
    throw new Error(`${scope.path || 'the first layer'}: its input ${formatShape(x.shape)} has ${channels} channels, and ${expected} are expected; did you mean ${fitting(channels)}?`)
}
