import type { Pass } from './pass.ts'
import type { PruneOptions } from './prune-l1.ts'
import { roundHalfToEven } from './rounding.ts'
import { inputsOf, weightIndex } from './weight.ts'
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
  return zeroing('prune-blocks', { amount, block }, selection, (weights) => weights.map(({ tensor, readers }) => {
    const [layer] = readers
    const lines = inputsOf(layer!, weightIndex(layer!)!, tensor.shape)
    const data = tensor.toFloat32()
    const columns = Math.ceil((lines[0]?.length ?? 0) / inputs)
    const blocks = Array.from({ length: Math.ceil(lines.length / outputs) * columns }, (_, b) => {
      const [row, column] = [Math.floor(b / columns) * outputs, (b % columns) * inputs]
      return lines.slice(row, row + outputs).flatMap((line) => line.slice(column, column + inputs))
    })
    const means = Float32Array.from(blocks, (elements) => elements.reduce((sum, i) => sum + Math.abs(data[i]!), 0) / elements.length)
    const zeros = new Uint8Array(tensor.size)
    smallest([means], roundHalfToEven(amount * blocks.length))[0]!.forEach((zero, b) => zero && blocks[b]!.forEach((i) => (zeros[i] = 1)))
    return zeros
  }))
}
