import { sizeText, timeText } from '../units.ts'

/** How a quantity is compared and written. A verdict works on effects: 0 is "no effect", and equal steps count equally. */
export interface Scale {
  readonly unit: string
  /** A value in `unit` as an effect. */
  effect(value: number): number
  /** An effect as a value in `unit`. */
  value(effect: number): number
  /** A tolerance or margin as a distance between effects. */
  distance(tolerance: number): number
  /** A value for a reader, with its unit. */
  format(value: number): string
  /** A tolerance or margin for a reader. */
  formatDistance(tolerance: number): string
}

const same = (number: number): number => number
const logarithmic = { effect: Math.log, value: Math.exp, distance: Math.log1p, formatDistance: (share: number) => `${decimal(share * 100, 1)} %` }
const linear = { effect: same, value: same, distance: same }

/** A ratio of times, rates or sizes; its effect is the logarithm, a tolerance of 0.2 means 20 % of the ratio. */
export const ratio: Scale = { ...logarithmic, unit: '×', format: (value) => `${value.toFixed(value < 0.1 ? 3 : 2)}×` }

/** A difference of two percentages. */
export const points: Scale = {
  ...linear,
  unit: 'points',
  format: (value) => `${value > 0 ? '+' : ''}${value.toFixed(1).replace(/^-0\.0$/, '0.0')} points`,
  formatDistance: (value) => `${decimal(value, 1)} ${value === 1 ? 'point' : 'points'}`,
}

/** A share of a whole. */
export const percent: Scale = { ...linear, unit: '%', format: (value) => `${value.toFixed(1)} %`, formatDistance: points.formatDistance }

/** A size in bytes, compared by ratio. */
export const bytes: Scale = { ...logarithmic, unit: 'bytes', format: sizeText }

/** A duration in seconds, compared by ratio. */
export const seconds: Scale = { ...logarithmic, unit: 's', format: timeText }

/** A number of things. */
export const count: Scale = {
  ...linear,
  unit: 'count',
  format: (value) => value.toLocaleString('en'),
  formatDistance: (value) => value.toLocaleString('en'),
}

function decimal(value: number, digits: number): string {
  return String(Number(value.toFixed(digits)))
}
