import { bootstrap, bootstrapPairedDifference, bootstrapRatio, mean, median, type Interval } from '../measure/stats.ts'
import * as scales from './scale.ts'
import type { Scale } from './scale.ts'
import type { Effect } from './verdict.ts'

/** One set of samples a contender: `[value]`, `[base, variant]`, or one for each of several settings. */
export type SampleSets = readonly (readonly number[])[]

/** How the samples of a claim become an effect. */
export interface Quantity {
  readonly scale: Scale
  /** How each set's own figure is written: a comparison of accuracies shows two percentages. */
  readonly figureScale: Scale
  /** One thing stands alone, base and variant are compared, or several settings. */
  readonly sets: number
  /** What the sets are of, where they are of several settings. */
  readonly settings?: readonly number[]
  /** Settings may be left out: their sets are empty. */
  readonly gaps?: boolean
  readonly random: boolean
  /** One figure of a set of samples, in the unit of `figureScale`. */
  figure(samples: readonly number[]): number
  /** The comparison of two figures (or the single one) in the unit of `scale`. */
  compare(figures: readonly number[]): number
  /** The interval of the effect. */
  interval(sets: SampleSets): Interval
}

/** Share of the items that are right; samples are 1 or 0 an item. */
export const accuracy: Quantity = {
  scale: scales.percent,
  figureScale: scales.percent,
  sets: 1,
  random: true,
  figure: inPercent,
  compare: ([value]) => value,
  interval: ([items]) => bootstrap(items, inPercent),
}

/** Variant minus base over the same items. */
export const accuracyChange: Quantity = {
  scale: scales.points,
  figureScale: scales.percent,
  sets: 2,
  random: true,
  figure: inPercent,
  compare: ([base, variant]) => variant - base,
  interval: ([base, variant]) => scaled(bootstrapPairedDifference(base, variant), 100),
}

/** Seconds of the base by seconds of the variant: above 1 where the variant is faster. */
export const speedup: Quantity = {
  scale: scales.ratio,
  figureScale: scales.seconds,
  sets: 2,
  random: true,
  figure: median,
  compare: ([base, variant]) => base / variant,
  interval: ([base, variant]) => bootstrapRatio(base, variant),
}

/** Bytes of the variant by bytes of the base: below 1 where the variant is smaller. */
export const sizeRatio: Quantity = {
  scale: scales.ratio,
  figureScale: scales.bytes,
  sets: 2,
  random: false,
  figure: single,
  compare: ([base, variant]) => variant / base,
  interval: ([[base], [variant]]) => exact(Math.log(variant / base)),
}

/** Bytes of one thing. */
export const size: Quantity = {
  scale: scales.bytes,
  figureScale: scales.bytes,
  sets: 1,
  random: false,
  figure: single,
  compare: ([value]) => value,
  interval: ([[value]]) => exact(Math.log(value)),
}

/** Seconds of the variant by seconds of the base: below 1 where the variant takes less. */
export const timeRatio: Quantity = {
  ...speedup,
  compare: ([base, variant]) => variant / base,
  interval: ([base, variant]) => bootstrapRatio(variant, base),
}

/** How large a part of a whole is; samples are shares from 0 to 1. */
export const share: Quantity = { ...accuracy, interval: ([shares]) => bootstrap(shares, inPercent) }

/** A part of a whole that is counted, not sampled. */
export const exactShare: Quantity = { ...share, random: false, interval: ([[part]]) => exact(100 * part) }

/** A number of things. */
export const quantityOf: Quantity = {
  scale: scales.count,
  figureScale: scales.count,
  sets: 1,
  random: false,
  figure: single,
  compare: ([value]) => value,
  interval: ([[value]]) => exact(value),
}

/** Seconds of one thing. */
export const time: Quantity = {
  scale: scales.seconds,
  figureScale: scales.seconds,
  sets: 1,
  random: true,
  figure: median,
  compare: ([value]) => value,
  interval: ([samples]) => bootstrap(samples, (drawn) => Math.log(median(drawn))),
}

/** The effect that samples show. @throws RangeError where they cannot be: another count of sets, none in one, a sample that is no number or not above 0. */
export function effectOf(quantity: Quantity, sets: SampleSets): Effect {
  if (sets.length !== quantity.sets) throw new RangeError(EXPECTED[quantity.sets - 1] ?? `expected the samples of ${quantity.sets} settings, not of ${sets.length}`)
  const measured = quantity.gaps ? sets.filter((set) => set.length > 0) : sets
  if (!measured.length || measured.some((set) => set.length === 0)) throw new RangeError('there are no samples')
  const bad = sets.flat().find((sample) => !Number.isFinite(sample))
  if (bad !== undefined) throw new RangeError(`${bad} is not a measurement`)
  const interval = quantity.interval(sets)
  if (!Number.isFinite(interval.value)) throw new RangeError('times and sizes are above 0')
  return { ...interval, repeats: Math.min(...measured.map((set) => set.length)), random: quantity.random }
}

const EXPECTED = ['expected the samples of one thing, not a pair', 'expected [base, variant]']

function inPercent(items: readonly number[]): number {
  return 100 * mean(items)
}

function single([value]: readonly number[]): number {
  return value
}

function exact(value: number): Interval {
  return { value, low: value, high: value }
}

function scaled({ value, low, high }: Interval, factor: number): Interval {
  return { value: value * factor, low: low * factor, high: high * factor }
}
