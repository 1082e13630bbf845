import { random } from '../random.ts'
import { MAGNITUDE } from './bits.ts'
import type { Pass } from './pass.ts'
import type { PruneOptions } from './prune-l1.ts'
import { roundHalfToEven } from './rounding.ts'
import { checkAmount, zeroing } from './zeroing.ts'

/**
 * Random unstructured pruning: sets weights of each layer to zero by chance, the baseline of every other criterion; as many as
 * torch.nn.utils.prune.random_unstructured does. The same seed (0) takes the same weights.
 * @throws RangeError where `amount` is not a share; the pass throws where `include` or `exclude` names no layer.
 */
export function pruneRandom({ amount, seed = 0, ...selection }: PruneOptions & { seed?: number }): Pass {
  checkAmount('pruneRandom', amount)
  return zeroing('prune-random', { amount, seed }, selection, (weights) => {
    const { next } = random(seed)
    return weights.map(({ words }) => zeroDrawn(words, roundHalfToEven(amount * words.length), next))
  })
}

/** Selection sampling: each word goes with the chance that is left for those not yet seen, so that every choice of `count` is equally likely. Knuth, TAOCP 3.4.2, algorithm S */
function zeroDrawn(words: Int32Array, count: number, next: () => number): number {
  if (!count) return 0
  let [left, zeros] = [count, 0]
  for (let i = 0; i < words.length; i++) {
    // a number, not a branch: what is drawn cannot be foreseen
    const goes = Number(next() * (words.length - i) < left)
    left -= goes
    words[i] &= goes - 1
    zeros += ((words[i] & MAGNITUDE) - 1) >>> 31
  }
  return zeros
}
