import { errorFunction } from 'simple-statistics'
import { bootstrapRatio, type Interval } from './stats.ts'

/** What two independent sets of samples say of each other: times, where less is better. */
export interface Comparison {
  /** How many times as fast the second is as the first, with its 95 % bootstrap interval; from 0 to Infinity where one sample can claim none. */
  readonly speedup: Interval
  /** Of the Mann-Whitney test, two-sided: how often samples as unlike as these come from one source. */
  readonly p: number
  readonly effect: EffectSize
}

/** Cliff's delta. https://doi.org/10.1037/0033-2909.114.3.494 */
export interface EffectSize {
  /** Share of pairs in which the second is faster, less the share in which it is slower: from -1 to 1. */
  readonly value: number
  readonly size: 'negligible' | 'small' | 'medium' | 'large'
}

export type Verdict = 'faster' | 'slower' | 'no difference seen'

/** Level of a verdict: so often at most two equal things are told apart. */
export const LEVEL = 0.05

/** Compares the times of a second thing with those of a first. @throws RangeError where a set is empty or a sample is not above 0. */
export function compareSamples(first: readonly number[], second: readonly number[], seed = 0): Comparison {
  const { value, low, high } = bootstrapRatio(first, second, { seed })
  const claimed = first.length > 1 && second.length > 1
  const { p, delta } = mannWhitney(first, second)
  return { speedup: { value: Math.exp(value), low: claimed ? Math.exp(low) : 0, high: claimed ? Math.exp(high) : Infinity }, p, effect: effectSize(delta) }
}

/** Two questions must agree: the interval of the ratio excludes 1, and the ranks differ (by `p`, adjusted where there are several comparisons). */
export function verdictOf({ speedup, p }: Pick<Comparison, 'speedup' | 'p'>): Verdict {
  if (p >= LEVEL) return 'no difference seen'
  return speedup.low > 1 ? 'faster' : speedup.high < 1 ? 'slower' : 'no difference seen'
}

/**
 * The rank-sum test of Mann and Whitney with the normal approximation, corrected for ties and continuity. It asks nothing of the samples' distribution.
 * https://doi.org/10.1214/aoms/1177730491
 */
export function mannWhitney(first: readonly number[], second: readonly number[]): { readonly p: number; readonly delta: number } {
  const [n, m] = [first.length, second.length]
  const pooled = [...first.map((time) => ({ time, first: true })), ...second.map((time) => ({ time, first: false }))].toSorted((a, b) => a.time - b.time)
  const total = n + m
  let rankSum = 0
  let ties = 0
  for (let from = 0, to = 0; from < total; from = to) {
    while (to < total && pooled[to].time === pooled[from].time) to++
    const rank = (from + 1 + to) / 2
    for (let i = from; i < to; i++) if (pooled[i].first) rankSum += rank
    ties += (to - from) ** 3 - (to - from)
  }
  const u = rankSum - (n * (n + 1)) / 2
  const deviation = Math.sqrt(((n * m) / 12) * (total + 1 - ties / (total * (total - 1))))
  const distance = Math.max(0, Math.abs(u - (n * m) / 2) - 0.5)
  return { p: deviation > 0 ? Math.min(1, 1 - errorFunction(distance / deviation / Math.SQRT2)) : 1, delta: (2 * u) / (n * m) - 1 }
}

/** Thresholds of Romano and others (2006). */
function effectSize(value: number): EffectSize {
  const magnitude = Math.abs(value)
  return { value, size: magnitude < 0.147 ? 'negligible' : magnitude < 0.33 ? 'small' : magnitude < 0.474 ? 'medium' : 'large' }
}

/** Holm's adjustment: of several comparisons together, so often at most is any one a false alarm. https://www.jstor.org/stable/4615733 */
export function adjusted(pValues: readonly number[]): number[] {
  const order = pValues.map((_, i) => i).toSorted((a, b) => pValues[a] - pValues[b])
  const result: number[] = []
  let least = 0
  order.forEach((i, rank) => {
    least = Math.max(least, Math.min(1, (pValues.length - rank) * pValues[i]))
    result[i] = least
  })
  return result
}
