import { existsSync, readFileSync } from 'node:fs'
import writeFileAtomic from 'write-file-atomic'
import type { Dataset } from '../data/dataset.ts'
import { throwIfInterrupted } from '../interrupt.ts'
import { accuracy } from '../measure/accuracy.ts'
import { bench } from '../measure/bench.ts'
import { sizes } from '../measure/size.ts'
import { bootstrapPairedDifference } from '../measure/stats.ts'
import type { Model } from '../nn/model.ts'
import { pareto } from '../plot/pareto.ts'
import type { Chart } from '../plot/chart.ts'
import { progress } from '../progress.ts'
import { Session, type SessionOptions } from '../runtime/session.ts'
import { table, type TableBundle } from '../table.ts'
import { percentText, sizeText, timeText } from '../units.ts'
import { channelsOf } from './channels.ts'
import { foldBatchNorm } from './fold-batch-norm.ts'
import { foldConstants } from './fold-constants.ts'
import { fuseActivation } from './fuse-activation.ts'
import type { Budget } from './optimize.ts'
import { labelOf, pipeline, type Pass } from './pass.ts'
import { pruneChannels } from './prune-channels.ts'
import { quantize } from './quantize.ts'
import { removeIdentities } from './remove-identities.ts'
import { weightIndex } from './weight.ts'

export interface TuneOptions<Label> extends Pick<SessionOptions, 'device' | 'threads'> {
  /** Samples that decide. */
  data: Dataset<Label>
  /** Samples that quantization is calibrated with (the first 200 of `data`). */
  calibrate?: Dataset<Label>
  /** What may be lost, and what must be reached ({ loss: 0.01 }). */
  budget?: Budget
  /** What is to be as small as possible within the budget ('latency'). */
  goal?: 'latency' | 'bytes'
  /** Shares of channels to try to remove ([0.1, 0.25, 0.5]). */
  amounts?: readonly number[]
  /** What is done to a candidate before it is judged, such as training it a little (nothing). */
  finish?: (model: Model, name: string) => Promise<Model>
  /** Pipelines of your own to try beside. */
  candidates?: Readonly<Record<string, Pass>>
  /** Samples of a first look, after which hopeless candidates are dropped (200). */
  look?: number
  /** Samples of a run that is timed (1). */
  batch?: number
  /** Time to measure latencies for (10 s). */
  seconds?: number
  /** Where verdicts are kept: a later call with the same file goes on from there. */
  file?: string
}

/** How much a layer minds being changed alone: accuracy lost, as a share. */
export interface Sensitivity {
  readonly layer: string
  readonly change: 'int8' | 'half its channels'
  readonly lost: number
}

/** One pipeline that was tried. */
export interface Trial {
  readonly name: string
  /** Whether each sample was right; those of the first look only, where it was dropped after it. */
  readonly right: readonly boolean[]
  readonly accuracy: number
  readonly bytes: number
  /** Seconds a run; null where it was dropped after the first look. */
  readonly latency: number | null
  readonly verdict: string
}

interface Known {
  readonly right: readonly boolean[]
}

/** What a search found. Shows itself as a table of everything that was tried; `pareto()` draws it. */
export class Tuning {
  /** The best network within the budget; the base, folded, where none is. */
  readonly model: Model
  readonly best: Trial
  readonly trials: readonly Trial[]
  readonly sensitivities: readonly Sensitivity[]
  /** Why the best is the best, in words. */
  readonly explanation: string

  constructor(found: Pick<Tuning, 'model' | 'best' | 'trials' | 'sensitivities' | 'explanation'>) {
    this.model = found.model
    this.best = found.best
    this.trials = found.trials
    this.sensitivities = found.sensitivities
    this.explanation = found.explanation
  }

  /** Accuracy over latency of all that was timed, with the front. */
  pareto(): Chart {
    return pareto(this.trials.flatMap(({ name, accuracy: value, latency, bytes }) => (latency === null ? [] : [{ name, accuracy: value, latency, size: bytes }])), { title: 'What was tried' })
  }

  table(): TableBundle {
    return table(this.trials, [
      { heading: 'pipeline', cell: ({ name }) => (name === this.best.name ? `▸ ${name}` : name) },
      { heading: 'accuracy', cell: ({ accuracy: value }) => percentText(value) },
      { heading: 'samples', cell: ({ right }) => `${right.length}` },
      { heading: 'time', cell: ({ latency }) => (latency === null ? '' : timeText(latency)) },
      { heading: 'stored', cell: ({ bytes }) => sizeText(bytes) },
      { heading: 'verdict', cell: ({ verdict }) => verdict, align: 'left' },
    ], this.explanation)
  }

  [Symbol.for('Jupyter.display')](): TableBundle {
    return this.table()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.table()['text/plain']
  }
}

/**
 * Looks for the pipeline of passes that makes a network fastest, or smallest, within a budget: first how much each layer minds being quantized or pruned alone,
 * then combinations that spare the sensitive ones; those that a first look shows to lose too much are dropped, the others are judged on all samples
 * and timed side by side.
 * @throws RangeError where there is no data, or a share is none.
 */
