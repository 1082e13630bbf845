import type { Pass } from './pass.ts'
import type { PruneOptions } from './prune-l1.ts'
import { roundHalfToEven } from './rounding.ts'
import { layoutOf, weightIndex } from './weight.ts'
import { checkAmount, smallest, zeroing } from './zeroing.ts'

export interface PruneBlocksOptions extends PruneOptions {
  /** Outputs and inputs of a block ([4, 4]). */
  block?: readonly [outputs: number, inputs: number]
}

/**
 * Block pruning: sets whole blocks of neighbouring outputs and inputs of each layer to zero, those with the smallest sum of magnitudes first. Blocks at the
 * edge may be smaller, and are compared by their mean. Gray et al. 2017, "GPU kernels for block-sparse weights"
 * @throws RangeError where an option is out of range; the pass throws where `include` or `exclude` names no layer.
 */
export function pruneBlocks({ amount, block = [4, 4], ...selection }: PruneBlocksOptions): Pass {
  checkAmount('pruneBlocks', amount)
  if (block.length !== 2 || !block.every((x) => Number.isInteger(x) && x >= 1)) throw new RangeError(`pruneBlocks: block is two whole numbers from 1 on, not [${block}]`)
  const [outputs, inputs] = block
  return zeroing('prune-blocks', { amount, block }, selection, (weights) => weights.map(({ tensor, readers: [layer] }) => {
    const { outputs: rows, positions, channels, at } = layoutOf(layer, weightIndex(layer)!, tensor.shape)
    const across = Math.ceil((positions * channels) / inputs)
    const blocks = Math.ceil(rows / outputs) * across
    const [sums, counts] = [new Float64Array(blocks), new Uint32Array(blocks)]
    const data = tensor.toFloat32()
    /** Stretches of elements that belong to one block, `step` apart. */
    const each = (visit: (block: number, from: number, to: number, step: number) => void) => {
      for (let o = 0; o < rows; o++) for (let k = 0; k < positions; k++) {
        const [first, step] = [at(o, k, 0), at(o, k, 1) - at(o, k, 0)]
        for (let c = 0, end = 0; c < channels; c = end) {
          const column = Math.floor((k * channels + c) / inputs)
          end = Math.min(channels, (column + 1) * inputs - k * channels)
          visit(Math.floor(o / outputs) * across + column, first + c * step, first + end * step, step)
        }
      }
    }
    each((b, from, to, step) => {
      for (let i = from; i < to; i += step) sums[b] += Math.abs(data[i])
      counts[b] += (to - from) / step
    })
    const [gone] = smallest([Float32Array.from(sums, (sum, b) => sum / counts[b])], roundHalfToEven(amount * blocks))
    const zeros = new Uint8Array(tensor.size)
    each((b, from, to, step) => {
      for (let i = from; i < to; i += step) zeros[i] = gone[b]
    })
    return zeros
  }))
}
