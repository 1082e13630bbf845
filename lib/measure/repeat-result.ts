import { sampleStandardDeviation } from 'simple-statistics'
import { box } from '../plot/box.ts'
import type { Chart } from '../plot/chart.ts'
import { withCharts } from '../plot/under.ts'
import { table, type TableBundle } from '../table.ts'
import { digits } from '../units.ts'
import { fQuantile, studentQuantile } from './distributions.ts'
import type { Run } from './repeat.ts'
import { mean, median, quantile, type Interval } from './stats.ts'

/** What a run answers, by name. */
export type Values = Readonly<Record<string, number>>

/** How one value spreads over the runs. */
export interface Spread {
  readonly samples: readonly number[]
  readonly mean: number
  /** 95 % interval of the mean (Student's t); from -Infinity to Infinity where there is one run. */
  readonly interval: Interval
  /** Of a sample; null where there is one run. */
  readonly deviation: number | null
  readonly min: number
  readonly q1: number
  readonly median: number
  readonly q3: number
  readonly p90: number
  readonly max: number
}

/** Finished runs, in the order of their seeds. Shows itself as a table of their spread, with a box plot of each value. */
export class RepeatResult {
  readonly runs: readonly Run[]

  constructor(runs: readonly Run[]) {
    this.runs = runs
  }

  /** Names of the values that every run answers. */
  get names(): readonly string[] {
    return Object.keys(this.runs[0].values).filter((name) => this.runs.every(({ values }) => name in values))
  }

  /** A value of every run; its name may be left out where runs answer one number. @throws RangeError where no run has it. */
  of(name = 'value'): Spread {
    if (!this.names.includes(name)) throw new RangeError(`the runs have no "${name}", only ${this.names.join(', ')}`)
    return spreadOf(this.runs.map(({ values }) => values[name]))
  }

  table(): TableBundle {
    const rows = this.names.map((name) => ({ name, ...this.of(name) }))
    const range = ({ interval: { low, high } }: Spread) => (Number.isFinite(high) ? `${digits(low)} - ${digits(high)}` : 'none')
    return table(rows, [
      { heading: 'value', cell: ({ name }) => name },
      { heading: 'mean', cell: (row) => digits(row.mean) },
      { heading: '95 % interval', cell: range },
      { heading: 'standard deviation', cell: ({ deviation }) => (deviation === null ? 'none' : digits(deviation)) },
      ...(['min', 'q1', 'median', 'q3', 'p90', 'max'] as const).map((heading) => ({ heading, cell: (row: Spread) => digits(row[heading]) })),
    ], `${this.runs.length} ${this.runs.length === 1 ? 'run, so no interval is claimed' : 'runs'}: seeds ${this.runs.map(({ seed }) => seed).join(', ')}.`)
  }

  /** A value's box and whiskers, every run as a dot. `plot.box` sets several results side by side. */
  plot(name = 'value'): Chart {
    return box([{ name, samples: this.of(name).samples }], { title: `${name}, ${this.runs.length} runs`, value: name })
  }

  [Symbol.for('Jupyter.display')](): Promise<TableBundle> {
    return withCharts(this.table(), this.runs.length > 1 ? this.names.map((name) => this.plot(name)) : [])
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.table()['text/plain']
  }
}

/** @throws RangeError where there are no samples. */
export function spreadOf(samples: readonly number[]): Spread {
  const center = mean(samples)
  const deviation = samples.length > 1 ? sampleStandardDeviation(samples as number[]) : null
  const reach = deviation === null ? Infinity : (studentQuantile(0.975, samples.length - 1) * deviation) / Math.sqrt(samples.length)
  return {
    samples, mean: center, deviation, interval: { value: center, low: center - reach, high: center + reach },
    min: Math.min(...samples), q1: quantile(samples, 0.25), median: median(samples), q3: quantile(samples, 0.75), p90: quantile(samples, 0.9), max: Math.max(...samples),
  }
}

/** How many times as much the second set spreads as the first: the ratio of their standard deviations with its 95 % interval (F distribution). */
export function spreadRatio(first: readonly number[], second: readonly number[]): Interval {
  const few = [first, second].find((samples) => samples.length < 2)
  if (few) throw new RangeError(`a spread needs two samples or more, not ${few.length}`)
  const value = sampleStandardDeviation(second as number[]) / sampleStandardDeviation(first as number[])
  const [n, m] = [second.length - 1, first.length - 1]
  return { value, low: value / Math.sqrt(fQuantile(0.975, n, m)), high: value / Math.sqrt(fQuantile(0.025, n, m)) }
}
