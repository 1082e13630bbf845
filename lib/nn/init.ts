import { sizeOf, Tensor } from '../graph/tensor.ts'
import { random, type Random } from '../random.ts'

/** Fills a new parameter: `seed` differs from parameter to parameter. */
export type Init = (shape: readonly number[], seed: number) => Tensor

/** All 0. */
export const zeros: Init = (shape) => Tensor.zeros('float32', shape)

/** All 1. */
export const ones: Init = (shape) => constant(1)(shape, 0)

/** All one value. */
export function constant(value: number): Init {
  return (shape) => Tensor.float32(shape, new Float32Array(sizeOf(shape)).fill(value))
}

/** Filled from the parameter's own random numbers. */
function drawn(fill: (values: Float32Array, source: Random) => void): Init {
  return (shape, seed) => {
    const values = new Float32Array(sizeOf(shape))
    fill(values, random(seed))
    return Tensor.float32(shape, values)
  }
}

/** Uniform between −bound and bound. PyTorch's convolution and linear layers take 1/√(inputs of one output) for weight and bias. */
export function uniform(bound: number): Init {
  return drawn((values, source) => {
    for (let i = 0; i < values.length; i++) values[i] = (source.next() * 2 - 1) * bound
  })
}

/** Normally distributed about 0, by the method of Box and Muller. https://doi.org/10.1214/aoms/1177706645 */
export function normal(std = 1): Init {
  return drawn((values, source) => {
    for (let i = 0; i < values.length; i += 2) {
      const radius = std * Math.sqrt(-2 * Math.log(1 - source.next()))
      const angle = 2 * Math.PI * source.next()
      values[i] = radius * Math.cos(angle)
      if (i + 1 < values.length) values[i + 1] = radius * Math.sin(angle)
    }
  })
}

/** Which side of a weight keeps its variance: `fanIn` the forward pass's, `fanOut` the backward pass's. */
export type FanMode = 'fanIn' | 'fanOut'

/** Elements of a weight [outputs, inputs, ...window] that one output reads, or that one input feeds. */
function fan([outputs = 1, inputs = 1, ...window]: readonly number[], mode: FanMode): number {
  return (mode === 'fanIn' ? inputs : outputs) * sizeOf(window)
}

/** He et al. 2015 for layers before a relu, as `torch.nn.init.kaiming_normal_`. https://arxiv.org/abs/1502.01852 */
export function kaimingNormal(mode: FanMode = 'fanIn'): Init {
  return (shape, seed) => normal(Math.sqrt(2 / fan(shape, mode)))(shape, seed)
}

/** As `torch.nn.init.kaiming_uniform_`. */
export function kaimingUniform(mode: FanMode = 'fanIn'): Init {
  return (shape, seed) => uniform(Math.sqrt(6 / fan(shape, mode)))(shape, seed)
}

/** Glorot & Bengio 2010, as `torch.nn.init.xavier_uniform_`. https://proceedings.mlr.press/v9/glorot10a.html */
export function xavierUniform(): Init {
  return (shape, seed) => uniform(Math.sqrt(6 / (fan(shape, 'fanIn') + fan(shape, 'fanOut'))))(shape, seed)
}
