import type { Model } from '../nn/model.ts'
import type { Chart } from '../plot/chart.ts'
import { isDominated, pareto } from '../plot/pareto.ts'
import { withCharts } from '../plot/under.ts'
import { table, type TableBundle } from '../table.ts'
import { percentText, sizeText, timeText } from '../units.ts'
import { excesses, pointsText, type Budget, type Figures } from './budget.ts'
import type { Sensitivities } from './sensitivity.ts'

export const GOALS = ['latency', 'bytes', 'accuracy'] as const

/** What is to be as good as possible within a budget. */
export type Goal = (typeof GOALS)[number]

/** One pipeline that was tried. */
export interface Trial extends Figures {
  readonly name: string
  /** Whether each sample was right: all samples where it is `final`, those of the first look otherwise. */
  readonly right: readonly boolean[]
  readonly accuracy: number
  /** Whether it was judged on all samples, and timed side by side with the others that were; otherwise its figures are those of a first look. */
  readonly final: boolean
  /** Why it was not looked at further, or what became of it. */
  readonly verdict: string
}

interface Found {
  readonly model: Model
  readonly best: Trial
  /** What the others are compared with: the network, folded. */
  readonly base: Trial
  readonly trials: readonly Trial[]
  readonly failures: Tuning['failures']
  readonly sensitivities: Sensitivities
  readonly goal: Goal
  readonly budget: Budget
}

/** What a search found. Shows itself as a table of everything that was tried, with the front drawn under it. */
export class Tuning {
  /** The best network within the budget; where nothing meets it, the one that comes nearest. */
  readonly model: Model
  readonly best: Trial
  /** Whether the best meets the budget. */
  readonly met: boolean
  readonly trials: readonly Trial[]
  /** Pipelines that could not be made or run, and why. */
  readonly failures: readonly { readonly name: string; readonly reason: string }[]
  readonly sensitivities: Sensitivities
  /** Why the best is the best, in words. */
  readonly explanation: string

  constructor(found: Found) {
    this.model = found.model
    this.best = found.best
    this.trials = found.trials
    this.failures = found.failures
    this.sensitivities = found.sensitivities
    this.met = !excesses(found.budget, found.base, found.best).length
    this.explanation = explanation(found, this.met)
  }

  /** What nothing beats in accuracy, latency and size together, of all that was judged to the end; the fastest first. */
  get front(): readonly Trial[] {
    return frontOf(this.trials.filter(({ final }) => final)).toSorted((a, b) => a.latency - b.latency)
  }

  /** Accuracy over latency of all that was tried, with the front. */
  pareto(): Chart {
    return pareto(this.trials.map((trial) => rowOf(trial)), { title: 'What was tried' })
  }

  table(): TableBundle {
    const front = new Set(this.front)
    return table(this.trials, [
      { heading: 'pipeline', cell: (trial) => `${trial.name === this.best.name ? '▸ ' : ''}${trial.name}` },
      { heading: 'front', cell: (trial) => (front.has(trial) ? '●' : '') },
      { heading: 'accuracy', cell: ({ accuracy }) => percentText(accuracy) },
      { heading: 'samples', cell: ({ right }) => `${right.length}` },
      { heading: 'time', cell: ({ latency, final }) => `${final ? '' : '≈ '}${timeText(latency)}` },
      { heading: 'stored', cell: ({ bytes }) => sizeText(bytes) },
      { heading: 'verdict', cell: ({ verdict }) => verdict, align: 'left' },
    ], [this.explanation, ...this.failures.map(({ name, reason }) => `"${name}" failed: ${reason}`)].join('\n'))
  }

  [Symbol.for('Jupyter.display')](): Promise<TableBundle> {
    return withCharts(this.table(), [this.pareto()])
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.table()['text/plain']
  }
}

const rowOf = ({ name, accuracy, latency, bytes }: Trial) => ({ name, accuracy, latency, size: bytes })

/** Those that no other beats: no worse in accuracy, latency and size, and better in one of them. */
export function frontOf<T extends Trial>(trials: readonly T[]): readonly T[] {
  const rows = trials.map(rowOf)
  return trials.filter((_, i) => !isDominated(rows[i]!, rows))
}

/** How far beyond a budget: 0 within it. */
export const beyond = (budget: Budget, base: Figures, it: Figures): number => excesses(budget, base, it).reduce((sum, { by }) => sum + by, 0)

/** Which of two is to be preferred: what is nearer to the budget; within it, by the goal. */
export function better(budget: Budget, goal: Goal, base: Figures): (a: Trial, b: Trial) => number {
  return (a, b) => beyond(budget, base, a) - beyond(budget, base, b) || (goal === 'accuracy' ? b.accuracy - a.accuracy || a.latency - b.latency : a[goal] - b[goal] || b.accuracy - a.accuracy)
}

const GOAL_WORDS: Readonly<Record<Goal, string>> = { latency: 'faster', bytes: 'smaller', accuracy: 'more often right' }

function explanation({ best, base, trials, goal, budget }: Found, met: boolean): string {
  const finals = trials.filter(({ final }) => final)
  const tried = `${trials.length} pipelines were tried, ${finals.length} of them on all ${base.right.length} samples.`
  const lost = base.accuracy - best.accuracy
  const [speed, size] = [`${(base.latency / best.latency).toFixed(2)} times as fast as the base`, `${(best.bytes / base.bytes).toFixed(2)} of its size`]
  const price = lost > 0 ? `for ${pointsText(lost)} of accuracy` : 'at no loss of accuracy'
  const gain = best.name === base.name ? `the network as it was, folded` : `${speed} at ${size}, ${price}`
  if (!met) return `Nothing that was tried meets the budget. The nearest is "${best.name}" (${gain}): ${excesses(budget, base, best).map(({ text }) => text).join('; ')}. ${tried}`
  const advantage = (trial: Trial) => (goal === 'accuracy' ? trial.accuracy > best.accuracy : trial[goal] < best[goal])
  const [closest] = finals.filter((trial) => beyond(budget, base, trial) && advantage(trial)).toSorted((a, b) => beyond(budget, base, a) - beyond(budget, base, b))
  const rival = closest ? ` "${closest.name}" would be ${GOAL_WORDS[goal]}, but is beyond the budget: ${excesses(budget, base, closest).map(({ text }) => text).join('; ')}.` : ''
  return `"${best.name}" is ${gain}.${rival} ${tried}`
}
