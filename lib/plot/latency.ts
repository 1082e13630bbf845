import { table } from '../table.ts'
import { timeRange, timeText, timeUnit } from '../units.ts'
import { Chart } from './chart.ts'
import { COLOURS } from './theme.ts'

/** A variant's latency in seconds with its interval; a result of `bench` holds such rows. */
export interface LatencyRow {
  readonly name: string
  readonly median: number
  readonly interval: { readonly low: number; readonly high: number }
}

export interface LatencyOptions {
  readonly title?: string
  /** `log` where variants lie far apart (linear). */
  readonly scale?: 'linear' | 'log'
}

/**
 * Latency of every variant, in the order given: median as a dot and a number, its 95 % interval as a line (none where the interval is not finite), and
 * on a linear scale a bar from 0.
 */
export function latency(variants: Iterable<LatencyRow>, options: LatencyOptions = {}): Chart {
  const { title = 'Latency', scale = 'linear' } = options
  const rows = [...variants]
  const [unit, name] = timeUnit(Math.max(...rows.map(({ median }) => median)))
  const ends = rows.map(({ median, interval: { low, high } }) => (Number.isFinite(high) ? [low / unit, high / unit] as const : [median / unit, median / unit] as const))
  const domain = domainOf(ends, scale)
  const values = rows.map((row, i) => ({ name: row.name, from: domain[0], median: row.median / unit, low: ends[i][0], high: ends[i][1], label: timeText(row.median) }))
  const y = { field: 'name', type: 'nominal', sort: null, title: null, axis: { labelLimit: 260, labelFontSize: 12 }, scale: { paddingInner: 0.5 } }
  const x = (field: string) => ({ field, type: 'quantitative', title: `Median, with its 95 % interval (${name})`, axis: { grid: scale === 'linear', tickCount: 6 }, scale: { type: scale, domain, nice: scale === 'linear' } })
  const stem = scale === 'linear' ? { type: 'bar' } : { type: 'rule', strokeWidth: 2 }
  const cap = { mark: { type: 'tick', color: COLOURS[0], opacity: 1, size: 9, thickness: 1.5 } }
  const layer = [
    { mark: { ...stem, color: COLOURS[0], opacity: 0.25 }, encoding: { y, x: x('from'), x2: { field: 'median' } } },
    { mark: { type: 'rule', color: COLOURS[0], strokeWidth: 2 }, encoding: { y, x: x('low'), x2: { field: 'high' } } },
    ...['low', 'high'].map((end) => ({ ...cap, encoding: { y, x: x(end) } })),
    { mark: { type: 'point', color: COLOURS[0], opacity: 1, size: 45 }, encoding: { y, x: x('median') } },
    { mark: { type: 'text', align: 'left', dx: 9 }, encoding: { y, x: x('high'), text: { field: 'label' } } },
  ]
  return new Chart({ title, width: 480, height: { step: 32 }, data: { values }, layer }, description(title, rows))
}

/** A logarithmic axis has no zero to begin at: it leaves room about the values instead. */
function domainOf(ends: readonly (readonly [low: number, high: number])[], scale: 'linear' | 'log'): readonly [number, number] {
  const highest = Math.max(...ends.map(([, high]) => high))
  return scale === 'linear' ? [0, highest] : [Math.min(...ends.map(([low]) => low)) / 1.3, highest * 1.5]
}

function description(title: string, rows: readonly LatencyRow[]): string {
  const columns = [
    { heading: 'variant', cell: ({ name }: LatencyRow) => name },
    { heading: 'median', cell: ({ median }: LatencyRow) => timeText(median) },
    { heading: '95 % interval', cell: ({ interval: { low, high } }: LatencyRow) => (Number.isFinite(high) ? timeRange(low, high) : 'none') },
  ]
  return `${title}\n\n${table(rows, columns)['text/plain']}`
}
