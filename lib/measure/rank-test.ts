import { random } from '../random.ts'
import { normalShare } from './distributions.ts'

/** What ranks say of two sets of times. */
export interface RankTest {
  /** How often sets as unlike as these, or more, come of two equal things (two-sided). */
  readonly p: number
  /** Cliff's delta: the share of pairs in which the second is faster, less the share in which it is slower. https://doi.org/10.1037/0033-2909.114.3.494 */
  readonly delta: number
}

/**
 * The rank-sum test of Mann and Whitney for independent samples, by the normal approximation, corrected for ties and continuity. It asks nothing of the
 * samples' distribution. https://doi.org/10.1214/aoms/1177730491
 */
export function mannWhitney(first: readonly number[], second: readonly number[]): RankTest {
  const [n, m] = [first.length, second.length]
  const { ranks, ties } = ranked([...first, ...second])
  const u = ranks.slice(0, n).reduce((sum, rank) => sum + rank, 0) - (n * (n + 1)) / 2
  const deviation = Math.sqrt(((n * m) / 12) * (n + m + 1 - ties / ((n + m) * (n + m - 1))))
  const distance = Math.max(0, Math.abs(u - (n * m) / 2) - 0.5)
  return { p: distance > 0 ? 2 * normalShare(-distance / deviation) : 1, delta: (2 * u) / (n * m) - 1 }
}

/** So many times the orders are drawn anew. */
const DRAWS = 5000

/**
 * The same statistic for samples that were taken in rounds, each in an order drawn by chance. Of two equal things chance alone decided which of a round's
 * two times is whose. So the test compares the rank sum with those of the same times dealt out anew within each round: whatever else the times
 * depend on (drift, load, neighbours that resemble each other), it is right by the design of the measurement. Fisher, "The design of experiments" (1935), section 21.
 */
export function mannWhitneyInRounds(first: readonly number[], second: readonly number[], seed = 0): RankTest {
  const rounds = Math.min(first.length, second.length)
  const { ranks } = ranked([...first.slice(0, rounds), ...second.slice(0, rounds)])
  const differences = Array.from({ length: rounds }, (_, i) => ranks[i] - ranks[rounds + i])
  const sum = differences.reduce((total, difference) => total + difference, 0)
  const { below } = random(seed)
  let asUnlike = 1
  for (let draw = 0; draw < DRAWS; draw++) {
    let [dealt, coins] = [0, 0]
    for (let i = 0; i < rounds; i++) {
      if (i % COINS === 0) coins = below(2 ** COINS)
      dealt += coins & (1 << i % COINS) ? differences[i] : -differences[i]
    }
    if (Math.abs(dealt) >= Math.abs(sum)) asUnlike++
  }
  return { p: asUnlike / (DRAWS + 1), delta: sum / rounds ** 2 }
}

/** Coins that one random number throws. */
const COINS = 31

/** Ranks from 1 on, equal values sharing theirs; and the sum of t³ - t over the groups of t equal ones. */
function ranked(values: readonly number[]): { readonly ranks: number[]; readonly ties: number } {
  const order = values.map((_, i) => i).toSorted((a, b) => values[a] - values[b])
  const ranks: number[] = []
  let ties = 0
  for (let from = 0, to = 0; from < order.length; from = to) {
    while (to < order.length && values[order[to]] === values[order[from]]) to++
    for (const i of order.slice(from, to)) ranks[i] = (from + 1 + to) / 2
    ties += (to - from) ** 3 - (to - from)
  }
  return { ranks, ties }
}
