import type { State } from './checkpoint.ts'
import type { Epoch } from './fit.ts'

export interface EarlyStopping {
  /** Epochs without a better one after which training stops. */
  patience: number
  /** A figure of the validation: "loss", of which less is better, or another, of which more is ("loss"). */
  metric?: string
  /** By how much a better epoch is better at least (0). */
  minDelta?: number
}

/** Remembers the best epoch, and says when none has come for too long. */
export class BestEpoch {
  readonly #options: Required<EarlyStopping>
  #score = -Infinity
  #since = 0
  #state: State | null = null

  /** @throws RangeError where `patience` is no whole number from 1 on. */
  constructor({ patience, metric = 'loss', minDelta = 0 }: EarlyStopping) {
    if (!(Number.isInteger(patience) && patience >= 1)) throw new RangeError(`earlyStopping: patience is a whole number of epochs from 1 on, not ${patience}`)
    this.#options = { patience, metric, minDelta }
  }

  /** The state after the best epoch; null before the first. */
  get state(): State | null {
    return this.#state
  }

  get isOver(): boolean {
    return this.#since >= this.#options.patience
  }

  /** @throws Error where the validation has no such figure. */
  add({ validation = {} }: Epoch, state: () => State): void {
    const { metric, minDelta } = this.#options
    const value = validation[metric]
    if (value === undefined) throw new Error(`earlyStopping: the validation has no "${metric}", but ${Object.keys(validation).join(', ') || 'there is no validation'}`)
    const score = metric === 'loss' ? -value : value
    this.#since++
    if (!(score > this.#score + minDelta)) return
    this.#score = score
    this.#since = 0
    this.#state = state()
  }

  /** Goes through the epochs of a run that is resumed. */
  resume(epochs: readonly Epoch[], best: State | null): void {
    for (const epoch of epochs) this.add(epoch, () => best!)
  }
}
