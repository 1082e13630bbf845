import type { Dataset } from '../data/dataset.ts'
import { Tensor } from '../graph/tensor.ts'
import { cellSignal } from '../interrupt.ts'
import { mean } from '../measure/stats.ts'
import type { Layer } from '../nn/layers.ts'
import { Model } from '../nn/model.ts'
import { curve } from '../plot/curve.ts'
import { progress } from '../progress.ts'
import { emptied, openCheckpoint, writeCheckpoint, type State } from './checkpoint.ts'
import { badSample, diagnosis } from './diagnose.ts'
import { divergence } from './divergence.ts'
import type { FitOptions } from './fit-options.ts'
import { Fit, type Ending, type Epoch } from './fit.ts'
import { LiveChart } from './live.ts'
import { LOSS_SCALE, SKIPPED } from './precision.ts'
import { prepare, type Preparation } from './preparation.ts'
import { used, withState } from './state.ts'
import { copied, type Feeds } from './step-session.ts'

let last: Fit | null = null

/** What the last `fit` made, also where an interrupt or an error ended it: its model is that of the last whole step. */
export const lastFit = (): Fit | null => last

/**
 * Trains a model, which stays as it is: the whole step (forward, gradient, update) runs as one ONNX graph. A layer is built for the data set's samples first.
 * Every epoch sees the samples in another order; a last batch that is not full is left out. An interrupt takes effect after a step, and keeps the model.
 * @throws Error where the data set does not fill a batch, data and model do not fit, the device lacks the precision, a checkpoint is of another run, or the
 * loss is no longer a number (with the layer where that began). A loss that grows far above its first is warned of.
 */
