import { countText, digits, percentText, sizeText } from '../units.ts'
import { Chart } from './chart.ts'
import { COLOURS, MUTED } from './theme.ts'

/** An operator; a `roofline` holds such rows. */
export interface RooflinePoint {
  readonly name: string
  /** Floating-point operations for each byte; null where they are not known. */
  readonly intensity: number | null
  /** Floating-point operations a second. */
  readonly rate: number | null
  /** Of the time. */
  readonly share: number
  readonly bound: string
}

const WIDTH = 560
const BOUNDS = ['memory', 'compute']

/** Operators that take less of the time are not drawn. */
const LEAST_SHARE = 0.001

/** Operators under a machine's roof: what they reach over what they do for each byte, both logarithmic; the area of a mark is its share of the time. Operators without arithmetic are not drawn. */
export function roofline(rows: readonly RooflinePoint[], { flops, bandwidth }: { readonly flops: number; readonly bandwidth: number }, { title = 'Operators under the roof' }: { readonly title?: string } = {}): Chart {
  const points = rows.filter((row) => row.intensity && row.rate && row.share >= LEAST_SHARE).map(({ name, intensity, rate, share, bound }) => ({ name, bound, share, intensity: intensity!, rate: rate! / 1e9, time: percentText(share) }))
  const balance = flops / bandwidth
  const [left, right] = [Math.min(balance / 30, ...points.map(({ intensity }) => intensity)) / 1.5, Math.max(balance * 10, ...points.map(({ intensity }) => intensity)) * 1.5]
  const roof = [left, balance, right].map((intensity) => ({ intensity, rate: Math.min(flops, intensity * bandwidth) / 1e9 }))
  const highest = 1.8 * Math.max(roof[2].rate, ...points.map(({ rate }) => rate))
  const lowest = Math.min(roof[0].rate, ...points.map(({ rate }) => rate)) / 1.5
  const x = { field: 'intensity', type: 'quantitative', title: 'Operations for each byte (FLOP/byte)', axis: { format: '~r', values: decades(left, right) }, scale: { type: 'log', domain: [left, right], nice: false } }
  const y = { field: 'rate', type: 'quantitative', title: 'GFLOP/s', axis: { grid: true, format: '~r', values: decades(lowest, highest) }, scale: { type: 'log', domain: [lowest, highest], nice: false } }
  const colour = { field: 'bound', type: 'nominal', title: 'Bound by', scale: { domain: BOUNDS, range: [COLOURS[1], COLOURS[0]] } }
  const layer = [
    { data: { values: roof }, mark: { type: 'line', color: MUTED, strokeWidth: 2 }, encoding: { x, y } },
    { data: { values: [{ ...roof[1], label: `${countText(flops)}FLOP/s, ${sizeText(bandwidth)}/s` }] }, mark: { type: 'text', align: 'left', dy: -9, color: MUTED }, encoding: { x, y, text: { field: 'label' } } },
    {
      mark: { type: 'point', opacity: 0.75, stroke: 'white', strokeWidth: 0.5 },
      encoding: { x, y, color: colour, size: { field: 'share', type: 'quantitative', legend: null, scale: { domain: [0, 1], range: [25, 1500] } }, tooltip: [{ field: 'name' }, { field: 'time', title: 'share' }] },
    },
  ]
  return new Chart({ title: { text: title, subtitle: 'Area of a mark: its share of the time, from a thousandth on.' }, width: WIDTH, height: 320, data: { values: points }, layer }, description(title, rows, flops, bandwidth))
}

/** Powers of ten between two numbers. */
function decades(low: number, high: number): number[] {
  const [first, last] = [Math.ceil(Math.log10(low)), Math.floor(Math.log10(high))]
  return Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i))
}

function description(title: string, rows: readonly RooflinePoint[], flops: number, bandwidth: number): string {
  const shares = BOUNDS.map((bound) => `${percentText(rows.reduce((sum, row) => sum + (row.bound === bound ? row.share : 0), 0))} of the time bound by ${bound}`)
  return `${title}: ${shares.join(', ')}; the machine reaches ${countText(flops)}FLOP/s and ${sizeText(bandwidth)}/s, ${digits(flops / bandwidth)} FLOP/byte`
}
