import { MAGNITUDE } from './bits.ts'
import type { Pass } from './pass.ts'
import type { PruneOptions } from './prune-l1.ts'
import { roundHalfToEven } from './rounding.ts'
import { layoutOf, weightIndex } from './weight.ts'
import { checkAmount, maskOfSmallest, zeroing } from './zeroing.ts'

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
  return zeroing('prune-blocks', { amount, block }, selection, (weights) => weights.map(({ tensor, words, readers: [layer] }) => {
    const { outputs: rows, positions, channels, at } = layoutOf(layer, weightIndex(layer)!, tensor.shape)
    const width = positions * channels
    const across = Math.ceil(width / inputs)
    const down = Math.ceil(rows / outputs)
    const count = roundHalfToEven(amount * down * across)
    if (!count) return 0
    const places = Int32Array.from({ length: width }, (_, i) => at(0, Math.floor(i / channels), i % channels))

    const data = tensor.toFloat32()
    const scores = new Float64Array(down * across)
    for (let o = 0; o < rows; o++) {
      const start = at(o, 0, 0)
      for (let b = Math.floor(o / outputs) * across, i = 0; i < width; b++) {
        let sum = scores[b]
        for (const end = Math.min(i + inputs, width); i < end; i++) sum += Math.abs(data[start + places[i]])
        scores[b] = sum
      }
    }
    for (let r = 0, b = 0; r < down; r++) for (let c = 0; c < across; c++, b++) scores[b] /= Math.min(outputs, rows - r * outputs) * Math.min(inputs, width - c * inputs)

    const stays = maskOfSmallest(scores, count)
    let zeros = 0
    for (let o = 0; o < rows; o++) {
      const start = at(o, 0, 0)
      for (let b = Math.floor(o / outputs) * across, i = 0; i < width; b++) {
        const mask = stays[b]
        for (const end = Math.min(i + inputs, width); i < end; i++) {
          const word = (words[start + places[i]] &= mask)
          zeros += ((word & MAGNITUDE) - 1) >>> 31
        }
      }
    }
    return zeros
  }))
}
