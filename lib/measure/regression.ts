import { adjusted, compareSamples, verdictOf, type Comparison, type Verdict } from './compare.ts'
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

/** What became faster and slower between two results, contender by contender. */
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
  /** The results that were measured on a busy or noisy machine. */
  readonly noisy: readonly ('before' | 'after')[]
  readonly #threshold: number

  constructor(before: BenchResult, after: BenchResult, threshold: number) {
    const [former, latter] = [byName(before), byName(after)]
    const both = [...former.keys()].filter((name) => latter.has(name))
    const comparisons = both.map((name) => compareSamples(former.get(name)!.samples, latter.get(name)!.samples))
    const p = adjusted(comparisons.map((comparison) => comparison.p))
    this.changes = both.map((name, i) => {
      const comparison = { ...comparisons[i], p: p[i] }
      return { name, before: former.get(name)!, after: latter.get(name)!, comparison, verdict: beyond(comparison, threshold) }
    })
    this.unmatched = [...former.keys(), ...latter.keys()].filter((name) => !both.includes(name))
    this.differences = differences(before.about.environment, after.about.environment)
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

function beyond(comparison: Comparison, threshold: number): Verdict {
  const { low, high } = comparison.speedup
  const verdict = verdictOf(comparison)
  return (verdict === 'faster' && low > 1 + threshold) || (verdict === 'slower' && high < 1 / (1 + threshold)) ? verdict : 'no difference seen'
}
