import type { BenchResult } from '../../lib/measure/result.ts'
import { median, quantile } from '../../lib/measure/stats.ts'
import type { Row } from './main.ts'

/** Median and quartiles of samples, as a row prints them: four significant digits. */
export function figures(samples: readonly number[]): Pick<Row, 'median' | 'p25' | 'p75' | 'runs'> {
  const digits = (value: number) => Number(value.toPrecision(4))
  return { median: digits(median(samples)), p25: digits(quantile(samples, 0.25)), p75: digits(quantile(samples, 0.75)), runs: samples.length }
}

/** Items a second of each contender, as rows; and the comparison itself, with its warnings, for whoever reads along. */
export function printThroughput(print: (row: Row) => void, result: BenchResult<string>, { bench, case: name, unit }: Pick<Row, 'bench' | 'case' | 'unit'>): void {
  for (const { name: who, samples } of result) print({ bench, case: name, who, metric: 'throughput', unit, ...figures(samples.map((seconds) => 1 / seconds)) })
  console.error(`\n${name}\n${String(result)}`)
}

/** The cases that are wanted: those that begin with one of the names. */
export function wanted<T>(cases: Readonly<Record<string, T>>, names: readonly string[]): [string, T][] {
  const unknown = names.find((name) => !Object.keys(cases).some((one) => one.startsWith(name)))
  if (unknown !== undefined) throw new RangeError(`there is no case "${unknown}", only ${Object.keys(cases).join(', ')}`)
  return Object.entries(cases).filter(([one]) => names.length === 0 || names.some((name) => one.startsWith(name)))
}
