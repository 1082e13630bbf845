import { median } from 'simple-statistics'
import { table } from '../table.ts'
import { digits } from '../units.ts'
import { Chart } from './chart.ts'
import { COLOURS } from './theme.ts'

/** What was measured at a setting; a `sweep` holds such rows. */
export interface SweepRow {
  readonly setting: number | string
  readonly samples: Readonly<Record<string, readonly number[]>>
}

export interface SweepOptions {
  readonly title?: string
  /** What the settings are: the horizontal axis. */
  readonly setting?: string
  /** What is drawn of what was measured, by name (all of it): each in a panel of its own, under the title that is given here. */
  readonly values?: Readonly<Record<string, string>>
}

/** Every sample over the settings, as a dot; a line through the medians where settings are numbers, a stroke at each where they are names. Settings stand side by side, evenly. */
export function sweep(rows: readonly SweepRow[], options: SweepOptions = {}): Chart {
  const { title = 'Sweep', setting = 'Setting', values = Object.fromEntries(Object.keys(rows[0]?.samples ?? {}).map((name) => [name, name])) } = options
  const panels = Object.entries(values).map(([name, label]) => panel(rows, name, label, setting))
  return new Chart({ title, hconcat: panels }, description(title, rows, Object.keys(values)))
}

function panel(rows: readonly SweepRow[], name: string, label: string, setting: string) {
  const data = rows.flatMap((row) => row.samples[name].map((value, round) => ({ setting: String(row.setting), value, round: round + 1 })))
  const x = { field: 'setting', type: 'ordinal', sort: null, title: setting, axis: { labelAngle: 0 } }
  const y = { field: 'value', type: 'quantitative', title: label, axis: { grid: true }, scale: { zero: true } }
  const layer = [
    { mark: rows.every((row) => typeof row.setting === 'number') ? { type: 'line', color: COLOURS[0] } : { type: 'tick', color: COLOURS[0], opacity: 1, size: 40, thickness: 2 }, encoding: { x, y: { ...y, aggregate: 'median' } } },
    { mark: { type: 'point', color: COLOURS[0], opacity: 0.75, size: 32 }, encoding: { x, y, tooltip: [{ field: 'setting' }, { field: 'value', type: 'quantitative' }, { field: 'round', type: 'quantitative' }] } },
  ]
  return { width: 260, height: 220, data: { values: data }, layer }
}

function description(title: string, rows: readonly SweepRow[], names: readonly string[]): string {
  const columns = [{ heading: '', cell: (row: SweepRow) => String(row.setting) }, ...names.map((heading) => ({ heading, cell: ({ samples }: SweepRow) => digits(median([...samples[heading]])) }))]
  return `${title}\n\n${table(rows, columns)['text/plain']}`
}
