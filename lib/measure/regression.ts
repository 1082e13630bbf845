import { adjusted, compareSeries, verdictOf, type Comparison, type Verdict } from './compare.ts'
import { bootstrapRatio, type Interval } from './stats.ts'
import { differences } from './environment.ts'
import { intervalText, probability, type BenchResult, type Measurement } from './result.ts'
import { table, type TableBundle } from '../table.ts'
import { digits, percentText, timeText } from '../units.ts'

export interface RegressionOptions {
  /** A change counts when its whole interval lies beyond this share (0.02): two runs of the same code differ by as much. */
  readonly threshold?: number
}

/** A contender in two results. */
export interface Change {
  readonly name: string
  readonly before: Measurement
  readonly after: Measurement
  /** Its p is adjusted for the number of contenders. */
  readonly comparison: Comparison
  readonly verdict: Verdict
}

/**
 * What became faster and slower between two results, contender by contender. They were measured at different times, so a change counts only where it
 * is seen both as it stands and with the change of the processor's own pace taken out.
 */
export function compareBenches(before: BenchResult, after: BenchResult, { threshold = 0.02 }: RegressionOptions = {}): Regressions {
  if (!(threshold >= 0 && threshold < 1)) throw new RangeError(`the threshold is a share from 0 to 1, not ${threshold}`)
  return new Regressions(before, after, threshold)
}

export class Regressions {
  readonly changes: readonly Change[]
  /** Contenders of one result only. */
  readonly unmatched: readonly string[]
  /** What makes it no fair comparison: other processors, versions, cores. */
  readonly differences: readonly string[]
  /** How many times as fast the processor itself was in the second, by the arithmetic that every benchmark times beside its contenders. */
  readonly pace: Interval
  /** The results that were measured on a busy or noisy machine. */
  readonly noisy: readonly ('before' | 'after')[]
  readonly #threshold: number

  constructor(before: BenchResult, after: BenchResult, threshold: number) {
    const [former, latter] = [byName(before), byName(after)]
    const both = [...former.keys()].filter((name) => latter.has(name))
    this.pace = paceOf(before, after)
    const comparisons = both.map((name) => compareSeries(former.get(name)!.samples, latter.get(name)!.samples))
    const p = adjusted(comparisons.map((comparison) => comparison.p))
    this.changes = both.map((name, i) => {
      const comparison = { ...comparisons[i], p: p[i] }
      return { name, before: former.get(name)!, after: latter.get(name)!, comparison, verdict: changed(comparison, this.pace.value, threshold) }
    })
    this.unmatched = [...former.keys(), ...latter.keys()].filter((name) => !both.includes(name))
    this.differences = [...differences(before.about.environment, after.about.environment), ...both.flatMap((name) => settingsChanged(former.get(name)!, latter.get(name)!))]
    this.noisy = (['before', 'after'] as const).filter((_, i) => [before, after][i].about.noisy)
    this.#threshold = threshold
  }

  /** The contenders that became slower. */
  get regressions(): readonly Change[] {
    return this.changes.filter(({ verdict }) => verdict === 'slower')
  }

  /** As HTML and as text. */
  table(): TableBundle {
    const notes = [
      this.regressions.length ? `Slower: ${this.regressions.map(({ name }) => name).join(', ')}.` : `Nothing became slower by more than ${percentText(this.#threshold)}.`,
      ...(this.unmatched.length ? [`In one file only: ${this.unmatched.join(', ')}.`] : []),
      ...(this.differences.length ? [`Not measured under the same conditions (${this.differences.join('; ')}).`] : []),
      ...(Math.abs(Math.log(this.pace.value)) > Math.log1p(PACE) ? [`The processor itself was ${digits(this.pace.value)} times as fast in the second: a change counts where it goes beyond that.`] : []),
      ...(this.noisy.length ? [`Measured on a busy or noisy machine: ${this.noisy.join(' and ')}.`] : []),
    ]
    return table(this.changes, [
      { heading: 'contender', cell: ({ name }) => name },
      { heading: 'before', cell: (row) => timeText(row.before.median) },
      { heading: 'after', cell: (row) => timeText(row.after.median) },
      { heading: 'times as fast', cell: ({ comparison: { speedup } }) => `${digits(speedup.value)} (${intervalText(speedup, (low, high) => `${digits(low)} - ${digits(high)}`)})` },
      { heading: '', cell: ({ verdict }) => verdict, align: 'left' },
      { heading: 'p', cell: ({ comparison }) => probability(comparison.p) },
      { heading: 'effect', cell: ({ comparison }) => comparison.effect.size, align: 'left' },
    ], notes.join('\n'))
  }

  [Symbol.for('Jupyter.display')](): TableBundle {
    return this.table()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.table()['text/plain']
  }
}

const byName = (result: BenchResult) => new Map([...result].map((one) => [one.name, one]))

/** A change of the pace by less than this share is not told. */
const PACE = 0.02

function paceOf(before: BenchResult, after: BenchResult): Interval {
  const [former, latter] = [before.about.conditions.pace, after.about.conditions.pace]
  if (!former.length || !latter.length) return { value: 1, low: 0, high: Infinity }
  const { value, low, high } = bootstrapRatio(former, latter, { series: true })
  return { value: Math.exp(value), low: Math.exp(low), high: Math.exp(high) }
}

function changed(comparison: Comparison, pace: number, threshold: number): Verdict {
  const { p, speedup: { value, low, high } } = comparison
  const atEqualPace = { p, speedup: { value: value / pace, low: low / pace, high: high / pace } }
  const verdict = verdictOf(comparison, threshold)
  return verdict === verdictOf(atEqualPace, threshold) ? verdict : 'no difference seen'
}

function settingsChanged(before: Measurement, after: Measurement): string[] {
  const shared = Object.keys(before.settings).filter((setting) => setting in after.settings && before.settings[setting] !== after.settings[setting])
  return shared.map((setting) => `${setting} of ${before.name}: ${before.settings[setting]} and ${after.settings[setting]}`)
}
