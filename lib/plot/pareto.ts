import { table } from '../table.ts'
import { percentText, sizeText, timeText, timeUnit } from '../units.ts'
import { Chart } from './chart.ts'
import { placeLabels } from './labels.ts'
import { COLOURS, MUTED, PERCENT_LABEL } from './theme.ts'

/** A variant of a model. */
export interface ParetoRow {
  readonly name: string
  /** From 0 to 1. */
  readonly accuracy: number
  /** Seconds. */
  readonly latency: number
  /** Bytes. */
  readonly size: number
}

const WIDTH = 560
const HEIGHT = 360

/** Whether another variant is at least as accurate, as fast and as small, and better in one of these. */
export function isDominated(row: ParetoRow, rows: readonly ParetoRow[]): boolean {
  return rows.some((other) => {
    const gains = [other.accuracy - row.accuracy, row.latency - other.latency, row.size - other.size]
    return gains.every((gain) => gain >= 0) && gains.some((gain) => gain > 0)
  })
}

/**
 * Accuracy over latency, with the size as the area of the mark. The line joins what no variant beats in accuracy and latency; faded are those that
 * another beats in all three.
 */
export function pareto(rows: readonly ParetoRow[], { title = 'Accuracy, latency and size' }: { readonly title?: string } = {}): Chart {
  const [unit, name] = timeUnit(Math.max(...rows.map(({ latency }) => latency)))
  const largest = Math.max(...rows.map(({ size }) => size))
  const horizontal = axis(rows.map(({ latency }) => latency / unit), WIDTH)
  const vertical = axis(rows.map(({ accuracy }) => accuracy), HEIGHT)
  const marks = rows.map((row) => ({
    x: horizontal.pixel(row.latency / unit), y: HEIGHT - vertical.pixel(row.accuracy), radius: Math.sqrt(area(row.size / largest) / Math.PI), text: row.name,
  }))
  const placements = placeLabels(marks, WIDTH, HEIGHT)
  const front = new Set(rows.filter((row) => !rows.some((other) => beats(other, row))))
  const values = rows.map((row, i) => ({
    name: row.name, accuracy: row.accuracy, latency: row.latency / unit, area: area(row.size / largest), size: sizeText(row.size),
    front: front.has(row), dominated: isDominated(row, rows), ...placements[i],
  }))

  const encoding = {
    x: { field: 'latency', type: 'quantitative', title: `Latency (${name})`, axis: { grid: true, tickCount: 8 }, scale: { domain: horizontal.domain, nice: false } },
    y: { field: 'accuracy', type: 'quantitative', title: 'Accuracy', axis: { labelExpr: PERCENT_LABEL }, scale: { domain: vertical.domain, nice: false } },
  }
  const faded = { condition: { test: 'datum.dominated', value: 0.35 }, value: 1 }
  const layer = [
    { transform: [{ filter: 'datum.front' }], mark: { type: 'line', interpolate: 'step-after', color: COLOURS[1], strokeWidth: 1.5, strokeDash: [5, 4] }, encoding: { ...encoding, order: { field: 'latency' } } },
    { mark: { type: 'point', color: COLOURS[0], stroke: 'white', strokeWidth: 1 }, encoding: { ...encoding, opacity: faded, size: { field: 'area', type: 'quantitative', scale: null }, tooltip: ['name', 'size'].map((field) => ({ field })) } },
    { mark: { type: 'text', dx: { expr: 'datum.dx' }, dy: { expr: 'datum.dy' }, align: { expr: 'datum.align' }, baseline: 'middle' }, encoding: { ...encoding, text: { field: 'name' }, color: { condition: { test: 'datum.dominated', value: MUTED }, value: COLOURS[6] } } },
  ]
  const subtitle = [`Line: the best accuracy at each latency. Area of a mark: size, up to ${sizeText(largest)}.`, 'Faded: another variant is no worse in all three.']
  return new Chart({ title: { text: title, subtitle }, width: WIDTH, height: HEIGHT, data: { values }, layer }, description(title, rows))
}

/** At least as accurate and as fast, and better in one of them. */
function beats(a: ParetoRow, b: ParetoRow): boolean {
  return a.accuracy >= b.accuracy && a.latency <= b.latency && (a.accuracy > b.accuracy || a.latency < b.latency)
}

/** Square pixels of a mark, for a size as a share of the largest: never too small to see. */
const area = (share: number) => 40 + 460 * share

/** A domain with a tenth of room at both ends, and where a value stands in it. */
function axis(values: readonly number[], length: number) {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const room = 0.1 * (high - low || Math.abs(high) || 1)
  const domain = [low - room, high + room] as const
  return { domain, pixel: (value: number) => (length * (value - domain[0])) / (domain[1] - domain[0]) }
}

function description(title: string, rows: readonly ParetoRow[]): string {
  const columns = [
    { heading: 'variant', cell: (row: ParetoRow) => row.name },
    { heading: 'accuracy', cell: (row: ParetoRow) => percentText(row.accuracy) },
    { heading: 'latency', cell: (row: ParetoRow) => timeText(row.latency) },
    { heading: 'size', cell: (row: ParetoRow) => sizeText(row.size) },
    { heading: '', cell: (row: ParetoRow) => (isDominated(row, rows) ? 'dominated' : '') },
  ]
  return `${title}\n\n${table(rows, columns)['text/plain']}`
}
