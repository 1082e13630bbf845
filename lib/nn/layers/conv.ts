import { sizeOf } from '../../graph/tensor.ts'
import { uniform, type Init } from '../init.ts'
import { expectInput, learned, pair, requireSizes, type Layer, type Pair } from './layer.ts'

interface ConvolutionOptions<Size> {
  /** Distance of the windows (1). */
  stride?: Size
  /** Zeros on each side (0). */
  padding?: Size
  /** Distance of a window's elements (1). */
  dilation?: Size
  /** Into how many parts the channels fall, each convolved by itself (1). */
  groups?: number
  /** Whether a bias is added (true). */
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
  checkArguments('conv1d', inChannels, outChannels, kernelSize, { ...options, stride, padding, dilation })
  const window = { kernel_shape: [kernelSize], strides: [stride], pads: [padding, padding], dilations: [dilation] }
  return convolution('conv1d', inChannels, outChannels, window, options)
}

/** Convolution of x [N, inChannels, H, W] with a weight [outChannels, inChannels/groups, kernel]. */
export function conv2d(inChannels: number, outChannels: number, kernelSize: Pair, { stride = 1, padding = 0, dilation = 1, ...options }: Conv2dOptions = {}): Layer {
  checkArguments('conv2d', inChannels, outChannels, kernelSize, { ...options, stride, padding, dilation })
  const window = { kernel_shape: pair(kernelSize), strides: pair(stride), pads: [...pair(padding), ...pair(padding)], dilations: pair(dilation) }
  return convolution('conv2d', inChannels, outChannels, window, options)
}

interface WindowAttributes extends Record<string, readonly number[]> {
  readonly kernel_shape: readonly number[]
}

/** @throws RangeError where an argument is not a whole number, or the channels do not make groups of one size. */
function checkArguments(layer: string, inChannels: number, outChannels: number, kernelSize: Pair, { stride, padding, dilation, outputPadding = 0, groups = 1 }: ConvTranspose2dOptions & { stride: Pair; padding: Pair; dilation: Pair }): void {
  requireSizes(layer, { inChannels, outChannels, kernelSize, stride, dilation, groups })
  requireSizes(layer, { padding, outputPadding }, 0)
  if (inChannels % groups || outChannels % groups) throw new RangeError(`${layer}: groups must divide both numbers of channels, and ${groups} does not divide ${inChannels % groups ? inChannels : outChannels}`)
}

function convolution(layer: string, inChannels: number, outChannels: number, window: WindowAttributes, options: Omit<ConvolutionOptions<Pair>, 'stride' | 'padding' | 'dilation'>): Layer {
  const { groups = 1, bias = true } = options
  const kernel = window.kernel_shape
  const inputs = (inChannels / groups) * sizeOf(kernel)
  const { weightInit = uniform(1 / Math.sqrt(inputs)), biasInit = uniform(1 / Math.sqrt(inputs)) } = options
  return learned((scope, x) => {
    expectInput(scope, x, 1, inChannels, 'channels', (channels) => `${layer}(${channels}, ${outChannels}, ${kernelText(kernel)})`)
    const weight = scope.parameter('weight', [outChannels, inChannels / groups, ...kernel], weightInit)
    return scope.op('Conv', [x, weight, bias ? scope.parameter('bias', [outChannels], biasInit) : null], { ...window, group: groups })
  })
}

export interface ConvTranspose2dOptions extends Conv2dOptions {
  /** Added to one side of the output, where several output sizes would fit a stride. */
  outputPadding?: Pair
}

/** Transposed convolution of x [N, inChannels, H, W] with a weight [inChannels, outChannels/groups, kernel]: the gradient of a convolution, as a layer. */
export function convTranspose2d(inChannels: number, outChannels: number, kernelSize: Pair, options: ConvTranspose2dOptions = {}): Layer {
  const { stride = 1, padding = 0, dilation = 1, outputPadding = 0, groups = 1, bias = true } = options
  checkArguments('convTranspose2d', inChannels, outChannels, kernelSize, { stride, padding, dilation, outputPadding, groups })
  const kernel = pair(kernelSize)
  const inputs = (outChannels / groups) * sizeOf(kernel)
  const { weightInit = uniform(1 / Math.sqrt(inputs)), biasInit = uniform(1 / Math.sqrt(inputs)) } = options
  const attributes = { kernel_shape: kernel, strides: pair(stride), pads: [...pair(padding), ...pair(padding)], dilations: pair(dilation), output_padding: pair(outputPadding), group: groups }
  return learned((scope, x) => {
    expectInput(scope, x, 1, inChannels, 'channels', (channels) => `convTranspose2d(${channels}, ${outChannels}, ${kernelText(kernel)})`)
    const weight = scope.parameter('weight', [inChannels, outChannels / groups, ...kernel], weightInit)
    return scope.op('ConvTranspose', [x, weight, bias ? scope.parameter('bias', [outChannels], biasInit) : null], attributes)
  })
}

const kernelText = (kernel: readonly number[]) => (kernel.every((k) => k === kernel[0]) ? `${kernel[0]}` : `[${kernel.join(', ')}]`)
