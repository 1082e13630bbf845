import { adjusted, compareRounds, verdictOf, type Comparison, type Verdict } from './compare.ts'
import type { Conditions } from './conditions.ts'
import type { Settings } from './contender.ts'
import type { Environment } from './environment.ts'
import { bootstrap, median, quantile, type Interval } from './stats.ts'
import { settingsWarning, warningsOf, type Warning } from './warnings.ts'
import { latency } from '../plot/latency.ts'
import { withCharts } from '../plot/under.ts'
import { table, type TableBundle } from '../table.ts'
import { digits, percentText, timeRange, timeText } from '../units.ts'

/** What was measured of one contender. Times are seconds per item. */
export interface Measurement<Name extends string = string> {
  readonly name: Name
  /** Every sample, outliers too, in the order they were taken. */
  readonly samples: readonly number[]
  readonly median: number
  /** 95 % bootstrap interval of the median; from 0 to Infinity where there is one sample. */
  readonly interval: Interval
  /** Number of samples. */
  readonly runs: number
  /** Calls made before the first sample. */
  readonly warmup: number
  /** Items that one call handles. */
  readonly perCall: number
  readonly settings: Settings
  readonly outliers: Outliers
  /** How many times as fast as the baseline, with its 95 % interval; null for the baseline itself. */
  readonly speedup: Interval | null
  /** The comparison with the baseline; null for the baseline itself. Its p is adjusted for the number of comparisons. */
  readonly comparison: Comparison | null
  readonly verdict: 'baseline' | Verdict
}

/** Samples beyond Tukey's fences: 1.5 (mild) and 3 (severe) interquartile ranges outside the quartiles. They are counted, never dropped. */
export interface Outliers {
  readonly lowSevere: number
  readonly lowMild: number
  readonly highMild: number
  readonly highSevere: number
}

/** How and where it was measured. */
export interface About {
  readonly baseline: string
  /** Decides intervals and p values. */
  readonly seed: number
  /** Smaller differences than this share count as none. */
  readonly threshold: number
  readonly environment: Environment
  readonly conditions: Conditions
  readonly started: Date
}

/** A saved result: the samples, from which all else follows. */
export interface SavedBench extends Omit<About, 'started'> {
  readonly format: typeof FORMAT
  readonly version: typeof VERSION
  /** ISO 8601. */
  readonly started: string
  readonly contenders: readonly Timed[]
}

export const FORMAT = 'hone bench'
export const VERSION = 1

/** The measurements by name, and in order when iterated. Shows itself as a table and a plot; `JSON.stringify` saves it. */
export type BenchResult<Name extends string = string> = { readonly [name in Name]: Measurement<name> } & Iterable<Measurement<Name>> & {
  readonly about: About & {
    /** What a reader should know before believing the figures. */
    readonly warnings: readonly Warning[]
    /** Whether differences of a few per cent cannot be trusted. */
    readonly noisy: boolean
  }
  toJSON(): SavedBench
}

export interface Timed<Name extends string = string> {
  readonly name: Name
  readonly perCall: number
  readonly settings: Settings
  readonly warmup: number
  readonly samples: readonly number[]
}

/** What follows from samples. @throws RangeError where a contender's name is taken by the result itself. */
export function benchResult<Name extends string>(contenders: readonly Timed<Name>[], about: About): BenchResult<Name> {
  requireFree(contenders.map(({ name }) => name))
  const measurements = measured(contenders, about)
  const warnings = [...settingsWarning(contenders), ...warningsOf(contenders, about.conditions, about.environment.cores)]
  const noisy = warnings.some(({ kind }) => kind === 'noise' || kind === 'load' || kind === 'pace')
  const view = () => shown(measurements, warnings, about.threshold)
  const text = () => view()['text/plain']
  const hidden = {
    about: { ...about, warnings, noisy },
    toJSON: () => saved(contenders, about),
    toString: text,
    [Symbol.iterator]: () => measurements.values(),
    [Symbol.for('Jupyter.display')]: () => withCharts(view(), [latency(measurements, { title: 'Time' })]),
    [Symbol.for('nodejs.util.inspect.custom')]: text,
  }
  const result = Object.fromEntries(measurements.map((one) => [one.name, one]))
  for (const key of Reflect.ownKeys(hidden)) Object.defineProperty(result, key, { value: Reflect.get(hidden, key) })
  return result as BenchResult<Name>
}

/** @throws RangeError where a contender's name is taken by the result itself. */
export function requireFree(names: readonly string[]): void {
  const taken = names.find((name) => OWN.has(name))
  if (taken !== undefined) throw new RangeError(`a contender cannot be called "${taken}"`)
}

