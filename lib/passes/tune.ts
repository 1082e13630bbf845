import type { Dataset } from '../data/dataset.ts'
import { encodeModel } from '../graph/encode.ts'
import { throwIfInterrupted } from '../interrupt.ts'
import { accuracy } from '../measure/accuracy.ts'
import { bootstrapPairedDifference } from '../measure/stats.ts'
import type { Model } from '../nn/model.ts'
import { progress } from '../progress.ts'
import { listDevices, resolveDevice, type Device } from '../runtime/devices.ts'
import { batchOf, firstSamples } from '../runtime/samples.ts'
import type { SessionOptions } from '../runtime/session.ts'
import { checkBudget, excesses, pointsText, type Budget } from './budget.ts'
import { Judge, type Look } from './judge.ts'
import { digest, KeptLooks } from './kept-looks.ts'
import { labelOf, type Pass } from './pass.ts'
import { folded, SearchSpace, type Format, type Recipe } from './search-space.ts'
import { layerByLayer, Sensitivities, shareOf, type SensitivityChange } from './sensitivity.ts'
import { timedSideBySide } from './side-by-side.ts'
import { better, beyond, frontOf, GOALS, Tuning, type Goal, type Trial } from './tuning.ts'
import { weightIndex } from './weight.ts'

export interface TuneOptions<Label> extends Pick<SessionOptions, 'device' | 'threads'> {
  /** Samples that decide. */
  data: Dataset<Label>
  /** Samples that quantization is calibrated with (the first 200 of `data`). */
  calibrate?: Dataset<Label>
  /** What may be lost, and what must be reached: at most so much accuracy, seconds, bytes, in any mixture ({ loss: 0.01 }). */
  budget?: Budget
  /** What is to be as good as possible within the budget: 'accuracy' where a latency or a size must be reached and no loss is named, 'latency' otherwise. */
  goal?: Goal
  /** Shares of channels that the search begins with ([0.1, 0.25, 0.5]); with none, no channels are removed. */
  amounts?: readonly number[]
  /**
   * Trains a network that lost channels or bits, before it is folded, quantized and judged (not at all). A file of another `finish` must have another name.
   * @example (pruned) => fit(pruned, train, { epochs: 1, optimizer: 'adam' }).then(({ model }) => model)
   */
  finish?: (model: Model, name: string) => Promise<Model>
  /** Pipelines of your own to try beside, on the folded network. */
  candidates?: Readonly<Record<string, Pass>>
  /** Samples of a first look, after which hopeless candidates are dropped (200). */
  look?: number
  /** Pipelines that are looked at, at most (40). */
  trials?: number
  /** Samples of a run that is timed (what the network fixes, or 1). */
  batch?: number
  /** Time to measure the latencies of the best for (10 s). */
  seconds?: number
  /** Where verdicts are kept: a later call with the same file goes on from there. */
  file?: string
}

/** Of the pipelines that a round leaves on the front, so many new neighbours are looked at in the next. */
const BEAM = 6

/** So many rounds without a change of the front end the search. */
const PATIENCE = 2

/** So many are judged on all samples and timed side by side. */
const FINALISTS = 6

/** Seconds for which each candidate is timed at the first look. */
const LOOK_SECONDS = 0.15

/** A layer of which half the channels cost more than this, and more than twice what is allowed, keeps them all. */
const TOUGH = 0.05

let last: Tuning | null = null

/** What the last `tune` found, also where an interrupt or an error ended it: everything that it had tried until then. */
export const lastTuning = (): Tuning | null => last

/**
 * Looks for the best pipeline of passes within a budget: channels removed, int8 (with several ways to find ranges, the layers that mind it most left in float32), float16
 * where the device computes in it, fewer bits in the file where size counts. First it finds out how much each layer minds being changed alone. Then it goes on from what
 * nothing beats in accuracy, latency and size together, a step at a time, and ends when that front stays as it is. Those that a first look shows to lose too much are dropped; the
 * best are judged on all samples, and timed side by side.
 * @throws RangeError where there is no data, or an option is out of range. What was seen until then is in the file, and in `lastTuning()`.
 */
