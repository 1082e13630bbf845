import { sizeText } from '../units.ts'
import { Chart } from './chart.ts'
import { COLOURS, INK } from './theme.ts'

/** Memory in use while an operator ran; a memory profile holds such rows. */
export interface TimelineRow {
  readonly name: string
  /** Bytes. */
  readonly inUse: number
}

const WIDTH = 560
const MEGABYTE = 1e6

/** Memory in use over the operators of one run, in their order, with the highest point named. */
export function timeline(rows: readonly TimelineRow[], { title = 'Memory over one run' }: { readonly title?: string } = {}): Chart {
  const values = rows.map(({ name, inUse }, i) => ({ name, from: i, to: i + 1, inUse: inUse / MEGABYTE }))
  const peak = rows.reduce((highest, { inUse }, i) => (inUse > rows[highest].inUse ? i : highest), 0)
  const leftHalf = peak < rows.length / 2
  const x = { field: 'from', type: 'quantitative', title: 'Operators, in the order in which they ran', axis: { tickMinStep: 1 }, scale: { domain: [0, rows.length], nice: false } }
  const y = { field: 'inUse', type: 'quantitative', title: 'In use (MB)', axis: { grid: true }, ...(!rows.length && { scale: { domain: [0, 1] } }) }
  const highest = { data: { values: rows.length ? [{ ...values[peak], label: `${rows[peak].name}: ${sizeText(rows[peak].inUse)}` }] : [] } }
  const layer = [
    { mark: { type: 'rect', color: COLOURS[0], opacity: 0.35 }, encoding: { x, x2: { field: 'to' }, y, y2: { datum: 0 }, tooltip: [{ field: 'name' }, { field: 'inUse', type: 'quantitative' }] } },
    { ...highest, mark: { type: 'point', color: COLOURS[1], opacity: 1, xOffset: WIDTH / Math.max(1, rows.length) / 2 }, encoding: { x, y } },
    { ...highest, mark: { type: 'text', color: INK, align: leftHalf ? 'left' : 'right', dx: leftHalf ? 8 : -8, dy: -8 }, encoding: { x, y, text: { field: 'label' } } },
  ]
  return new Chart({ title, width: WIDTH, height: 240, data: { values }, layer }, `${title}: highest at ${rows[peak]?.name} with ${sizeText(rows[peak]?.inUse ?? 0)}, over ${rows.length} operators`)
}
