import { requireKnown, requireNumber, requireOneOf, requireWhole } from '../require.ts'
import type { State } from './checkpoint.ts'
import type { Epoch } from './fit.ts'

type Mode = 'min' | 'max'

const MODES: Readonly<Record<string, Mode>> = { loss: 'min', accuracy: 'max' }

export interface EarlyStopping {
  /** Epochs without a better one after which training stops. */
  patience: number
  /** A figure of the validation: "loss", "accuracy", or one of `metrics` ("loss"). */
  metric?: string
  /** Whether the figure is better where it falls ("min") or rises ("max"); known of loss and accuracy. */
  mode?: Mode
  /** By how much a better epoch is better at least (0). */
  minDelta?: number
}

const OPTIONS: Readonly<Record<keyof EarlyStopping, true>> = { patience: true, metric: true, mode: true, minDelta: true }

/** Remembers the best epoch, and says when none has come for too long. */
export class BestEpoch {
  readonly #options: Required<EarlyStopping>
  #score = -Infinity
  #since = 0
  #state: State | null = null

  /** `figures` are those of the validation. @throws RangeError where a number is out of its bounds, or there is no such figure. */
  constructor(options: EarlyStopping, figures: readonly string[]) {
    requireKnown('earlyStopping', options, OPTIONS)
    const { patience, metric = 'loss', mode = MODES[metric], minDelta = 0 } = options
    requireWhole('earlyStopping: patience', patience, 1)
    requireNumber('earlyStopping: minDelta', minDelta, { from: 0 })
    if (!figures.includes(metric)) throw new RangeError(figures.length ? `earlyStopping: the validation has no "${metric}", but ${figures.join(', ')}` : `earlyStopping looks at "${metric}" of the validation, and there is none: give \`validation\``)
    requireOneOf(`earlyStopping: mode, by which "${metric}" gets better,`, mode, ['min', 'max'])
    this.#options = { patience, metric, mode: mode!, minDelta }
  }

  /** The state after the best epoch; null before the first. */
  get state(): State | null {
    return this.#state
  }

  get isOver(): boolean {
    return this.#since >= this.#options.patience
  }

  add({ validation }: Epoch, state: () => State): void {
    const { metric, mode, minDelta } = this.#options
    const value = validation![metric]!
    const score = mode === 'min' ? -value : value
    this.#since++
    if (!(score > this.#score + minDelta)) return
    this.#score = score
    this.#since = 0
    this.#state = state()
  }

  /** Goes through the epochs of a run that is resumed. @throws Error where these have no such figure. */
  resume(epochs: readonly Epoch[], best: State | null): void {
    for (const epoch of epochs) {
      if (epoch.validation?.[this.#options.metric] === undefined) throw new Error(`earlyStopping: the checkpoint's epoch ${epoch.epoch} has no "${this.#options.metric}" of a validation`)
      this.add(epoch, () => best!)
    }
  }
}
