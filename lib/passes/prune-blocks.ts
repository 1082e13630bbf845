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
    const count = roundHalfToEven(amount * Math.ceil(rows / outputs) * Math.ceil(width / inputs))
    if (!count) return 0
    const grid: Grid = {
      outputs, inputs,
      rows: Int32Array.from({ length: rows }, (_, o) => at(o, 0, 0)),
      columns: Int32Array.from({ length: width }, (_, i) => at(0, Math.floor(i / channels), i % channels)),
    }
    return masked(words, grid, maskOfSmallest(meanMagnitudes(tensor.toFloat32(), grid), count))
  }))
}

/** A weight as a matrix of its outputs by what they read, cut into blocks. The place of an element is that of its row and that of its column together. */
interface Grid {
  readonly rows: Int32Array
  readonly columns: Int32Array
  readonly outputs: number
  readonly inputs: number
}

/** Of each block, row by row. */
function meanMagnitudes(numbers: Float32Array, { rows, columns, outputs, inputs }: Grid): Float64Array {
  const means = new Float64Array(Math.ceil(rows.length / outputs) * Math.ceil(columns.length / inputs))
  for (let top = 0, block = 0; top < rows.length; top += outputs) {
    const bottom = Math.min(top + outputs, rows.length)
    for (let left = 0; left < columns.length; left += inputs, block++) {
      const right = Math.min(left + inputs, columns.length)
      let sum = 0
      for (let o = top; o < bottom; o++) for (let i = left; i < right; i++) sum += Math.abs(numbers[rows[o] + columns[i]])
      means[block] = sum / ((bottom - top) * (right - left))
    }
  }
  return means
}

/** Puts a mask on the words of each block, and says how many words are zeros then. */
function masked(words: Int32Array, { rows, columns, outputs, inputs }: Grid, masks: Int32Array): number {
  let zeros = 0
  for (let top = 0, block = 0; top < rows.length; top += outputs) {
    const bottom = Math.min(top + outputs, rows.length)
    for (let left = 0; left < columns.length; left += inputs, block++) {
      const right = Math.min(left + inputs, columns.length)
      const mask = masks[block]
      for (let o = top; o < bottom; o++)
        for (let i = left; i < right; i++) {
          const place = rows[o] + columns[i]
          const word = words[place] & mask
          words[place] = word
          zeros += ((word & MAGNITUDE) - 1) >>> 31
        }
    }
  }
  return zeros
}
