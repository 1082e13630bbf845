import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { CodeCell, Notebook, TextCell } from '../lib/report/notebook.ts'
import { UsageError } from './usage.ts'

/**
 * Reads a notebook, or a TypeScript file as a notebook of one cell; outputs of former runs are left out.
 * @throws UsageError where there is no such file or it is no notebook.
 */
export function readNotebook(file: string): Notebook {
  const text = readText(file)
  if (/\.[cm]?[jt]s$/.test(file)) return { nbformat: 4, nbformat_minor: 5, metadata: {}, cells: [codeCell(text)] }
  const notebook = parsed(text, file)
  if (notebook.nbformat !== 4) throw new UsageError(`${file} has notebook format ${notebook.nbformat}; hone reads format 4. Open and save it in JupyterLab to bring it up to date.`)
  const cells = notebook.cells.map((cell, index): CodeCell | TextCell => {
    if (!['code', 'markdown', 'raw'].includes(cell?.cell_type) || !isText(cell.source)) throw new UsageError(`${file} is not a notebook: its cell ${index + 1} has no type or no source.`)
    const common = { ...cell, id: cell.id ?? randomUUID(), metadata: cell.metadata ?? {} }
    return common.cell_type === 'code' ? { ...common, execution_count: null, outputs: [] } : common
  })
  return { ...notebook, nbformat_minor: Math.max(notebook.nbformat_minor ?? 0, 5), metadata: notebook.metadata ?? {}, cells }
}

export function codeCell(source: string, tags?: string[]): CodeCell {
  return { cell_type: 'code', id: randomUUID(), metadata: tags ? { tags } : {}, execution_count: null, source, outputs: [] }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : (error as Error).message
    throw new UsageError(`${path.resolve(file)} cannot be read: ${reason}.`, { cause: error })
  }
}

function parsed(text: string, file: string): Notebook {
  let content: unknown
  try {
    content = JSON.parse(text)
  } catch (error) {
    throw new UsageError(`${file} is not a notebook: ${(error as Error).message}.`, { cause: error })
  }
  if (typeof content === 'object' && content !== null && 'nbformat' in content && Array.isArray((content as Notebook).cells ?? [])) return { cells: [], ...content } as unknown as Notebook
  throw new UsageError(`${file} is not a notebook: it is JSON without a notebook's format and cells.`)
}

function isText(source: unknown): boolean {
  return typeof source === 'string' || (Array.isArray(source) && source.every((line) => typeof line === 'string'))
}