/** What a result has beside its contenders. */
const OWN = new Set(['about', 'toJSON', 'toString'])

function saved(contenders: readonly Timed[], { baseline, seed, threshold, environment, conditions, started }: About): SavedBench {
  const timed = contenders.map(({ name, perCall, settings, warmup, samples }) => ({ name, perCall, settings, warmup, samples }))
  return { format: FORMAT, version: VERSION, started: started.toISOString(), baseline, seed, threshold, environment, conditions, contenders: timed }
}

function measured<Name extends string>(contenders: readonly Timed<Name>[], { baseline, seed, threshold }: About): Measurement<Name>[] {
  const reference = contenders.find(({ name }) => name === baseline)!.samples
  const comparisons = new Map(contenders.filter(({ name }) => name !== baseline).map(({ name, samples }) => [name, compareRounds(reference, samples, seed)]))
  const p = adjusted([...comparisons.values()].map((comparison) => comparison.p))
  ;[...comparisons].forEach(([name, comparison], i) => comparisons.set(name, { ...comparison, p: p[i] }))
  return contenders.map(({ name, perCall, settings, warmup, samples }) => {
    const comparison = comparisons.get(name) ?? null
    const interval = intervalOf(samples, seed)
    const verdict = comparison ? verdictOf(comparison, threshold) : 'baseline'
    return { name, samples, median: interval.value, interval, runs: samples.length, warmup, perCall, settings, outliers: outliers(samples), speedup: comparison?.speedup ?? null, comparison, verdict }
  })
}

function intervalOf(samples: readonly number[], seed: number): Interval {
  if (samples.length === 1) return { value: samples[0], low: 0, high: Infinity }
  return bootstrap(samples, median, { seed, series: true })
}

export function outliers(samples: readonly number[]): Outliers {
  const [q1, q3] = [quantile(samples, 0.25), quantile(samples, 0.75)]
  const below = (fences: number) => samples.filter((x) => x < q1 - fences * (q3 - q1)).length
  const above = (fences: number) => samples.filter((x) => x > q3 + fences * (q3 - q1)).length
  return { lowSevere: below(3), lowMild: below(1.5) - below(3), highMild: above(1.5) - above(3), highSevere: above(3) }
}

function shown(measurements: readonly Measurement[], warnings: readonly Warning[], threshold: number): TableBundle {
  const perItem = measurements.some(({ perCall }) => perCall !== 1)
  const notes = [
    ...(measurements.length > 1 && threshold > 0 ? [`Differences up to ${percentText(threshold)} count as none.`] : []),
    ...(perItem ? [`Items per call: ${measurements.map(({ name, perCall }) => `${name} ${perCall}`).join(', ')}.`] : []),
    ...warnings.map(({ text }) => text),
  ]
  return table(
    measurements,
    [
      { heading: 'contender', cell: ({ name }) => name },
      { heading: perItem ? 'median per item' : 'median', cell: (one) => timeText(one.median) },
      { heading: '95 % interval', cell: ({ interval }) => intervalText(interval, timeRange) },
      { heading: 'times as fast', cell: ({ speedup }) => (speedup ? `${digits(speedup.value)} (${intervalText(speedup, ratioRange)})` : '1') },
      { heading: '', cell: ({ verdict }) => verdict, align: 'left' },
      { heading: 'p', cell: ({ comparison }) => (comparison ? probability(comparison.p) : '') },
      { heading: 'effect', cell: ({ comparison }) => comparison?.effect.size ?? '', align: 'left' },
      { heading: 'runs', cell: ({ runs }) => String(runs) },
      { heading: 'warm-up calls', cell: ({ warmup }) => String(warmup) },
      { heading: 'outliers', cell: ({ outliers: found }) => outliersText(found) },
    ],
    notes.join('\n'),
  )
}

const ratioRange = (low: number, high: number) => `${digits(low)} - ${digits(high)}`

export const intervalText = ({ low, high }: Interval, range: (low: number, high: number) => string) => (Number.isFinite(high) ? range(low, high) : 'none')

export const probability = (p: number) => (p < 0.001 ? '< 0.001' : p.toFixed(3))

function outliersText({ lowSevere, lowMild, highMild, highSevere }: Outliers): string {
  const parts = [[lowSevere, 'far below'], [lowMild, 'below'], [highMild, 'above'], [highSevere, 'far above']] as const
  return parts.filter(([count]) => count).map(([count, where]) => `${count} ${where}`).join(', ') || 'none'
}
