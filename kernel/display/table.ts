import { inspect } from 'node:util'
import type { MimeBundle } from './bundle.ts'
import { escapeHtml } from './html.ts'
import { limits } from './limits.ts'

type Row = Record<string, unknown>

/** An array of plain records, such as rows read from a file. */
export function records(value: object): MimeBundle | undefined {
  if (!Array.isArray(value) || value.length === 0 || !value.every(isRecord)) return undefined
  const shown = value.slice(0, limits.rows) as Row[]
  const names = [...new Set(shown.flatMap((row) => Object.keys(row)))]
  return htmlTable(names, shown.map((row) => names.map((name) => row[name])), value.length)
}

/** A Map as two columns. */
export function map(value: object): MimeBundle | undefined {
  if (!(value instanceof Map)) return undefined
  return htmlTable(['key', 'value'], [...value].slice(0, limits.rows), value.size)
}

/** What danfojs' DataFrame and Series have in common. https://danfo.jsdata.org/api-reference/dataframe */
interface Danfo {
  $isSeries: boolean
  shape: [number, number]
  columns: string[]
  index: unknown[]
  head(rows: number): { values: unknown[] }
  toString(): string
}

/** A danfojs DataFrame or Series with its index. */
export function danfo(value: object): MimeBundle | undefined {
  if (!('$isSeries' in value && '$dataIncolumnFormat' in value)) return undefined
  const frame = value as unknown as Danfo
  const { values } = frame.head(limits.rows)
  const rows = values.map((row, i) => [frame.index[i], ...(frame.$isSeries ? [row] : (row as unknown[]))])
  return { 'text/plain': String(frame), ...htmlTable(['', ...frame.columns], rows, frame.shape[0]) }
}

/** What nodejs-polars' DataFrame offers. https://pola-rs.github.io/nodejs-polars/ */
interface Polars {
  columns: string[]
  height: number
  head(rows: number): { rows(): unknown[][] }
}

export function polars(value: object): MimeBundle | undefined {
  if (!('toRecords' in value && 'schema' in value && 'height' in value)) return undefined
  const frame = value as unknown as Polars
  return { 'text/plain': String(frame), ...htmlTable(frame.columns, frame.head(limits.rows).rows(), frame.height) }
}

/** Rows that are already cut, with a note of what is missing. */
function htmlTable(names: string[], rows: unknown[][], total: number): MimeBundle {
  const columns = names.slice(0, limits.columns)
  const aligns = columns.map((_, i) => (rows.every((row) => isNumberOrNothing(row[i])) ? 'right' : 'left'))
  const line = (tag: string, texts: string[]) => `<tr>${texts.map((text, i) => `<${tag} style="text-align: ${aligns[i]}">${escapeHtml(text)}</${tag}>`).join('')}</tr>`
  const head = line('th', columns)
  const body = rows.map((row) => line('td', columns.map((_, i) => cellText(row[i]))))
  const isCut = total > rows.length || names.length > columns.length
  const note = isCut ? `<p>${rows.length} of ${total.toLocaleString('en')} rows, ${columns.length} of ${names.length} columns</p>` : ''
  return { 'text/html': `<table><thead>${head}</thead><tbody>${body.join('')}</tbody></table>${note}` }
}

function isRecord(value: unknown): value is Row {
  return value !== null && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype
}

function isNumberOrNothing(value: unknown): boolean {
  return ['number', 'bigint', 'undefined'].includes(typeof value) || value === null
}

/** Digits of a number in a cell; digits before the point are never cut. */
const DIGITS = 6

function numberText(x: number): string {
  const whole = Math.floor(Math.log10(Math.abs(x))) + 1
  return Number.isInteger(x) || !Number.isFinite(x) ? String(x) : String(Number(x.toPrecision(Math.max(DIGITS, whole))))
}

function cellText(value: unknown): string {
  if (value === undefined) return ''
  if (typeof value === 'number') return numberText(value)
  const text = typeof value === 'string' ? value : inspect(value, { depth: 1, breakLength: Infinity, maxArrayLength: 10 })
  return text.length > LONGEST_CELL ? `${text.slice(0, LONGEST_CELL)}…` : text
}

const LONGEST_CELL = 500
