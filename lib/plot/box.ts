import { table } from '../table.ts'
import { digits } from '../units.ts'
import { Chart } from './chart.ts'
import { COLOURS, PERCENT_LABEL } from './theme.ts'

/** Repeated measurements of one thing; a `repeat` result's `of(...)` holds such samples. */
export interface BoxRow {
  readonly name: string
  readonly samples: readonly number[]
}

export interface BoxOptions {
  readonly title?: string
  /** What is measured, with its unit: the horizontal axis. */
  readonly value?: string
  /** Shares from 0 to 1 are labelled in per cent (false). */
  readonly percent?: boolean
}

interface FiveNumbers {
  readonly name: string
  readonly min: number
  readonly q1: number
  readonly median: number
  readonly q3: number
  readonly max: number
}

const HEIGHT = 46
/** Pixels from a box's middle to the row of its dots. */
const BELOW = 16

/** Box and whiskers: minimum, quartiles and maximum of each row, and every run as a dot under its box. */
export function box(rows: readonly BoxRow[], options: BoxOptions = {}): Chart {
  const { title = 'Spread over the runs', value = 'Value', percent = false } = options
  const empty = rows.find(({ samples }) => samples.length === 0)
  if (empty) throw new RangeError(`${empty.name}: there are no samples to draw`)
  const boxes = rows.map(fiveNumbers)
  const dots = rows.flatMap(({ name, samples }) => samples.map((sample, run) => ({ name, sample, run: run + 1 })))
  const y = { field: 'name', type: 'nominal', sort: null, title: null, axis: { labelLimit: 260, labelFontSize: 12 } }
  const x = (field: string) => ({ field, type: 'quantitative', title: value, axis: { grid: true, tickCount: 7, ...(percent && { labelExpr: PERCENT_LABEL }) }, scale: { zero: false } })
  const tick = (field: string, size: number) => ({ mark: { type: 'tick', color: COLOURS[0], opacity: 1, size, thickness: 2 }, encoding: { y, x: x(field) } })
  const layer = [
    { mark: { type: 'rule', color: COLOURS[0], strokeWidth: 1.5 }, encoding: { y, x: x('min'), x2: { field: 'max' } } },
    { mark: { type: 'bar', color: '#cfe3f1', stroke: COLOURS[0], strokeWidth: 1.5, size: 18 }, encoding: { y, x: x('q1'), x2: { field: 'q3' } } },
    tick('min', 9), tick('median', 18), tick('max', 9),
    {
      data: { values: dots }, mark: { type: 'point', color: COLOURS[1], opacity: 0.8, size: 28, yOffset: BELOW },
      encoding: { y, x: x('sample'), tooltip: [{ field: 'run', type: 'quantitative' }, { field: 'sample', type: 'quantitative' }] },
    },
  ]
  return new Chart({ title, width: 480, height: { step: HEIGHT }, data: { values: boxes }, layer }, description(title, rows))
}

function fiveNumbers({ name, samples }: BoxRow): FiveNumbers {
  const sorted = samples.toSorted((a, b) => a - b)
  const at = (p: number) => {
    const place = p * (sorted.length - 1)
    const [low, high] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]]
    return low + (high - low) * (place % 1)
  }
  return { name, min: at(0), q1: at(0.25), median: at(0.5), q3: at(0.75), max: at(1) }
}

function description(title: string, rows: readonly BoxRow[]): string {
  const numbers = (['min', 'q1', 'median', 'q3', 'max'] as const).map((heading) => ({ heading, cell: (row: BoxRow) => digits(fiveNumbers(row)[heading]) }))
  return `${title}\n\n${table(rows, [{ heading: '', cell: ({ name }) => name }, ...numbers, { heading: 'runs', cell: ({ samples }) => String(samples.length) }])['text/plain']}`
}
