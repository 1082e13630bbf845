import { mannWhitney, mannWhitneyInRounds, type RankTest } from './rank-test.ts'
import { bootstrap, bootstrapRatio, median, type Interval } from './stats.ts'

/** What two sets of samples say of each other: times, where less is better. */
export interface Comparison {
  /** How many times as fast the second is as the first, with its 95 % bootstrap interval; from 0 to Infinity where one sample can claim none. */
  readonly speedup: Interval
  /** Of the Mann-Whitney test, two-sided: how often samples as unlike as these come of equal things. */
  readonly p: number
  readonly effect: EffectSize
}

/** Cliff's delta. https://doi.org/10.1037/0033-2909.114.3.494 */
export interface EffectSize {
  /** Share of pairs in which the second is faster, less the share in which it is slower: from -1 to 1. */
  readonly value: number
  readonly size: 'negligible' | 'small' | 'medium' | 'large'
}

export type Verdict = 'faster' | 'slower' | 'no difference seen' | 'too few runs'

/** Level of a verdict: so often at most two equal things are told apart. */
export const LEVEL = 0.05

/**
 * Compares the times of a second thing with those of a first, where the i-th of both belong to one round whose order was drawn by chance: the speed-up is
 * the median of the rounds' ratios, so what disturbs a whole round cancels, and what disturbs single samples is outvoted.
 * @throws RangeError where a set is empty or a sample is not above 0.
 */
export function compareRounds(first: readonly number[], second: readonly number[], seed = 0): Comparison {
  return compared(bootstrap(ratiosOf(first, second), median, { seed }), mannWhitneyInRounds(first, second, seed), Math.min(first.length, second.length))
}

/** Logarithms of the rounds' ratios, above 0 where the second is faster. */
export function ratiosOf(first: readonly number[], second: readonly number[]): number[] {
  const bad = [...first, ...second].find((sample) => !(sample > 0))
  if (bad !== undefined) throw new RangeError(`a ratio needs samples above 0, not ${bad}`)
  return Array.from({ length: Math.min(first.length, second.length) }, (_, i) => Math.log(first[i] / second[i]))
}

/** Compares two series of times that were taken apart. @throws RangeError where one is empty or a sample is not above 0. */
export function compareSeries(first: readonly number[], second: readonly number[], seed = 0): Comparison {
  return compared(bootstrapRatio(first, second, { seed, series: true }), mannWhitney(first, second), Math.min(first.length, second.length))
}

function compared({ value, low, high }: Interval, { p, delta }: RankTest, samples: number): Comparison {
  const claimed = samples > 1
  return { speedup: { value: Math.exp(value), low: claimed ? Math.exp(low) : 0, high: claimed ? Math.exp(high) : Infinity }, p, effect: effectSize(delta) }
}

/**
 * Two questions must agree: the whole interval of the ratio lies further from 1 than the threshold (a share), and the ranks differ (by `p`, adjusted where
 * there are several comparisons). Where the interval does and the ranks could still be chance, or where there is no interval, there are too few runs to say.
 */
export function verdictOf({ speedup, p }: Pick<Comparison, 'speedup' | 'p'>, threshold: number): Verdict {
  if (speedup.high === Infinity) return 'too few runs'
  const seen = speedup.low > 1 + threshold ? 'faster' : speedup.high < 1 / (1 + threshold) ? 'slower' : 'no difference seen'
  return seen === 'no difference seen' || p < LEVEL ? seen : 'too few runs'
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
