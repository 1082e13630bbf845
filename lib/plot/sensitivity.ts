import { table } from '../table.ts'
import { percentText } from '../units.ts'
import { Chart } from './chart.ts'
import { COLOURS, PERCENT_LABEL } from './theme.ts'

/** Accuracy of a network of which one layer alone was changed. */
export interface SensitivityRow {
  readonly layer: string
  /** What was done to it: a form of its numbers, or of what a share was taken away. */
  readonly change: string
  /** The share; null of a form. */
  readonly amount: number | null
  readonly accuracy: number
}

export interface SensitivityPlotOptions {
  readonly title?: string
  /** Accuracy of the untouched network. */
  readonly base?: number
}

/**
 * Accuracy over what is done to one layer alone, a line for each layer: over the share that is taken away, in a panel for each thing that it is taken of, and over the
 * forms of its numbers, in one more. Layers are coloured in the order in which they come first.
 */
export function sensitivity(rows: readonly SensitivityRow[], { title = 'Sensitivity of each layer', base }: SensitivityPlotOptions = {}): Chart {
  const layers = [...new Set(rows.map(({ layer }) => layer))]
  const scale = layers.length > COLOURS.length ? { domain: layers, scheme: 'viridis' } : { domain: layers }
  const panel = (label: string, of: readonly SensitivityRow[], x: object) => {
    const encoding = {
      x: { title: label, ...x },
      y: { field: 'accuracy', type: 'quantitative', title: 'Accuracy', axis: { labelExpr: PERCENT_LABEL }, scale: { zero: false } },
      color: { field: 'layer', type: 'nominal', title: null, scale, legend: { symbolLimit: 0 } },
      tooltip: [{ field: 'layer' }, { field: 'accuracy', type: 'quantitative', format: '.1%' }],
    }
    const rule = { data: { values: [{ base }] }, mark: { type: 'rule', strokeDash: [5, 4] }, encoding: { y: { field: 'base', type: 'quantitative' } } }
    return { width: 300, height: 260, data: { values: [...of] }, layer: [...(base === undefined ? [] : [rule]), { mark: { type: 'line', point: { size: 40 } }, encoding }] }
  }
  const forms = rows.filter(({ amount }) => amount === null)
  const parts = [...new Set(rows.filter(({ amount }) => amount !== null).map(({ change }) => change))]
  const panels = [
    ...parts.map((part) => panel(`Share of its ${part} taken away`, rows.filter(({ change }) => change === part), { field: 'amount', type: 'quantitative', axis: { labelExpr: PERCENT_LABEL }, scale: { nice: false, zero: false } })),
    ...(forms.length ? [panel('Form of its weights', forms, { field: 'change', type: 'ordinal', sort: null, axis: { labelAngle: 0 } })] : []),
  ]
  return new Chart({ title, hconcat: panels }, description(title, rows))
}

function description(title: string, rows: readonly SensitivityRow[]): string {
  const columns = [
    { heading: 'layer', cell: ({ layer }: SensitivityRow) => layer },
    { heading: 'change', cell: ({ change, amount }: SensitivityRow) => (amount === null ? change : `${percentText(amount)} of its ${change}`) },
    { heading: 'accuracy', cell: ({ accuracy }: SensitivityRow) => percentText(accuracy) },
  ]
  return `${title}\n\n${table(rows, columns)['text/plain']}`
}
