import type { Dataset } from '../data/dataset.ts'
import { Tensor } from '../graph/tensor.ts'
import { cellSignal } from '../interrupt.ts'
import { mean } from '../measure/stats.ts'
import type { Layer } from '../nn/layers.ts'
import { Model } from '../nn/model.ts'
import { curve } from '../plot/curve.ts'
import { progress } from '../progress.ts'
import { openCheckpoint, writeCheckpoint, type State } from './checkpoint.ts'
import { diagnosis } from './diagnose.ts'
import { BestEpoch } from './early-stopping.ts'
import type { FitOptions } from './fit-options.ts'
import { Fit, type Ending, type Epoch } from './fit.ts'
import { LiveChart } from './live.ts'
import { LOSS_SCALE, SKIPPED } from './precision.ts'
import { prepare, type Preparation } from './preparation.ts'
import { constant } from './schedule.ts'
import { averageOf } from './state.ts'
import type { Feeds } from './step-session.ts'

let last: Fit | null = null

/** What the last `fit` made, also where an interrupt or an error ended it: its model is that of the last whole step. */
export const lastFit = (): Fit | null => last

/**
 * Trains a model, which stays as it is: the whole step (forward, gradient, update) runs as one ONNX graph. A layer is built for the data set's samples first.
 * Every epoch sees the samples in another order; a last batch that is not full is left out. An interrupt takes effect after a step, and keeps the model.
 * @throws Error where the data set does not fill a batch, data and model do not fit, the device lacks the precision, a checkpoint is of another run, or the
 * loss is no longer a number (with the layer where that began).
 */
export async function fit<Label>(model: Model | Layer, dataset: Dataset<Label> | Promise<Dataset<Label>>, options: FitOptions<Label>): Promise<Fit> {
  const prepared = await prepare(model, await dataset, options)
  const training = new Training(prepared, options)
  try {
    await training.resume()
    await training.run()
  } catch (error) {
    if (!training.isInterrupted) throw error
  } finally {
    last = training.result()
    await Promise.all([prepared.session.release(), prepared.evaluation?.release(), prepared.loader.close()])
  }
  return last
}

/** A run of `fit`: where it stands, and what it has seen. */
class Training<Label> {
  readonly #prepared: Preparation<Label>
  readonly #options: FitOptions<Label>
  readonly #losses: number[] = []
  readonly #epochs: Epoch[] = []
  readonly #best: BestEpoch | null
  readonly #checkpoint
  readonly #chart: LiveChart | null
  #step = 0
  #ending: Ending = 'done'

  constructor(prepared: Preparation<Label>, options: FitOptions<Label>) {
    const { earlyStopping, checkpoint } = options
    this.#prepared = prepared
    this.#options = options
    this.#best = earlyStopping ? new BestEpoch(earlyStopping) : null
    this.#checkpoint = typeof checkpoint === 'string' ? { path: checkpoint } : checkpoint
    this.#chart = options.quiet ? null : new LiveChart(() => curve(this.#losses, this.#epochs, { title: `Training ${prepared.model.name}` }))
  }

  get isInterrupted(): boolean {
    return Boolean(this.#options.signal?.aborted || cellSignal()?.aborted)
  }

  get #stepsPerEpoch(): number {
    return this.#prepared.loader.size
  }

