import { bootstrap, bootstrapRatio, median, quantile, type Interval } from './stats.ts'
import { table, type TableBundle } from '../table.ts'
import { digits, timeRange, timeText } from '../units.ts'

/** What was measured of one contender. Times are seconds per item. */
export interface Measurement<Name extends string = string> {
  readonly name: Name
  /** Every sample, outliers too, in the order they were taken. */
  readonly samples: readonly number[]
  readonly median: number
  /** 95 % bootstrap interval of the median. */
  readonly interval: Interval
  /** Number of samples. */
  readonly runs: number
  /** Calls made before the first sample. */
  readonly warmup: number
  /** Items that one call handles. */
  readonly perCall: number
  readonly outliers: Outliers
  /** How many times as fast as the baseline, with its 95 % interval; null for the baseline itself. */
  readonly speedup: Interval | null
  readonly verdict: 'baseline' | 'faster' | 'slower' | 'no difference seen'
}

/** Samples beyond Tukey's fences: 1.5 (mild) and 3 (severe) interquartile ranges outside the quartiles. They are counted, never dropped. */
export interface Outliers {
  readonly mild: number
  readonly severe: number
}

/** The measurements by name, and in order when iterated. Shows itself as a table. */
export type BenchResult<Name extends string = string> = { readonly [name in Name]: Measurement<name> } & Iterable<Measurement<Name>>

interface Timed<Name extends string> {
  readonly name: Name
  readonly perCall: number
  readonly warmup: number
  readonly samples: readonly number[]
}

export function benchResult<Name extends string>(contenders: readonly Timed<Name>[], baseline: Name, seed: number): BenchResult<Name> {
  const reference = contenders.find(({ name }) => name === baseline)!.samples
  const measurements = contenders.map((contender) => measurement(contender, contender.name === baseline ? null : reference, seed))
  const result = Object.fromEntries(measurements.map((one) => [one.name, one]))
  const text = () => view(measurements)['text/plain']
  const hidden = { [Symbol.iterator]: () => measurements.values(), [Symbol.for('Jupyter.display')]: () => view(measurements), [Symbol.for('nodejs.util.inspect.custom')]: text, toString: text }
  for (const key of Reflect.ownKeys(hidden)) Object.defineProperty(result, key, { value: Reflect.get(hidden, key) })
  return result as BenchResult<Name>
}

function measurement<Name extends string>({ name, perCall, warmup, samples }: Timed<Name>, reference: readonly number[] | null, seed: number): Measurement<Name> {
  const speedup = reference && exponential(bootstrapRatio(reference, samples, { seed }))
  const verdict = !speedup ? 'baseline' : speedup.low > 1 ? 'faster' : speedup.high < 1 ? 'slower' : 'no difference seen'
  const interval = bootstrap(samples, median, { seed })
  return { name, samples, median: interval.value, interval, runs: samples.length, warmup, perCall, outliers: outliers(samples), speedup, verdict }
}

const exponential = ({ value, low, high }: Interval): Interval => ({ value: Math.exp(value), low: Math.exp(low), high: Math.exp(high) })

export function outliers(samples: readonly number[]): Outliers {
  const [q1, q3] = [quantile(samples, 0.25), quantile(samples, 0.75)]
  const beyond = (fences: number) => samples.filter((x) => x < q1 - fences * (q3 - q1) || x > q3 + fences * (q3 - q1)).length
  const severe = beyond(3)
  return { mild: beyond(1.5) - severe, severe }
}

function view(measurements: readonly Measurement[]): TableBundle {
  const perItem = measurements.some(({ perCall }) => perCall !== 1)
  return table(
    measurements,
    [
      { heading: 'contender', cell: ({ name }) => name },
      { heading: perItem ? 'median per item' : 'median', cell: (one) => timeText(one.median) },
      { heading: '95 % interval', cell: ({ interval }) => timeRange(interval.low, interval.high) },
      { heading: 'times as fast', cell: ({ speedup }) => (speedup ? `${digits(speedup.value)} (${digits(speedup.low)} - ${digits(speedup.high)})` : '1') },
      { heading: '', cell: ({ verdict }) => verdict, align: 'left' },
      { heading: 'runs', cell: ({ runs }) => String(runs) },
      { heading: 'warm-up calls', cell: ({ warmup }) => String(warmup) },
      { heading: 'outliers', cell: ({ outliers: { mild, severe } }) => (mild + severe ? `${mild} mild, ${severe} severe` : 'none') },
    ],
    perItem ? `Items per call: ${measurements.map(({ name, perCall }) => `${name} ${perCall}`).join(', ')}.` : '',
  )
}
