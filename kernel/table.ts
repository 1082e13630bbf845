import { inspect } from 'node:util'

const SHOWN_ROWS = 50
const SHOWN_COLUMNS = 20

export type Row = Record<string, unknown>

/** Whether a value is an array of plain records, such as rows read from a file. */
export function isRows(value: unknown): value is Row[] {
  return Array.isArray(value) && value.length > 0 && value.every((row) => row !== null && typeof row === 'object' && Object.getPrototypeOf(row) === Object.prototype)
}

/** The HTML table of an array of records, cut with a note when it is large. */
export function htmlTable(rows: Row[]): string {
  const shown = rows.slice(0, SHOWN_ROWS)
  const names = [...new Set(shown.flatMap((row) => Object.keys(row)))]
  const columns = names.slice(0, SHOWN_COLUMNS)
  const line = (cells: string[]) => `<tr>${cells.join('')}</tr>`
  const head = line(columns.map((name) => `<th>${escapeHtml(name)}</th>`))
  const body = shown.map((row) => line(columns.map((name) => `<td>${escapeHtml(cellText(row[name]))}</td>`)))
  const isCut = rows.length > SHOWN_ROWS || names.length > SHOWN_COLUMNS
  const note = isCut ? `<p>${shown.length} of ${rows.length} rows, ${columns.length} of ${names.length} columns</p>` : ''
  return `<table><thead>${head}</thead><tbody>${body.join('')}</tbody></table>${note}`
}

function cellText(value: unknown): string {
  if (value === undefined) return ''
  return typeof value === 'string' ? value : inspect(value, { depth: 1, breakLength: Infinity })
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}
