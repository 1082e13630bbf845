import { escaped, type TableBundle } from '../table.ts'
import type { Chart } from './chart.ts'

/** A table with charts under it: as pictures, which front ends and reports show that take no SVG inside HTML. */
export async function withCharts(table: TableBundle, charts: readonly Chart[]): Promise<TableBundle> {
  const pictures = await Promise.all(charts.map(async (chart) => `<p><img src="data:image/svg+xml;base64,${Buffer.from(await chart.svg()).toString('base64')}" alt="${escaped(chart.text)}"></p>`))
  return { ...table, 'text/html': table['text/html'] + pictures.join('') }
}
