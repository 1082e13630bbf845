import type { Dataset } from '../data/dataset.ts'
import { progress } from '../progress.ts'
import { batchOf } from '../runtime/samples.ts'
import { Session, type SessionOptions } from '../runtime/session.ts'
import { percentText } from '../units.ts'
import { answers } from './answers.ts'
import { bootstrap, mean, type Interval } from './stats.ts'

export interface AccuracyOptions extends SessionOptions {
  /** Samples a run (what the model fixes, or 100). The last run takes what is left, or is filled up where the model takes no fewer. */
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
 * @throws RangeError where the data set is empty, or the model takes another number of samples a run; TypeError where the data set's labels are approximated.
 */
export async function accuracy<Label>(model: Runnable, dataset: Dataset<Label>, options: AccuracyOptions = {}): Promise<Accuracy> {
  const { batch, quiet = false, ...sessionOptions } = options
  if (dataset.size === 0) throw new RangeError(`${dataset.name}: no samples, so no accuracy`)
  if (model instanceof Session) return measured(model, dataset, batch, quiet)
  const session = await model.session(sessionOptions)
  try {
    return await measured(session, dataset, batch, quiet)
  } finally {
    await session.release()
  }
}

/** Samples a run, where neither the model nor the caller says. */
const BATCH = 100

async function measured<Label>(session: Session, dataset: Dataset<Label>, wanted: number | undefined, quiet: boolean): Promise<Accuracy> {
  const batch = batchOf(session, wanted, BATCH)
  const bar = quiet ? null : progress('accuracy', dataset.size)
  const samples: boolean[] = []
  try {
    for await (const { output, labels } of answers(session, dataset, batch)) {
      samples.push(...dataset.correct(output, labels))
      bar?.tick(labels.length)
    }
  } finally {
    bar?.done()
  }
  return new MeasuredAccuracy(samples, batch)
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