  /** Goes on from the checkpoint, where there is one and the options say so. */
  async resume(): Promise<void> {
    if (!this.#checkpoint) return
    const { initial, settings, session } = this.#prepared
    const found = await openCheckpoint(this.#checkpoint, initial, settings)
    if (!found) return
    session.state = found.state
    this.#step = found.step
    this.#losses.push(...found.losses)
    this.#epochs.push(...found.epochs)
    this.#best?.resume(found.epochs, found.best)
  }

  async run(): Promise<void> {
    const { epochs } = this.#options
    const total = epochs * this.#stepsPerEpoch
    const bar = this.#options.quiet ? null : progress(`Training ${this.#prepared.model.name}`, total)
    bar?.tick(this.#step)
    try {
      for (let epoch = Math.floor(this.#step / this.#stepsPerEpoch); epoch < epochs && this.#ending === 'done' && !this.#best?.isOver; epoch++) await this.#runEpoch(epoch, total, (steps) => bar?.tick(steps))
      if (this.#best?.isOver) this.#ending = 'early'
    } finally {
      bar?.done()
      this.#chart?.done()
      if (this.isInterrupted) this.#ending = 'interrupted'
    }
  }

  async #runEpoch(epoch: number, total: number, tick: (steps: number) => void): Promise<void> {
    const { loader, session, evaluation, targets } = this.#prepared
    const start = performance.now()
    const first = epoch * this.#stepsPerEpoch
    let waited = 0
    let ready: Feeds[] = []
    for await (const batch of clocked(loader.epoch(epoch, this.#step - first), (seconds) => (waited += seconds))) {
      ready.push({ ...(session.stepsPerRun > 1 ? copied(batch.inputs) : batch.inputs), target: targets.of(batch), ...this.#fedRate(this.#step + ready.length, total) })
      if (ready.length < session.stepsPerRun && this.#step + ready.length < first + this.#stepsPerEpoch) continue
      tick(ready.length)
      await this.#take(ready, total)
      ready = []
      if (this.isInterrupted) this.#ending = 'interrupted'
      if (this.#ending !== 'done') return
    }
    const seconds = (performance.now() - start) / 1000
    const validated = performance.now()
    const validation = await evaluation?.run(this.#weights())
    const validationSeconds = (performance.now() - validated) / 1000
    const record: Epoch = { epoch: epoch + 1, step: this.#step, loss: mean(this.#losses.slice(first)), lr: this.#rate(this.#step - 1, total), seconds, waiting: waited, ...(validation && { validation, validationSeconds }) }
    this.#epochs.push(record)
    this.#best?.add(record, () => session.state)
    this.#chart?.update()
    await this.#write()
    if ((await this.#options.callbacks?.epoch?.(record)) === 'stop') this.#ending = 'callback'
  }

  /** Takes some steps, and tells of them. */
  async #take(feeds: readonly Feeds[], total: number): Promise<void> {
    const losses = await this.#prepared.session.run(feeds)
    const bad = losses.findIndex((loss) => !Number.isFinite(loss))
    if (bad >= 0) await this.#mustBeFinite(losses[bad], feeds[bad])
    const every = this.#checkpoint?.every ?? Infinity
    const isDue = Math.floor((this.#step + losses.length) / every) > Math.floor(this.#step / every)
    for (const loss of losses) {
      this.#losses.push(loss)
      this.#step++
      if ((await this.#options.callbacks?.step?.({ step: this.#step, loss, lr: this.#rate(this.#step - 1, total) })) === 'stop') this.#ending = 'callback'
    }
    this.#chart?.update()
    if (isDue) await this.#write()
  }

  /** A dynamic loss scale skips steps that are not finite, unless it has become too small to help. */
  async #mustBeFinite(loss: number, feeds: Feeds): Promise<void> {
    const { session, model, step } = this.#prepared
    const scale = session.number(LOSS_SCALE)
    if (scale !== undefined && scale >= SMALLEST_SCALE) return
    const reason = await diagnosis(step, session.state, feeds)
    throw new Error(`${model.name}: the loss is ${loss} at step ${this.#step + 1}. ${reason}`)
  }

  #rate(step: number, total: number): number {
    const { schedule = constant } = this.#options
    return this.#prepared.optimizer.lr * schedule(step, total)
  }

  #fedRate(step: number, total: number): Feeds {
    return this.#options.schedule ? { lr: Tensor.scalar('float32', this.#rate(step, total)) } : {}
  }

  async #write(): Promise<void> {
    if (!this.#checkpoint) return
    const { session, settings } = this.#prepared
    await writeCheckpoint(this.#checkpoint.path, { state: session.state, step: this.#step, losses: this.#losses, epochs: this.#epochs, best: this.#best?.state ?? null }, settings)
  }

  /** The weights as the network is used, until the next step: those of the best epoch where there is one, their moving averages where they are kept. */
  #weights(state: State = this.#prepared.session.current): State {
    return this.#options.average === undefined ? state : Object.fromEntries(Object.keys(state).map((name) => [name, state[averageOf(name)] ?? state[name]]))
  }

  /** The model as it stands after the last step, and how it got there. */
  result(): Fit {
    const { model, session } = this.#prepared
    const weights = this.#weights(this.#best?.state ?? undefined)
    const graph = model.graph.copy()
    for (const value of graph.initializers) value.initializer = weights[value.name] ?? value.initializer
    return new Fit(new Model(graph), this.#epochs, this.#losses, this.#ending, session.number(SKIPPED) ?? 0)
  }
}

/** Below this a loss scale does not help any more. */
const SMALLEST_SCALE = 2 ** -10

/** The same items; tells how long each was waited for. */
async function* clocked<T>(items: AsyncIterable<T>, waited: (seconds: number) => void): AsyncGenerator<T, void> {
  let asked = performance.now()
  for await (const item of items) {
    waited((performance.now() - asked) / 1000)
    yield item
    asked = performance.now()
  }
}

/** The loader uses its memory again for the next batch. */
const copied = (inputs: Feeds): Feeds => Object.fromEntries(Object.entries(inputs).map(([name, { dtype, shape, bytes }]) => [name, Tensor.raw(dtype, shape, bytes.slice())]))
