import { MAGNITUDE } from './bits.ts'
import type { Pass } from './pass.ts'
import { layoutOf, weightIndex, type Selection } from './weight.ts'
import { zeroing } from './zeroing.ts'

export interface PruneNofMOptions extends Selection {
  /** Weights that stay of each group (2). */
  n?: number
  /** Neighbouring input channels of one output that form a group (4). */
  m?: number
}

/**
 * N:M pruning: of every m neighbouring weights of an output the n largest stay, the pattern that sparse tensor cores multiply at twice the speed; this
 * machine's kernels run it as a dense weight. Mishra et al. 2021, https://arxiv.org/abs/2104.08378
 * @throws RangeError where n and m are no such numbers; the pass throws where `include` or `exclude` names no layer.
 */
export function pruneNofM({ n = 2, m = 4, ...selection }: PruneNofMOptions = {}): Pass {
  if (![n, m].every((x) => Number.isInteger(x) && x >= 1) || n >= m) throw new RangeError(`pruneNofM: n and m are whole numbers with 1 <= n < m, not ${n} and ${m}`)
  const zeroIn = m === 4 ? zeroInFour : zeroInGroup(m)
  return zeroing('prune-n-of-m', { n, m }, selection, (weights) => weights.map(({ tensor, words, readers: [layer] }) => {
    const { outputs, positions, channels, at } = layoutOf(layer, weightIndex(layer)!, tensor.shape)
    if (channels % m) return `its ${channels} input channels are not groups of ${m}`
    const step = at(0, 0, 1) - at(0, 0, 0)
    let zeros = 0
    for (let o = 0; o < outputs; o++)
      for (let k = 0; k < positions; k++)
        for (let c = 0, first = at(o, k, 0); c < channels; c += m, first += m * step) zeros += zeroIn(words, first, step, m - n)
    return zeros
  }))
}

/** Sets the `gone` smallest of a group of words, `step` apart, to 0, of equal ones the first, and says how many are zeros then. */
type GroupPruning = (words: Int32Array, first: number, step: number, gone: number) => number

/**
 * A word's rank begins as its place in the group, and each smaller one behind it moves both by one: sums cost less than branches, which no processor could
 * foresee.
 */
function zeroInGroup(m: number): GroupPruning {
  const [magnitudes, ranks] = [new Int32Array(m), new Int32Array(m)]
  return (words, first, step, gone) => {
    for (let i = 0; i < m; i++) {
      magnitudes[i] = words[first + i * step] & MAGNITUDE
      ranks[i] = i
      for (let j = 0; j < i; j++) {
        const smaller = isSmaller(magnitudes[i], magnitudes[j])
        ranks[i] -= smaller
        ranks[j] += smaller
      }
    }
    let zeros = 0
    for (let i = 0; i < m; i++) zeros += keep(words, first + i * step, ranks[i] - gone)
    return zeros
  }
}

/** The same without loops, for the groups that sparse tensor cores take: several times as fast. */
const zeroInFour: GroupPruning = (words, p, step, gone) => {
  const [q, r, s] = [p + step, p + 2 * step, p + 3 * step]
  const [a, b, c, d] = [words[p] & MAGNITUDE, words[q] & MAGNITUDE, words[r] & MAGNITUDE, words[s] & MAGNITUDE]
  const [ba, ca, da, cb, db, dc] = [isSmaller(b, a), isSmaller(c, a), isSmaller(d, a), isSmaller(c, b), isSmaller(d, b), isSmaller(d, c)]
  return keep(words, p, ba + ca + da - gone) + keep(words, q, 1 - ba + cb + db - gone) + keep(words, r, 2 - ca - cb + dc - gone) + keep(words, s, 3 - da - db - dc - gone)
}

/** 1 or 0, without a branch. */
const isSmaller = (a: number, b: number): number => (a - b) >>> 31

/** Sets a word to 0 where its rank is below 0, and says whether it is zero then. */
function keep(words: Int32Array, place: number, rank: number): number {
  words[place] &= ~(rank >> 31)
  return ((words[place] & MAGNITUDE) - 1) >>> 31
}
