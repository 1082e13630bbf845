import { bootstrapRatio, median, resampled } from '../measure/stats.ts'
import type { Quantity } from './quantity.ts'
import * as scales from './scale.ts'

/** Quantities over several settings of one thing (numbers of workers, batch sizes): a set of seconds for each setting, in the order of the settings. */
const seconds = { figureScale: scales.seconds, random: true, figure: median } as const

const of = (settings: readonly number[]) => ({ settings, sets: settings.length })

/** The setting that takes least time; its interval reaches over those that it is not significantly faster than. Settings may be left out. */
export function fastest(settings: readonly number[]): Quantity {
  const first = (times: readonly number[]) => settings[times.indexOf(Math.min(...times))]
  return {
    ...seconds,
    scale: scales.count,
    ...of(settings),
    gaps: true,
    figure: (samples) => (samples.length ? median(samples) : Infinity),
    compare: first,
    interval(sets) {
      const best = settings.indexOf(first(sets.map((samples) => (samples.length ? median(samples) : Infinity))))
      const tied = settings.filter((_, i) => i === best || (sets[i].length > 0 && bootstrapRatio(sets[i], sets[best]).low <= 0))
      return { value: settings[best], low: Math.min(...tied), high: Math.max(...tied) }
    },
  }
}

/** By what factor the time grows with each unit of the setting: the slope of its logarithm, by least squares over the medians. */
export function growth(settings: readonly number[]): Quantity {
  const logarithmicSlope = (times: readonly number[]) => slope(settings, times.map(Math.log))
  return {
    ...seconds,
    scale: scales.ratio,
    ...of(settings),
    compare: (times) => Math.exp(logarithmicSlope(times)),
    interval: (sets) => resampled(sets, (drawn) => logarithmicSlope(drawn.map(median))),
  }
}

/** How many times the time falls significantly from one setting to the next: with 95 % confidence over all of these steps together. */
export function falls(settings: readonly number[]): Quantity {
  const steps = settings.length - 1
  return {
    ...seconds,
    scale: scales.count,
    ...of(settings),
    compare: (times) => times.slice(1).filter((time, i) => time < times[i]).length,
    interval(sets) {
      const fallen = sets.slice(1).filter((samples, i) => bootstrapRatio(sets[i], samples, { level: 1 - 0.05 / steps }).low > 0).length
      return { value: fallen, low: fallen, high: fallen }
    },
  }
}

/** How much more the first of two steps gains than the second, from the seconds at three settings: above 1 where gains shrink, or reverse. */
export const shrinkingGains: Quantity = {
  ...seconds,
  scale: scales.ratio,
  sets: 3,
  compare: (times) => Math.exp(difference(times)),
  interval: (sets) => resampled(sets, (drawn) => difference(drawn.map(median))),
}

/** log(a/b) − log(b/c). */
function difference([a, b, c]: readonly number[]): number {
  return Math.log(a) - 2 * Math.log(b) + Math.log(c)
}

function slope(xs: readonly number[], ys: readonly number[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const [x0, y0] = [mean(xs), mean(ys)]
  return xs.reduce((sum, x, i) => sum + (x - x0) * (ys[i] - y0), 0) / xs.reduce((sum, x) => sum + (x - x0) ** 2, 0)
}
