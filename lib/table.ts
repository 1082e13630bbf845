/** A column of a table: its heading, and what stands in a row. */
export interface Column<Row> {
  readonly heading: string
  readonly cell: (row: Row) => string
  /** Numbers stand to the right; the first column stands to the left by itself. */
  readonly align?: 'left' | 'right'
}

/** What a notebook shows: as HTML where it can, as aligned text elsewhere. */
export interface TableBundle {
  readonly 'text/html': string
  readonly 'text/plain': string
}

/** A column of texts that are no longer than this (characters) is as wide as they are; a wider one breaks its lines. */
const LONGEST_UNBROKEN = 40

/** A table as text and as HTML, with an optional line under it. */
export function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[], caption = ''): TableBundle {
  const cells = rows.map((row) => columns.map((column) => column.cell(row)))
  const left = columns.map(({ align }, c) => (align ?? (c === 0 ? 'left' : 'right')) === 'left')
  return { 'text/html': html(columns, cells, left, caption), 'text/plain': plain(columns, cells, left, caption) }
}

/** Several tables, one under the other. */
export function stacked(tables: readonly TableBundle[]): TableBundle {
  return { 'text/html': tables.map((one) => one['text/html']).join(''), 'text/plain': tables.map((one) => one['text/plain']).join('\n\n') }
}

/** A table that shows itself. */
export class Table {
  readonly bundle: TableBundle

  constructor(bundle: TableBundle) {
    this.bundle = bundle
  }

  get text(): string {
    return this.bundle['text/plain']
  }

  [Symbol.for('Jupyter.display')](): TableBundle {
    return this.bundle
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.text
  }
}

function plain<Row>(columns: readonly Column<Row>[], cells: readonly string[][], left: readonly boolean[], caption: string): string {
  const lines = [columns.map(({ heading }) => heading), ...cells]
  const widths = columns.map((_, c) => Math.max(...lines.map((line) => line[c].length)))
  const pad = (text: string, c: number) => (left[c] ? text.padEnd(widths[c]) : text.padStart(widths[c]))
  const [head, ...body] = lines.map((line) => line.map(pad).join('  ').trimEnd())
  return [head, widths.map((width) => '─'.repeat(width)).join('  '), ...body, ...(caption ? ['', caption] : [])].join('\n')
}

function html<Row>(columns: readonly Column<Row>[], cells: readonly string[][], left: readonly boolean[], caption: string): string {
  const short = columns.map((_, c) => cells.every((line) => line[c].length <= LONGEST_UNBROKEN))
  const style = (c: number) => ` style="text-align:${left[c] ? 'left' : 'right'}${short[c] ? ';white-space:nowrap' : ''};font-variant-numeric:tabular-nums"`
  const row = (tag: 'th' | 'td', line: readonly string[]) => `<tr>${line.map((text, c) => `<${tag}${style(c)}>${escaped(text)}</${tag}>`).join('')}</tr>`
  const head = `<thead>${row('th', columns.map(({ heading }) => heading))}</thead>`
  const foot = caption && `<p><small>${escaped(caption)}</small></p>`
  return `<table>${head}<tbody>${cells.map((line) => row('td', line)).join('')}</tbody></table>${foot}`
}

/** Text as HTML shows it. */
export function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}
