import { toDataFrame } from '../data-frame.ts'
import { leftAsTheyAre } from '../graph/parameters.ts'
import type { Model } from '../nn/model.ts'
import { curve } from '../plot/curve.ts'
import type { Chart } from '../plot/chart.ts'
import { table, type TableBundle } from '../table.ts'
import { digits, percentText, timeText } from '../units.ts'
import { divergence } from './divergence.ts'

export interface Epoch {
  readonly epoch: number
  /** Set where training ended before all of its steps were done. */
  readonly isPart?: boolean
  /** Steps done at its end. */
  readonly step: number
  /** Mean over the epoch's steps. */
  readonly loss: number
  /** Learning rate of its last step. */
  readonly lr: number
  /** Of its steps, waiting for data included. */
  readonly seconds: number
  /** Seconds of these in which no step ran, since its data was not there yet. */
  readonly waiting: number
  /** Steps that the loss scale skipped, where there is one. */
  readonly skipped?: number
  /** Seconds of its validation. */
  readonly validationSeconds?: number
  /** Figures of the validation data: the loss, the accuracy, and what else was asked for. */
  readonly validation?: Readonly<Record<string, number>>
}

/** Why training ended. */
export type Ending = 'done' | 'early' | 'callback' | 'interrupted' | 'failed'

const ENDINGS: Record<Ending, string> = { done: '', early: ', stopped early', callback: ', stopped by a callback', interrupted: ', interrupted', failed: ', ended by an error' }

/** A trained model, and how it got there. Shows itself as a table of epochs. */
export class Fit {
  readonly model: Model
  readonly epochs: readonly Epoch[]
  /** Loss of every step. */
  readonly losses: readonly number[]
  readonly ending: Ending
  /** Steps that loss scaling skipped. */
  readonly skipped: number

  constructor(model: Model, epochs: readonly Epoch[], losses: readonly number[], ending: Ending, skipped: number) {
    this.model = model
    this.epochs = epochs
    this.losses = losses
    this.ending = ending
    this.skipped = skipped
  }

  /** Whether training ended with a loss far above where it began. */
  get hasDiverged(): boolean {
    return divergence(this.losses) !== null
  }

  /** A record for each epoch, as a spreadsheet shows it. */
  get rows(): readonly Readonly<Record<string, number>>[] {
    return this.epochs.map(({ epoch, step, loss, lr, seconds, waiting, skipped, validation = {} }) => ({
      epoch, step, loss, lr, seconds, waiting, ...(skipped !== undefined && { skipped }), ...Object.fromEntries(Object.entries(validation).map(([name, value]) => [`validation ${name}`, value])),
    }))
  }

  /** The epochs as a danfo.js data frame. @throws Error where danfojs-node is not installed. */
  toDataFrame(): ReturnType<typeof toDataFrame> {
    return toDataFrame(this.rows)
  }

  /** The epochs as comma-separated values, with a line of headings. */
  toCsv(): string {
    const columns = [...new Set(this.rows.flatMap((row) => Object.keys(row)))]
    return [columns, ...this.rows.map((row) => columns.map((column) => row[column] ?? ''))].map((cells) => `${cells.map(cell).join(',')}\n`).join('')
  }

  /** Loss over the steps, and the validation's figures. */
  plot(): Chart {
    return curve(this.losses, this.epochs, { title: `Training ${this.model.name}` })
  }

  #table(): TableBundle {
    const metrics = [...new Set(this.epochs.flatMap(({ validation = {} }) => Object.keys(validation)))]
    const skipped = this.skipped ? `, ${this.skipped} of them skipped by the loss scale` : ''
    const diverged = this.hasDiverged ? ', diverged' : ''
    return table(this.epochs, [
      { heading: 'epoch', cell: ({ epoch, isPart }) => `${epoch}${isPart ? ' (part)' : ''}` },
      { heading: 'mean loss', cell: ({ loss }) => digits(loss) },
      ...metrics.map((name) => ({ heading: `validation ${name}`, cell: ({ validation }: Epoch) => (validation?.[name] === undefined ? '' : digits(validation[name])) })),
      { heading: 'learning rate', cell: ({ lr }) => digits(lr) },
      { heading: 'time', cell: ({ seconds }) => timeText(seconds) },
      { heading: 'waiting for data', cell: ({ seconds, waiting }) => percentText(waiting / seconds) },
    ], `${this.model.name}: ${this.losses.length} steps${skipped}${diverged}${ENDINGS[this.ending]}${leftAsTheyAre(this.model.graph)}`)
  }

  [Symbol.for('Jupyter.display')](): TableBundle {
    return this.#table()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.#table()['text/plain']
  }
}

/** A cell of comma-separated values. https://www.rfc-editor.org/rfc/rfc4180#section-2 */
const cell = (value: string | number): string => (/[",\r\n]/.test(`${value}`) ? `"${`${value}`.replaceAll('"', '""')}"` : `${value}`)