export async function tune<Label>(model: Model, options: TuneOptions<Label>): Promise<Tuning> {
  const { data, budget = { loss: 0.01 }, goal = 'latency', amounts = [0.1, 0.25, 0.5], finish = async (it) => it, look = 200, batch = 1, seconds = 10, file, ...rest } = options
  if (!data?.size) throw new RangeError('tune: there are no samples to judge by')
  if (!['latency', 'bytes'].includes(goal)) throw new RangeError(`tune: goal is latency or bytes, not ${goal}`)
  const calibrate = options.calibrate ?? data.take(Math.min(200, data.size))
  const session: SessionOptions = { spinning: false, ...(rest.device && { device: rest.device }), ...(rest.threads && { threads: rest.threads }) }
  const kept = new KeptTrials(file, `${model.name} on ${data.name} (${data.size})`)
  const allowed = budget.loss ?? 0
  const glance = data.take(Math.min(look, data.size))
  const judged = async (name: string, it: Model, samples: Dataset<Label>) => {
    throwIfInterrupted()
    return kept.of(`${name} on ${samples.size}`, async () => ({ right: (await accuracy(it, samples, session)).samples }))
  }

  const folded: Model = await model.apply(pipeline([removeIdentities(), foldConstants(), foldBatchNorm()]))
  const first = await judged('folded', folded, glance)
  const sensitivities = await sensitivitiesOf(folded, calibrate, async (name, it) => share(first.right) - share((await judged(name, it, glance)).right))
  const candidates = { ...combinations(folded, sensitivities, calibrate, amounts, allowed), ...options.candidates }

  const base = { name: 'folded', model: folded }
  const contenders: { name: string; model: Model }[] = [base]
  const trials = new Map<string, Omit<Trial, 'latency'>>()
  const bar = progress('Pipelines', Object.keys(candidates).length)
  try {
    for (const [name, pass] of Object.entries(candidates)) {
      const made = await finish(await folded.apply(pass), name)
      const { right } = await judged(name, made, glance)
      const lost = bootstrapPairedDifference(first.right.map(Number), right.map(Number))
      const bytes = (await sizes(made)).dense
      if (lost.high < -allowed) trials.set(name, { name, right, accuracy: share(right), bytes, verdict: `dropped after ${right.length} samples: it loses at least ${points(-lost.high)}` })
      else contenders.push({ name, model: made })
      bar.tick()
    }
  } finally {
    bar.done()
  }
  const times = await timed(contenders, data.batch(Math.min(batch, data.size)), seconds, session)
  const whole = await Promise.all(contenders.map(async ({ name, model: it }) => ({ name, bytes: (await sizes(it)).dense, latency: times.get(name)! })))
  const judgedWhole: Trial[] = []
  for (const [i, figures] of whole.entries()) {
    const { right } = await judged(figures.name, contenders[i].model, data)
    judgedWhole.push({ ...figures, right, accuracy: share(right), verdict: '' })
  }
  const [reference] = judgedWhole
  const finished = judgedWhole.map((trial) => ({ ...trial, verdict: verdictOn(trial, reference, budget) }))
  const fitting = finished.filter(({ verdict }) => verdict === WITHIN)
  const best = (fitting.length ? fitting : finished.slice(0, 1)).reduce((a, b) => (b[goal]! < a[goal]! ? b : a))
  return new Tuning({
    model: contenders.find(({ name }) => name === best.name)!.model, best, sensitivities,
    trials: [...finished, ...[...trials.values()].map((trial) => ({ ...trial, latency: null }))],
    explanation: explain(best, finished, reference, goal, fitting.length > 0, trials.size),
  })
}

const WITHIN = 'within the budget'
const share = (right: readonly boolean[]): number => right.filter(Boolean).length / right.length
const points = (lost: number): string => `${(100 * lost).toFixed(1)} points`

/** Each layer quantized alone, and, where it may lose channels, with half of them gone. */
async function sensitivitiesOf<Label>(model: Model, calibrate: Dataset<Label>, lost: (name: string, model: Model) => Promise<number>): Promise<readonly Sensitivity[]> {
  const found: Sensitivity[] = []
  const nodes = model.graph.nodes()
  const bar = progress('Sensitivity', nodes.filter((node) => weightIndex(node) !== null).length)
  for (const node of nodes.filter((one) => weightIndex(one) !== null)) {
    const layer = labelOf(node)
    const int8 = await model.apply(quantize({ calibrate, include: [layer] }))
    if (int8.changes.length) found.push({ layer, change: 'int8', lost: await lost(`int8 ${layer}`, int8) })
    if (channelsOf(node)) {
      const halved = await model.apply(pruneChannels({ amount: 0.5, include: [layer] }))
      if (halved.changes.length) found.push({ layer, change: 'half its channels', lost: await lost(`half of ${layer}`, halved) })
    }
    bar.tick()
  }
  bar.done()
  return found.toSorted((a, b) => b.lost - a.lost)
}

