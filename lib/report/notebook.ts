/** A notebook file's contents. https://nbformat.readthedocs.io/en/latest/format_description.html */
export interface Notebook {
  nbformat: 4
  nbformat_minor: number
  metadata: Record<string, unknown>
  cells: Cell[]
}

export type Cell = CodeCell | TextCell
export type MultilineText = string | string[]

interface CellBase {
  id: string
  source: MultilineText
  metadata: { tags?: string[] } & Record<string, unknown>
}

export interface CodeCell extends CellBase {
  cell_type: 'code'
  execution_count: number | null
  outputs: Output[]
}

export interface TextCell extends CellBase {
  cell_type: 'markdown' | 'raw'
  /** Images pasted into the text: name, then MIME type, then base64. */
  attachments?: Record<string, Record<string, MultilineText>>
}

/** MIME type to content; binary content is base64. */
export type MimeBundle = Record<string, unknown>

export type Output = StreamOutput | DisplayOutput | ErrorOutput

export interface StreamOutput {
  output_type: 'stream'
  name: 'stdout' | 'stderr'
  text: MultilineText
}

export interface DisplayOutput {
  output_type: 'display_data' | 'execute_result'
  data: MimeBundle
  metadata: Record<string, unknown>
  execution_count?: number | null
}

export interface ErrorOutput {
  output_type: 'error'
  ename: string
  evalue: string
  traceback: string[]
}

/** Text that the format stores whole or in lines. */
export function textOf(text: MultilineText): string {
  return Array.isArray(text) ? text.join('') : text
}

/** A cell by its number among the code cells and its first line, as people look for it. */
export function cellName(number: number, source: string): string {
  const first = source.split('\n').find((line) => line.trim() !== '')?.trim() ?? ''
  return `cell ${number} (${first.length > 60 ? `${first.slice(0, 60)}…` : first})`
}
