import { kernelInfo } from '../../kernel/kernel-info.ts'

export interface Output {
  readonly output_type: string
  readonly name?: string
  readonly text?: string | string[]
  readonly data?: Readonly<Record<string, string | string[]>>
  readonly ename?: string
  readonly evalue?: string
}

export interface CodeCell {
  readonly execution_count: number | null
  readonly outputs: readonly Output[]
}

/** A notebook file as JupyterLab writes it, with a code cell for each source. https://nbformat.readthedocs.io/en/stable/format_description.html */
export function notebook(sources: readonly string[]): string {
  const cells = sources.map((source, i) => ({ cell_type: 'code', id: `cell-${i + 1}`, metadata: {}, source, execution_count: null, outputs: [] }))
  const kernelspec = { name: 'hone', display_name: 'TypeScript (hone)', language: 'typescript' }
  const metadata = { kernelspec, language_info: kernelInfo.language_info }
  return JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata, cells })
}

export function cellsOf(file: string): CodeCell[] {
  return (JSON.parse(file) as { cells: CodeCell[] }).cells
}
