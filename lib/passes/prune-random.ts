import { random } from '../random.ts'
import type { Pass } from './pass.ts'
import type { PruneOptions } from './prune-l1.ts'
import { roundHalfToEven } from './rounding.ts'
import { checkAmount, smallest, zeroing } from './zeroing.ts'

/**
 * Random unstructured pruning: sets weights of each layer to zero by chance, the baseline of every other criterion; as many as
 * torch.nn.utils.prune.random_unstructured does. The same seed (0) takes the same weights.
 * @throws RangeError where `amount` is not a share; the pass throws where `include` or `exclude` names no layer.
 */
export function pruneRandom({ amount, seed = 0, ...selection }: PruneOptions & { seed?: number }): Pass {
  checkAmount('pruneRandom', amount)
  return zeroing('prune-random', { amount, seed }, selection, (weights) => {
    const { next } = random(seed)
    return weights.flatMap(({ tensor }) => smallest([Float32Array.from({ length: tensor.size }, next)], roundHalfToEven(amount * tensor.size)))
  })
}