export async function tune<Label>(model: Model, options: TuneOptions<Label>): Promise<Tuning> {
  const search = await Search.of(model, options)
  try {
    await search.explore()
    await search.decide()
  } finally {
    last = search.result()
    await search.close()
  }
  return last
}

/** A pipeline that was looked at. */
interface Candidate {
  /** Null of the network itself and of pipelines of the caller's. */
  readonly recipe: Recipe | null
  /** Of its passes: what, beside its name, tells it from others in a file. */
  readonly options: object
  readonly make: () => Promise<Model>
  /** As the first look showed it. */
  readonly first: Trial
  /** As it is known now. */
  trial: Trial
}

type Untried = Omit<Candidate, 'first' | 'trial'>

type Settings<Label> = Required<Omit<TuneOptions<Label>, 'file' | 'finish' | 'device' | 'threads'>> & Pick<TuneOptions<Label>, 'finish'>

interface Beginning<Label> {
  readonly settings: Settings<Label>
  readonly session: SessionOptions & { readonly device: Device }
  readonly model: Model
  readonly base: Model
  readonly judge: Judge<Label>
  readonly kept: KeptLooks
  /** What the base's first look told, and its latency. */
  readonly look: Look
  readonly latency: number
}

class Search<Label> {
  readonly #from: Beginning<Label>
  readonly #base: Candidate
  readonly #candidates = new Map<string, Candidate>()
  readonly #failures: { name: string; reason: string }[] = []
  /** Networks that lost channels or bits, after their training, by what was done to them. */
  readonly #trained = new Map<string, Promise<Model>>()
  #sensitivities = new Sensitivities([])
  #best: { readonly trial: Trial; readonly model: Model }

  private constructor(from: Beginning<Label>) {
    this.#from = from
    this.#base = this.#seen('folded', { recipe: null, options: {}, make: async () => from.base }, from.look)
    this.#best = { trial: this.#base.trial, model: from.base }
  }

  static async of<Label>(model: Model, options: TuneOptions<Label>): Promise<Search<Label>> {
    const { file, ...settings } = checked(model, options)
    const { data, calibrate, batch } = settings
    const session = { spinning: false, device: await resolveDevice(options.device), ...(options.threads && { threads: options.threads }) }
    const of = [`${model.name} ${digest(encodeModel(model.graph))}`, `${data.name} (${data.size})`, `calibrated with ${calibrate.name} (${calibrate.size})`, `first looks at ${settings.look}`, session.device]
    const kept = new KeptLooks(file, of.join(', '))
    const base = await model.apply(folded())
    const judge = await Judge.of(base, data.atMost(settings.look), { ...session, batch, seconds: LOOK_SECONDS })
    try {
      const look = { ...(await kept.of('folded', {}, () => judge.look(base))), slowdown: 1 }
      return new Search({ settings, session, model, base, judge, kept, look, latency: await judge.latency() })
    } catch (error) {
      await judge.close()
      throw error
    }
  }

