import { sizeOf, Tensor } from '../graph/tensor.ts'
import { random } from '../random.ts'

/** Fills a new parameter: `seed` differs from parameter to parameter. */
export type Init = (shape: readonly number[], seed: number) => Tensor

export const zeros: Init = (shape) => Tensor.zeros('float32', shape)
export const ones: Init = (shape) => Tensor.float32(shape, new Float32Array(sizeOf(shape)).fill(1))

/** Uniform between −bound and bound. PyTorch's convolution and linear layers take 1/√(inputs of one output) for weight and bias. */
export function uniform(bound: number): Init {
  return (shape, seed) => {
    const source = random(seed)
    return Tensor.float32(shape, Float32Array.from({ length: sizeOf(shape) }, () => (source.next() * 2 - 1) * bound))
  }
}