/** Quantized as a whole or without the most sensitive layers, pruned by each amount without those that cannot spare channels, and both. */
function combinations<Label>(model: Model, sensitivities: readonly Sensitivity[], calibrate: Dataset<Label>, amounts: readonly number[], allowed: number): Record<string, Pass> {
  const of = (change: Sensitivity['change']) => sensitivities.filter((one) => one.change === change)
  const [quantized, pruned] = [of('int8'), of('half its channels')]
  const spared = quantized.filter(({ lost }) => lost > allowed / 2).slice(0, 3)
  const precisions = quantized.length ? [{ name: 'int8', exclude: [] as string[] }, ...spared.map((_, i) => ({ name: `int8 without ${spared.slice(0, i + 1).map(({ layer }) => layer).join(', ')}`, exclude: spared.slice(0, i + 1).map(({ layer }) => layer) }))] : []
  const robust = pruned.filter(({ lost }) => lost <= Math.max(2 * allowed, 0.02)).map(({ layer }) => layer)
  const found: Record<string, Pass> = { fused: fuseActivation() }
  for (const { name, exclude } of precisions) found[name] = pipeline([quantize({ calibrate, exclude }), fuseActivation()])
  for (const amount of robust.length ? amounts : []) {
    const prune = pruneChannels({ amount, include: robust })
    const name = `${Math.round(100 * amount)} % of channels removed`
    found[`${name}, fused`] = pipeline([prune, fuseActivation()])
    for (const precision of precisions) found[`${name}, ${precision.name}`] = pipeline([prune, quantize({ calibrate, exclude: precision.exclude }), fuseActivation()])
  }
  return found
}

async function timed(contenders: readonly { name: string; model: Model }[], feeds: Parameters<Session['bind']>[0], seconds: number, options: SessionOptions): Promise<Map<string, number>> {
  const sessions = await Promise.all(contenders.map(({ model }) => Session.create(model.graph, options)))
  try {
    const bound = await Promise.all(contenders.map(async ({ name }, i) => [name, await sessions[i].bind(feeds)] as const))
    return new Map([...(await bench(Object.fromEntries(bound), { seconds }))].map(({ name, median }) => [name, median]))
  } finally {
    await Promise.all(sessions.map((session) => session.release()))
  }
}

function verdictOn({ accuracy: value, latency, bytes }: Trial, base: Trial, budget: Budget): string {
  const lost = base.accuracy - value
  if (budget.loss !== undefined && lost > budget.loss) return `loses ${points(lost)}`
  if (budget.latency !== undefined && latency! > budget.latency) return `takes ${timeText(latency!)}`
  if (budget.bytes !== undefined && bytes > budget.bytes) return `has ${sizeText(bytes)}`
  return WITHIN
}

function explain(best: Trial, trials: readonly Trial[], base: Trial, goal: 'latency' | 'bytes', met: boolean, dropped: number): string {
  const tried = `${trials.length + dropped} pipelines were tried, ${dropped} of them dropped after a first look.`
  if (!met) return `Nothing meets the budget, so the network stays as it was, folded. ${tried}`
  const gain = goal === 'latency' ? `${(base.latency! / best.latency!).toFixed(2)} times as fast as the base` : `${(best.bytes / base.bytes).toFixed(2)} of the base's size`
  const lost = base.accuracy - best.accuracy
  const price = lost > 0 ? `for ${points(lost)} of accuracy` : 'at no loss of accuracy'
  const closest = trials.filter((trial) => trial.verdict !== WITHIN && trial[goal]! < best[goal]!).toSorted((a, b) => a[goal]! - b[goal]!)[0]
  const beyond = closest ? ` "${closest.name}" would be ${goal === 'latency' ? 'faster' : 'smaller'}, but ${closest.verdict}.` : ''
  return `"${best.name}" is ${gain}, ${price}.${beyond} ${tried}`
}

/** Verdicts in a file, by what was judged. */
class KeptTrials {
  readonly #file: string | undefined
  readonly #of: string
  readonly #known: Record<string, Known>

  constructor(file: string | undefined, of: string) {
    this.#file = file
    this.#of = of
    this.#known = file !== undefined && existsSync(file) ? trialsIn(file, of) : {}
  }

  async of(name: string, judge: () => Promise<Known>): Promise<Known> {
    const known = (this.#known[name] ??= await judge())
    if (this.#file !== undefined) await writeFileAtomic(this.#file, `${JSON.stringify({ format: FORMAT, version: VERSION, of: this.#of, trials: this.#known })}\n`)
    return known
  }
}

const FORMAT = 'hone tune'
const VERSION = 1

function trialsIn(file: string, of: string): Record<string, Known> {
  let saved: { format?: string; version?: number; of?: string; trials?: Record<string, Known> }
  try {
    saved = JSON.parse(readFileSync(file, 'utf8')) as typeof saved
  } catch (error) {
    throw new Error(`${file} is damaged: ${(error as Error).message}. Remove it to begin anew.`, { cause: error })
  }
  if (saved.format !== FORMAT || saved.version !== VERSION) throw new Error(`${file} is no search of this version of hone. Remove it, or name another file.`)
  if (saved.of !== of) throw new Error(`${file} is a search for ${saved.of}, not for ${of}. Name another file.`)
  return saved.trials ?? {}
}