  /** Looks at candidates, round by round, each next to what the rounds before left on the front. */
  async explore(): Promise<void> {
    const { settings: { candidates, trials }, base } = this.#from
    const space = await this.#space()
    for (const [name, pass] of Object.entries(candidates)) await this.#look(name, { recipe: null, options: pass.options, make: () => base.apply(pass) })
    const bar = progress('Pipelines', trials)
    let [round, front, quiet] = [space.start(), '', 0]
    try {
      while (round.length && quiet < PATIENCE) {
        for (const recipe of round) {
          if (this.#candidates.size + this.#failures.length >= trials) return
          const [name, { structure, form }] = [space.name(recipe), space.steps(recipe)]
          await this.#look(name, { recipe, options: { structure: structure?.options, form: form.options }, make: async () => (await this.#structured(structure, name)).apply(form) })
          bar.tick()
        }
        const best = this.#promising()
        const names = best.map(({ trial }) => trial.name).toSorted().join()
        quiet = names === front ? quiet + 1 : 0
        front = names
        const next = new Map(best.flatMap(({ recipe }) => (recipe ? space.neighbours(recipe) : [])).map((recipe) => [space.name(recipe), recipe]))
        round = [...next].filter(([name]) => !this.#isKnown(name)).slice(0, BEAM).map(([, recipe]) => recipe)
      }
    } finally {
      bar.done()
    }
  }

  /** Judges the best on all samples, and more of them as long as none keeps to the budget. */
  async decide(): Promise<void> {
    const { budget } = this.#from.settings
    const waiting = this.#promising().filter((it) => it !== this.#base)
    for (let first = true; first || (waiting.length && beyond(budget, this.#base.trial, this.#best.trial)); first = false) await this.#judgeFinally(waiting.splice(0, FINALISTS))
    for (const it of this.#candidates.values()) if (!it.trial.verdict) it.trial = { ...it.trial, verdict: this.#verdict(it) }
    this.#best = { ...this.#best, trial: this.#candidates.get(this.#best.trial.name)!.trial }
  }

  /** All that is known, at any time. */
  result(): Tuning {
    const { budget, goal } = this.#from.settings
    const trials = [...this.#candidates.values()].map(({ trial }) => trial).toSorted((a, b) => Number(b.final) - Number(a.final))
    return new Tuning({ ...this.#best, base: this.#base.trial, trials, failures: this.#failures, sensitivities: this.#sensitivities, goal, budget, best: this.#best.trial })
  }

  async close(): Promise<void> {
    await this.#from.judge.close()
  }

  /** What the device computes fast, and what the file may be made of where its size counts. */
  async #formats(): Promise<readonly Format[]> {
    const { settings: { goal, budget, finish }, session: { device } } = this.#from
    const computed: readonly Format[] = device === 'cpu' ? ['int8'] : (await listDevices()).find((one) => one.device === device)?.float16 ? ['float16'] : []
    const stored: readonly Format[] = goal === 'bytes' || budget.bytes !== undefined ? ['stored in float16', 'stored in float8', ...(finish ? (['ternary'] as const) : [])] : []
    return ['float32', ...computed, ...stored]
  }

  async #space(): Promise<SearchSpace> {
    const { settings: { amounts, calibrate, budget, finish }, base, look, kept, judge } = this.#from
    const formats = await this.#formats()
    const changes: SensitivityChange[] = [...(formats.includes('int8') ? (['int8'] as const) : []), ...(amounts.length ? [{ channels: [0.5] }] : [])]
    this.#sensitivities = await layerByLayer(base, look.right, (name, changed) => kept.of(name, {}, () => judge.lookAtAnswers(changed)), { calibrate, changes })
    const bearable = finish ? Infinity : Math.max(2 * (budget.loss ?? Infinity), TOUGH)
    const halved = this.#sensitivities.to('channels')
    const robust = halved.filter(({ lost }) => lost <= bearable)
    const prunable = (robust.length ? robust : halved.slice(-1)).map(({ layer }) => layer)
    const layers = base.graph.nodes().filter((node) => weightIndex(node) !== null).map(labelOf)
    return new SearchSpace({ formats, amounts, calibrate, prunable, device: this.#from.session.device, sensitivities: this.#sensitivities, ends: [...new Set([layers[0], layers.at(-1)])].filter((name) => name !== undefined) })
  }

  /** The network with channels or bits gone, trained where it is to be; what is to be trained keeps its batch norms. */
  #structured(structure: Pass | null, name: string): Promise<Model> {
    const { settings: { finish }, base, model } = this.#from
    if (!structure) return Promise.resolve(base)
    const key = JSON.stringify(structure.options)
    const known = this.#trained.get(key) ?? (finish ? model.apply(structure).then((it) => finish(it, name)) : base.apply(structure))
    if (finish) this.#trained.set(key, known)
    return known
  }

  async #look(name: string, candidate: Untried): Promise<void> {
    const { kept, judge, settings: { budget, goal } } = this.#from
    throwIfInterrupted()
    let model: Model | undefined
    try {
      const { trial } = this.#seen(name, candidate, await kept.of(name, candidate.options, async () => judge.look((model = await candidate.make()))))
      if (model && !trial.verdict && better(budget, goal, this.#base.trial)(trial, this.#best.trial) < 0) this.#best = { trial, model }
    } catch (error) {
      throwIfInterrupted()
      this.#failures.push({ name, reason: (error as Error).message })
    }
  }

  #seen(name: string, it: Untried, { right, slowdown, bytes }: Look): Candidate {
    const { settings: { budget }, latency, look } = this.#from
    const { high } = bootstrapPairedDifference(look.right.map(Number), right.map(Number))
    const verdict = high < -(budget.loss ?? Infinity) ? `dropped after ${right.length} samples: it loses at least ${pointsText(-high)}` : ''
    const first = { name, right, accuracy: shareOf(right), latency: slowdown * latency, bytes, final: false, verdict }
    const candidate = { ...it, first, trial: first }
    this.#candidates.set(name, candidate)
    return candidate
  }

  #isKnown(name: string): boolean {
    return this.#candidates.has(name) || this.#failures.some((failure) => failure.name === name)
  }

  /** What nothing beats at the first look, the best first. */
  #promising(): readonly Candidate[] {
    const { settings: { budget, goal } } = this.#from
    const open = [...this.#candidates.values()].filter(({ trial }) => !trial.verdict)
    const front = new Set(frontOf(open.map(({ trial }) => trial)))
    const order = better(budget, goal, this.#base.trial)
    return open.filter(({ trial }) => front.has(trial)).toSorted((a, b) => order(a.trial, b.trial))
  }

  /** Figures on all samples, times side by side with the base. */
  async #judgeFinally(chosen: readonly Candidate[]): Promise<void> {
    const { settings: { data, budget, goal, batch, seconds }, session, kept } = this.#from
    const finalists = await Promise.all([this.#base, ...chosen].map(async (candidate) => ({ candidate, name: candidate.trial.name, model: await candidate.make() })))
    const times = await timedSideBySide(finalists, firstSamples(data, batch), seconds, session)
    for (const { candidate, name, model } of finalists) {
      throwIfInterrupted()
      const { right } = await kept.of(`${name} on all ${data.size}`, candidate.options, async () => ({ right: (await accuracy(model, data, session)).samples }))
      candidate.trial = { ...candidate.trial, right, accuracy: shareOf(right), latency: times[name]!.median, final: true }
    }
    const order = better(budget, goal, this.#base.trial)
    this.#best = finalists.map(({ candidate: { trial }, model }) => ({ trial, model })).concat(this.#best.trial.final ? [this.#best] : []).toSorted((a, b) => order(a.trial, b.trial))[0]!
  }

  #verdict({ trial, first }: Candidate): string {
    const { settings: { budget } } = this.#from
    if (trial.final) return excesses(budget, this.#base.trial, trial).map(({ text }) => text).join('; ') || 'within the budget'
    const rival = [...this.#candidates.values()].find((other) => !other.first.verdict && !frontOf([first, other.first]).includes(first))
    return rival ? `not looked at further: "${rival.first.name}" promised no less in anything` : 'not among the best of the first look'
  }
}

function checked<Label>({ graph }: Model, options: TuneOptions<Label>): Settings<Label> & Pick<TuneOptions<Label>, 'file'> {
  const { data, budget = { loss: 0.01 }, amounts = [0.1, 0.25, 0.5], candidates = {}, look = 200, trials = 40, seconds = 10, file, finish } = options
  if (!data?.size) throw new RangeError('tune: there are no samples to judge by')
  checkBudget('tune', budget, data)
  const goal = options.goal ?? (budget.loss === undefined && (budget.latency !== undefined || budget.bytes !== undefined) ? 'accuracy' : 'latency')
  if (!GOALS.includes(goal)) throw new RangeError(`tune: goal is ${GOALS.slice(0, -1).join(', ')} or ${GOALS.at(-1)}, not ${goal}`)
  const batch = batchOf(graph, options.batch, 1)
  const amount = amounts.find((one) => !(one > 0 && one < 1))
  if (amount !== undefined) throw new RangeError(`tune: amounts are shares of channels between 0 and 1, not ${amount}`)
  for (const [name, count] of Object.entries({ look, trials, batch })) if (!(Number.isInteger(count) && count >= 1)) throw new RangeError(`tune: ${name} is a whole number from 1 on, not ${count}`)
  return { data, calibrate: options.calibrate ?? data.atMost(200), budget, goal, amounts, candidates, look, trials, batch, seconds, file, finish }
}
