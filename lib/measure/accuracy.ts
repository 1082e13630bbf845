import type { Batch, Dataset } from '../data/dataset.ts'
import type { Tensor } from '../graph/tensor.ts'
import { progress } from '../progress.ts'
import { Session, type SessionOptions } from '../runtime/session.ts'
import { percentText } from '../units.ts'
import { bootstrap, mean, type Interval } from './stats.ts'

export interface AccuracyOptions extends SessionOptions {
  /** Samples a run (100). The last run takes what is left. */
  readonly batch?: number
  /** Shows no progress (false): for one of many. */
  readonly quiet?: boolean
}

/** Share of a data set's samples that a model gets right. */
export interface Accuracy {
  /** From 0 to 1. */
  readonly value: number
  /** 95 % bootstrap interval of the value. */
  readonly interval: Interval
  /** Whether each sample is right, in the data set's order. */
  readonly samples: readonly boolean[]
  /** Samples a run: some networks normalize over the batch, so their answers depend on it. */
  readonly batch: number
}

/** A session, or anything that opens one. */
export type Runnable = Session | { session(options: SessionOptions): Promise<Session> }

/**
 * Runs a model on every sample, and compares its first output with the labels. The session's options count where a model is given; a session of
 * the caller's stays open.
 * @throws RangeError where the data set is empty.
 */
export async function accuracy<Label>(model: Runnable, dataset: Dataset<Label>, options: AccuracyOptions = {}): Promise<Accuracy> {
  const { batch = 100, quiet = false, ...sessionOptions } = options
  if (dataset.size === 0) throw new RangeError(`${dataset.name}: no samples, so no accuracy`)
  if (model instanceof Session) return measured(model, dataset, batch, quiet)
  const session = await model.session(sessionOptions)
  try {
    return await measured(session, dataset, batch, quiet)
  } finally {
    await session.release()
  }
}

async function measured<Label>(session: Session, dataset: Dataset<Label>, batch: number, quiet: boolean): Promise<Accuracy> {
  const bar = quiet ? null : progress('accuracy', dataset.size)
  const samples: boolean[] = []
  try {
    for (const part of dataset.batches(batch)) {
      samples.push(...dataset.correct(await answer(session, part), part.labels))
      bar?.tick(part.labels.length)
    }
  } finally {
    bar?.done()
  }
  return new MeasuredAccuracy(samples, batch)
}

async function answer(session: Session, { inputs }: Batch<unknown>): Promise<Tensor> {
  const outputs = await session.run(inputs)
  return outputs[session.outputs[0].name]
}

class MeasuredAccuracy implements Accuracy {
  readonly value: number
  readonly interval: Interval
  readonly samples: readonly boolean[]
  readonly batch: number

  constructor(samples: readonly boolean[], batch: number) {
    this.interval = bootstrap(samples.map(Number), mean)
    this.value = this.interval.value
    this.samples = samples
    this.batch = batch
  }

  toString(): string {
    const { value, interval: { low, high }, samples, batch } = this
    const right = samples.filter(Boolean).length
    return `${percentText(value)} (95 % interval ${percentText(low)} to ${percentText(high)}): ${right} of ${samples.length} right, ${batch} a run`
  }

  [Symbol.for('Jupyter.display')](): Record<string, string> {
    return { 'text/plain': this.toString() }
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}
