import { median, quantile } from '../../lib/measure/stats.ts'
import type { Row } from './main.ts'

/** Median and quartiles of samples, as a row prints them: four significant digits. */
export function figures(samples: readonly number[]): Pick<Row, 'median' | 'p25' | 'p75' | 'runs'> {
  const digits = (value: number) => Number(value.toPrecision(4))
  return { median: digits(median(samples)), p25: digits(quantile(samples, 0.25)), p75: digits(quantile(samples, 0.75)), runs: samples.length }
}