export async function fit<Label>(model: Model | Layer, dataset: Dataset<Label> | Promise<Dataset<Label>>, options: FitOptions<Label>): Promise<Fit> {
  const prepared = await prepare(model, await dataset, options)
  const training = new Training(prepared, options)
  try {
    await training.resume()
    await training.run()
  } catch (error) {
    if (!training.isInterrupted) {
      training.fail()
      throw error
    }
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
  readonly #chart: LiveChart | null
  /** The epoch whose steps are being taken. */
  #begun: Begun | null = null
  #emptied: Tensor | undefined
  #step = 0
  #isWarned = false
  #ending: Ending = 'done'

  constructor(prepared: Preparation<Label>, options: FitOptions<Label>) {
    this.#prepared = prepared
    this.#options = options
    this.#chart = options.quiet ? null : new LiveChart(() => curve(this.#losses, this.#epochs, { title: `Training ${prepared.model.name}` }))
  }

  get isInterrupted(): boolean {
    return Boolean(this.#options.signal?.aborted || cellSignal()?.aborted)
  }

  /** Remembers that an error ended it. */
  fail(): void {
    this.#ending = 'failed'
  }

  get #stepsPerEpoch(): number {
    return this.#prepared.loader.size
  }

  /** Goes on from the checkpoint, where there is one and the options say so. */
  async resume(): Promise<void> {
    const { initial, settings, session, checkpoint, best } = this.#prepared
    const found = checkpoint && (await openCheckpoint(checkpoint, { state: initial, network: this.#network }, settings))
    if (!found) return
    session.state = found.state
    this.#step = found.step
    this.#losses.push(...found.losses)
    this.#epochs.push(...found.epochs)
    best?.resume(found.epochs, found.best)
  }

  async run(): Promise<void> {
    const { epochs } = this.#options
    const { model, best, evaluation } = this.#prepared
    await evaluation?.rehearse(this.#weights)
    const bar = this.#options.quiet ? null : progress(`Training ${model.name}`, epochs * this.#stepsPerEpoch)
    bar?.tick(this.#step)
    const goesOn = () => this.#ending === 'done' && !best?.isOver && !this.isInterrupted
    try {
      // an epoch whose steps are all in the checkpoint, and not its record, has no batches left, and is measured
      for (let epoch = this.#epochs.at(-1)?.epoch ?? 0; epoch < epochs && goesOn(); epoch++) await this.#runEpoch(epoch, (steps) => bar?.tick(steps))
      if (best?.isOver) this.#ending = 'early'
    } finally {
      bar?.done()
      this.#chart?.done()
      if (this.isInterrupted) this.#ending = 'interrupted'
    }
  }

  async #runEpoch(epoch: number, tick: (steps: number) => void): Promise<void> {
    const { loader, session, evaluation, targets, best } = this.#prepared
    const first = epoch * this.#stepsPerEpoch
    const begun: Begun = (this.#begun = { epoch, start: performance.now(), waiting: 0, skipped: session.number(SKIPPED) ?? 0 })
    let ready: Fed[] = []
    for await (const batch of clocked(loader.epoch(epoch, this.#step - first), (seconds) => (begun.waiting += seconds))) {
      // the loader uses its memory again for the next batch
      const inputs = session.stepsPerRun > 1 ? copied(batch.inputs) : batch.inputs
      ready.push({ feeds: { ...inputs, target: targets.of(batch), ...this.#fedRate(this.#step + ready.length) }, indices: batch.indices })
      if (ready.length < session.stepsPerRun && this.#step + ready.length < first + this.#stepsPerEpoch) continue
      tick(ready.length)
      await this.#take(ready)
      ready = []
      if (this.isInterrupted) this.#ending = 'interrupted'
      if (this.#ending !== 'done') return
    }
    const record = this.#record(begun)
    this.#begun = null
    this.#epochs.push(record)
    const start = performance.now()
    const validation = await evaluation?.run(this.#weights)
    const whole: Epoch = { ...record, ...(validation && { validation, validationSeconds: (performance.now() - start) / 1000 }) }
    this.#epochs.splice(-1, 1, whole)
    best?.add(whole, () => session.state)
    this.#chart?.update()
    await this.#write()
    if ((await this.#options.callbacks?.epoch?.(whole)) === 'stop') this.#ending = 'callback'
  }

  /** What is known of an epoch after its steps so far. */
  #record({ epoch, start, waiting, skipped }: Begun): Epoch {
    const { session, rate } = this.#prepared
    const [first, end] = [epoch, epoch + 1].map((count) => count * this.#stepsPerEpoch)
    const all = session.number(SKIPPED)
    return {
      epoch: epoch + 1, step: this.#step, loss: mean(this.#losses.slice(first)), lr: rate(this.#step - 1), seconds: (performance.now() - start) / 1000, waiting,
      ...(all !== undefined && { skipped: all - skipped }), ...(this.#step < end! && { isPart: true }),
    }
  }

  /** Takes some steps, and tells of them. */
  async #take(fed: readonly Fed[]): Promise<void> {
    const { session, checkpoint, rate } = this.#prepared
    const losses = await session.run(fed.map(({ feeds }) => feeds))
    const every = checkpoint?.every ?? Infinity
    const isDue = Math.floor((this.#step + losses.length) / every) > Math.floor(this.#step / every)
    for (const [i, loss] of losses.entries()) {
      if (!Number.isFinite(loss)) await this.#mustBeFinite(loss, fed[i])
      this.#losses.push(loss)
      this.#step++
      if ((await this.#options.callbacks?.step?.({ step: this.#step, loss, lr: rate(this.#step - 1) })) === 'stop') this.#ending = 'callback'
    }
    this.#warn()
    this.#chart?.update()
    if (isDue) await this.#write()
  }

  /** Tells once that training diverges. */
  #warn(): void {
    const now = this.#options.quiet || this.#isWarned ? null : divergence(this.#losses)
    if (now === null) return
    this.#isWarned = true
    const short = (loss: number) => Number(loss.toPrecision(3))
    console.warn(`${this.#prepared.model.name}: training diverges. The loss began at ${short(this.#losses.find(Number.isFinite)!)}, and ${short(now)} is the median of the last steps up to step ${this.#step}. Lower the learning rate, or clip the gradients.`)
  }

  /** A dynamic loss scale skips steps that are not finite, unless their data is the reason, or it has become too small to help. */
  async #mustBeFinite(loss: number, { feeds, indices }: Fed): Promise<void> {
    const { session, model, step, loader } = this.#prepared
    const scale = session.number(LOSS_SCALE)
    const origin = { name: loader.dataset.name, indices }
    if (scale !== undefined && scale >= SMALLEST_SCALE && !badSample(feeds, origin)) return
    const reason = await diagnosis(step, session.state, feeds, origin)
    throw new Error(`${model.name}: the loss is ${loss} at step ${this.#step + 1}. ${reason}`)
  }

  #fedRate(step: number): Feeds {
    return this.#options.schedule ? { lr: Tensor.scalar('float32', this.#prepared.rate(step)) } : {}
  }

  async #write(): Promise<void> {
    const { session, settings, checkpoint, best } = this.#prepared
    if (!checkpoint) return
    await writeCheckpoint(checkpoint.path, { state: session.state, step: this.#step, losses: this.#losses, epochs: this.#epochs, best: best?.state ?? null, network: this.#network }, settings)
  }

  /** The network as checkpoints hold it. */
  get #network(): Tensor {
    return (this.#emptied ??= emptied(this.#prepared.model.graph, this.#prepared.initial))
  }

  /** The weights as the network is used, until the next step. */
  get #weights(): State {
    return used(this.#prepared.session.current)
  }

  /** The model as it stands after the last step, or the best epoch where there is one, and how it got there. */
  result(): Fit {
    const { model, session, best } = this.#prepared
    const begun = this.#begun && this.#losses.length > this.#begun.epoch * this.#stepsPerEpoch ? [this.#record(this.#begun)] : []
    return new Fit(new Model(withState(model.graph, used(best?.state ?? session.current))), [...this.#epochs, ...begun], this.#losses, this.#ending, session.number(SKIPPED) ?? 0)
  }
}

/** An epoch of which not all steps are done. */
interface Begun {
  readonly epoch: number
  readonly start: number
  /** Seconds in which its data was waited for. */
  waiting: number
  /** Steps that the loss scale had skipped before. */
  readonly skipped: number
}

/** What a step is fed, and which samples that is. */
interface Fed {
  readonly feeds: Feeds
  readonly indices: readonly number[]
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
