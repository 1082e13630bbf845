import { digits } from '../units.ts'
import { Chart } from './chart.ts'
import { COLOURS } from './theme.ts'

/** The end of an epoch, with figures of data that was not trained on. */
export interface CurveEpoch {
  /** Steps done. */
  readonly step: number
  /** Steps that a loss scale skipped. */
  readonly skipped?: number
  readonly validation?: Readonly<Record<string, number>>
}

export interface CurveOptions {
  readonly title?: string
}

/** As many points as a screen shows apart. */
const MOST_POINTS = 300

/** Loss over the steps of a training run, neighbouring ones averaged, with the validation's loss; a panel of its own for each other figure, and for the steps that a loss scale skipped. */
export function curve(losses: readonly number[], epochs: readonly CurveEpoch[], options: CurveOptions = {}): Chart {
  const { title = 'Training' } = options
  const metrics = [...new Set(epochs.flatMap(({ validation = {} }) => Object.keys(validation)))]
  const measured = (name: string, series: string) => epochs.flatMap(({ step, validation }) => (validation?.[name] === undefined ? [] : [{ step, value: validation[name], series, isEpoch: true }]))
  const panels = [
    { name: 'Loss', rows: [...averaged(losses), ...measured('loss', 'validation')] },
    ...metrics.filter((name) => name !== 'loss').map((name) => ({ name: name[0].toUpperCase() + name.slice(1), rows: measured(name, 'validation') })),
    ...(epochs.some(({ skipped }) => skipped !== undefined) ? [{ name: 'Skipped steps', rows: epochs.map(({ step, skipped = 0 }) => ({ step, value: skipped, series: 'training', isEpoch: true })) }] : []),
  ]
  return new Chart({ title, hconcat: panels.map((panel) => chartOf(panel.name, panel.rows)) }, description(title, losses, epochs))
}

interface Row {
  readonly step: number
  readonly value: number
  readonly series: string
  /** Of a whole epoch, and marked so. */
  readonly isEpoch?: boolean
}

function chartOf(name: string, rows: readonly Row[]) {
  const nothing = rows.length ? {} : { domain: [0, 1] }
  const y = { field: 'value', type: 'quantitative', title: name, axis: { format: '~g' }, scale: { zero: false, ...nothing } }
  const x = { field: 'step', type: 'quantitative', title: 'Step', axis: { tickMinStep: 1, format: ',d' }, scale: nothing }
  const colour = { field: 'series', type: 'nominal', title: null, scale: { domain: ['training', 'validation'], range: COLOURS.slice(0, 2) }, legend: { orient: 'top' } }
  const dots = { mark: { type: 'point' }, transform: [{ filter: 'datum.isEpoch' }], encoding: { x, y, color: colour } }
  const layer = [{ mark: { type: 'line' }, encoding: { x, y, color: colour } }, ...(rows.some(({ isEpoch }) => isEpoch) ? [dots] : [])]
  return { width: 340, height: 220, data: { values: rows }, layer }
}

/** Means of equally long stretches, each at its last step. */
function averaged(losses: readonly number[]): Row[] {
  const length = Math.max(1, Math.ceil(losses.length / MOST_POINTS))
  return Array.from({ length: Math.ceil(losses.length / length) }, (_, i) => {
    const part = losses.slice(i * length, (i + 1) * length)
    return { step: i * length + part.length, value: part.reduce((a, b) => a + b) / part.length, series: 'training' }
  })
}

function description(title: string, losses: readonly number[], epochs: readonly CurveEpoch[]): string {
  const figures = Object.entries(epochs.at(-1)?.validation ?? {}).map(([name, value]) => `, validation ${name} ${digits(value)}`)
  return losses.length ? `${title}: ${losses.length} steps, loss ${digits(losses[0])} to ${digits(losses.at(-1)!)}${figures.join('')}` : `${title}: no steps yet`
}
