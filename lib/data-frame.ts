// @ts-ignore: the package is optional; where it is absent its types are `any`
import type * as Danfo from 'danfojs-node'
import { optional } from './optional.ts'

/**
 * Rows of records as a danfo.js data frame, whose columns are all keys in the order in which they appear; null stands where a row lacks one.
 * https://danfo.jsdata.org/api-reference/dataframe
 * @throws Error where danfojs-node is not installed.
 */
export function toDataFrame(rows: readonly object[]): Danfo.DataFrame {
  const { DataFrame } = optional<typeof Danfo>('danfojs-node')
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const values = rows.map((row) => columns.map((column) => (row as Record<string, unknown>)[column] ?? null))
  return new DataFrame(values, { columns })
}

/** The rows of a danfo.js data frame as records. */
export function fromDataFrame(frame: Danfo.DataFrame): Record<string, unknown>[] {
  return frame.values.map((row) => Object.fromEntries(frame.columns.map((column, c) => [column, (row as unknown[])[c]])))
}
