import { accessSync, constants, mkdirSync } from 'node:fs'
import path from 'node:path'
import { writeWhole } from '../lib/files.ts'
import { textOf, type Cell, type MimeBundle, type MultilineText, type Notebook, type Output } from '../lib/report/notebook.ts'
import { renderNotebook } from '../lib/report/render.ts'
import type { ClaimsReport } from '../lib/report/study.ts'
import { CLAIMS_MIME } from '../lib/report/table.ts'
import { UsageError } from './usage.ts'

/** The claims that a notebook showed last. */
export function claimsIn(notebook: Notebook): ClaimsReport | undefined {
  const outputs = notebook.cells.flatMap((cell) => (cell.cell_type === 'code' ? cell.outputs : []))
  const bundles = outputs.flatMap((output) => ('data' in output && output.data[CLAIMS_MIME] ? [output.data[CLAIMS_MIME]] : []))
  return bundles.at(-1) as ClaimsReport | undefined
}

/** Makes the folder for the reports before anything runs. @throws UsageError where nothing can be written there. */
export function prepareFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true })
    accessSync(folder, constants.W_OK)
  } catch (error) {
    throw new UsageError(`No report can be written to ${folder}: ${(error as Error).message}. Name another folder with --out.`, { cause: error })
  }
}

/**
 * Writes a run's page, its executed notebook and its claims as FOLDER/NAME.*, each beside its place and renamed.
 * @param source the notebook's own folder, where its pictures lie.
 * @returns the paths, the page first.
 */
export async function writeReports(notebook: Notebook, name: string, folder: string, source: string): Promise<string[]> {
  const claims = claimsIn(notebook)
  const reports: [extension: string, content: string][] = [
    ['html', renderNotebook(notebook, { title: name, folder: source, claims })],
    ['ipynb', `${JSON.stringify({ ...notebook, cells: notebook.cells.map(stored) }, null, 1)}\n`],
  ]
  if (claims) reports.push(['claims.json', `${JSON.stringify(claims)}\n`])
  const written = reports.map(async ([extension, content]) => {
    const file = path.join(folder, `${name}.${extension}`)
    await writeWhole(file, content)
    return file
  })
  return Promise.all(written)
}

/** Text in lines, as Jupyter stores it. */
function stored(cell: Cell): Cell {
  const source = inLines(cell.source)
  return cell.cell_type === 'code' ? { ...cell, source, outputs: cell.outputs.map(storedOutput) } : { ...cell, source }
}

function storedOutput(output: Output): Output {
  if (output.output_type === 'stream') return { ...output, text: inLines(output.text) }
  return 'data' in output ? { ...output, data: storedBundle(output.data) } : output
}

function storedBundle(bundle: MimeBundle): MimeBundle {
  const entries = Object.entries(bundle).map(([type, content]) => [type, typeof content === 'string' && /^text\/|\+xml$/.test(type) ? inLines(content) : content])
  return Object.fromEntries(entries)
}

function inLines(text: MultilineText): string[] {
  return textOf(text).match(/[^\n]*\n|[^\n]+$/g) ?? []
}
