import { percentText } from '../units.ts'
import { table } from '../table.ts'
import { Chart } from './chart.ts'
import { COLOURS, MUTED, PERCENT_LABEL } from './theme.ts'

/** Accuracy after a share of something (weights, channels) was taken away; both from 0 to 1. */
export interface AmountRow {
  /** Of what it was taken away, where several things are compared: a line each. */
  readonly name?: string
  readonly amount: number
  readonly accuracy: number
  /** Ends of the accuracy's interval. */
  readonly low?: number
  readonly high?: number
}

export interface AmountOptions {
  readonly title?: string
  /** What was taken away: the horizontal axis. */
  readonly amount?: string
  /** Accuracy of the untouched model (that of amount 0, where there is one). */
  readonly base?: number
}

/**
 * Accuracy over amount: a line through what was measured, its interval as a band, and the untouched model's accuracy as a rule; a line for each name, without
 * bands, where rows have names.
 */
export function accuracyOverAmount(rows: readonly AmountRow[], options: AmountOptions = {}): Chart {
  const { title = 'Accuracy over pruning amount', amount = 'Weights set to zero', base = rows.find((row) => row.amount === 0)?.accuracy } = options
  const x = { field: 'amount', type: 'quantitative', title: amount, axis: { labelExpr: PERCENT_LABEL }, scale: { nice: false, zero: false } }
  const y = (field: string) => ({ field, type: 'quantitative', title: 'Accuracy', axis: { labelExpr: PERCENT_LABEL }, scale: { zero: false } })
  const line = { mark: { type: 'line', color: COLOURS[0], point: { color: COLOURS[0], size: 45 } }, encoding: { x, y: y('accuracy') } }
  const lines = { mark: { type: 'line', point: { size: 45 } }, encoding: { x, y: y('accuracy'), color: { field: 'name', type: 'nominal', sort: null, title: null } } }
  const band = { mark: { type: 'area', color: COLOURS[0], opacity: 0.16 }, transform: [{ filter: 'isValid(datum.low)' }], encoding: { x, y: y('low'), y2: { field: 'high' } } }
  const named = rows.some(({ name }) => name !== undefined)
  const bands = !named && rows.some(({ low }) => low !== undefined) ? [band] : []
  const layer = [...bands, ...(base === undefined ? [] : baseline(base)), named ? lines : line]
  return new Chart({ title, width: 520, height: 300, data: { values: [...rows] }, layer }, description(title, rows, named))
}

function baseline(base: number) {
  const data = { values: [{ base, label: `base ${percentText(base)}` }] }
  const y = { field: 'base', type: 'quantitative' }
  return [
    { data, mark: { type: 'rule', strokeDash: [5, 4] }, encoding: { y } },
    { data, mark: { type: 'text', align: 'right', baseline: 'bottom', dy: -4, color: MUTED }, encoding: { x: { value: 'width' }, y, text: { field: 'label' } } },
  ]
}

function description(title: string, rows: readonly AmountRow[], named: boolean): string {
  const interval = ({ low, high }: AmountRow) => (low === undefined || high === undefined ? '' : `${percentText(low)} - ${percentText(high)}`)
  const columns = [
    ...(named ? [{ heading: '', cell: ({ name = '' }: AmountRow) => name }] : []),
    { heading: 'amount', cell: (row: AmountRow) => percentText(row.amount) },
    { heading: 'accuracy', cell: (row: AmountRow) => percentText(row.accuracy) },
    { heading: '95 % interval', cell: interval },
  ]
  return `${title}\n\n${table(rows, columns)['text/plain']}`
}
