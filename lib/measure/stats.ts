import * as statistics from 'simple-statistics'
import { random } from '../random.ts'
import { blockLength } from './block-length.ts'
import { normalShare, studentQuantile } from './distributions.ts'

/** An estimate between the ends of its confidence interval. */
export interface Interval {
  readonly value: number
  readonly low: number
  readonly high: number
}

export interface BootstrapOptions {
  /** How many samples of samples are drawn (2,000). */
  readonly resamples?: number
  /** Confidence level (0.95). */
  readonly level?: number
  /** The same seed gives the same interval (0). */
  readonly seed?: number
  /** The samples were taken one after the other, so that neighbours may be alike: stretches are drawn instead of single samples (false). */
  readonly series?: boolean
}

export type Statistic = (samples: readonly number[]) => number

/** @throws RangeError where there are no samples. */
export function median(samples: readonly number[]): number {
  return statistics.median(filled(samples) as number[])
}

/** @throws RangeError where there are no samples. */
export function mean(samples: readonly number[]): number {
  return statistics.mean(filled(samples) as number[])
}

/** The value below which the share `p` (0 to 1) of the samples lies. @throws RangeError where there are no samples. */
export function quantile(samples: readonly number[], p: number): number {
  return statistics.quantile(filled(samples) as number[], p)
}

/**
 * Bootstrap interval of a statistic of one set of samples: percentiles (Efron and Tibshirani, 1993, chapter 13), further out where samples are few
 * (Hesterberg, 2015, section 5.3, https://doi.org/10.1080/00031305.2015.1089789). One sample has an interval of no width: claim none.
 * @throws RangeError where there are no samples.
 */
export function bootstrap(samples: readonly number[], statistic: Statistic, options: BootstrapOptions = {}): Interval {
  return resampled([samples], ([drawn]) => statistic(drawn), options)
}

/**
 * Interval of log(median(a) / median(b)) of two independent sets of positive samples: above 0 where `a` is larger. For times, rates and sizes.
 * @throws RangeError where a set is empty or holds a sample that is not above 0.
 */
export function bootstrapRatio(a: readonly number[], b: readonly number[], options: BootstrapOptions = {}): Interval {
  const bad = [...a, ...b].find((sample) => !(sample > 0))
  if (bad !== undefined) throw new RangeError(`a ratio needs samples above 0, not ${bad}`)
  return resampled([a, b], ([x, y]) => Math.log(median(x) / median(y)), options)
}

/**
 * Interval of mean(b - a) where `a[i]` and `b[i]` belong to the same item: items are resampled, so what they share cancels. For accuracies.
 * @throws RangeError where the sets are empty or differ in length.
 */
export function bootstrapPairedDifference(a: readonly number[], b: readonly number[], options: BootstrapOptions = {}): Interval {
  if (a.length !== b.length) throw new RangeError(`pairs need equally many samples, not ${a.length} and ${b.length}`)
  return bootstrap(a.map((x, item) => b[item] - x), mean, options)
}

/**
 * Interval of a statistic of several independent sets: draws from each with replacement, `resamples` times, and cuts the tails off the statistic's
 * distribution.
 * @throws RangeError where a set is empty.
 */
export function resampled(sets: readonly (readonly number[])[], statistic: (sets: readonly (readonly number[])[]) => number, options: BootstrapOptions = {}): Interval {
  const { resamples = 2000, level = 0.95, seed = 0, series = false } = options
  sets.forEach(filled)
  const { below } = random(seed)
  const blocks = sets.map((set) => (series ? blockLength(set) : 1))
  const drawn = sets.map((set) => [...set])
  const estimates = Array.from({ length: resamples }, () => {
    drawn.forEach((target, s) => draw(sets[s], target, blocks[s], below))
    return statistic(drawn)
  })
  const tail = tailOf(level, Math.min(...sets.map(({ length }) => length)))
  return { value: statistic(sets), low: quantile(estimates, tail), high: quantile(estimates, 1 - tail) }
}

/** Fills `target` with stretches of the source, which counts as a ring. */
function draw(source: readonly number[], target: number[], block: number, below: (count: number) => number): void {
  for (let i = 0, from = 0; i < target.length; i++) {
    from = i % block === 0 ? below(source.length) : from + 1
    target[i] = source[from % source.length]
  }
}

/** How much of the estimates lies beyond each end of the interval. */
function tailOf(level: number, samples: number): number {
  const share = (1 - level) / 2
  return samples < 2 ? share : normalShare(studentQuantile(share, samples - 1) * Math.sqrt(samples / (samples - 1)))
}

function filled(samples: readonly number[]): readonly number[] {
  if (samples.length === 0) throw new RangeError('a statistic needs at least one sample')
  return samples
}
