import { environmentRows } from './environment.ts'
import { escaped } from './escape.ts'
import { cellName, textOf, type CodeCell, type Notebook, type TextCell } from './notebook.ts'
import { highlighted } from './render/highlight.ts'
import { Markdown, type Heading } from './render/markdown.ts'
import { renderedOutput } from './render/output.ts'
import { formulaStyle, PAGE_STYLE } from './render/style.ts'
import type { ClaimsReport } from './study.ts'
import { ClaimTable } from './table.ts'

export interface RenderOptions {
  /** Shown in the tab where the notebook has no heading of its own. */
  readonly title: string
  /** Where the notebook's pictures lie. */
  readonly folder?: string
  /** Set at the top, after the notebook's introduction. */
  readonly claims?: ClaimsReport
}

/** An executed notebook as one HTML page that needs no network and runs no scripts. */
export function renderNotebook(notebook: Notebook, { title, folder, claims }: RenderOptions): string {
  const markdown = new Markdown([SUMMARY, ...numbered(notebook).map(({ number }) => cellId(number))])
  const cells = numbered(notebook).map(({ cell, number }) => (cell.cell_type === 'code' ? code(cell, number, markdown) : text(cell, markdown, folder)))
  const introduction = notebook.cells[0]?.cell_type === 'markdown' ? cells.splice(0, 1) : []
  const heading = markdown.headings.find(({ level }) => level === 1)?.text ?? title
  const body = [...introduction, failure(notebook), claims ? summary(claims) : '', ...cells].filter(Boolean).join('\n')
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:">
<title>${escaped(heading)}</title>
<style>${PAGE_STYLE}${body.includes('class="katex') ? formulaStyle() : ''}</style>
</head>
<body>
<div class="page">
${contents(markdown.headings)}
<main>
${body}
</main>
</div>
</body>
</html>
`
}

/** Ids of the page's own elements. */
const SUMMARY = 'claims'
const cellId = (number: number) => `cell-${number}`

/** Code cells are numbered from 1, as they ran. */
function numbered({ cells }: Notebook) {
  let number = 0
  return cells.map((cell) => ({ cell, number: cell.cell_type === 'code' ? ++number : 0 }))
}

function text(cell: TextCell, markdown: Markdown, folder: string | undefined): string {
  if (cell.cell_type === 'raw') return ''
  return `<section>${markdown.render(textOf(cell.source), { attachments: cell.attachments, folder })}</section>`
}

function code(cell: CodeCell, number: number, markdown: Markdown): string {
  const outputs = cell.outputs.map((output) => renderedOutput(output, markdown))
  return `<section class="cell" id="${cellId(number)}"><span class="count">${cell.execution_count ?? ''}</span>
${highlighted(textOf(cell.source), 'typescript')}
<div class="outputs">${outputs.join('\n')}</div></section>`
}

function failure(notebook: Notebook): string {
  for (const { cell, number } of numbered(notebook)) {
    const error = cell.cell_type === 'code' && cell.outputs.find((output) => output.output_type === 'error')
    if (error) {
      const name = escaped(cellName(number, textOf(cell.source)))
      return `<p class="failure">The run stopped at <a href="#${cellId(number)}">${name}</a>: ${escaped(`${error.ename}: ${error.evalue}`)}</p>`
    }
  }
  return ''
}

function summary(claims: ClaimsReport): string {
  const rows = environmentRows(claims.environment).map(([name, value]) => `<dt>${name}</dt><dd>${escaped(value)}</dd>`)
  return `<section class="summary"><h2 id="${SUMMARY}">Claims</h2>${new ClaimTable(claims).html()}
<details><summary>How this was measured</summary><dl>${rows.join('')}</dl></details></section>`
}

function contents(headings: readonly Heading[]): string {
  const entries = headings.filter(({ level }) => level === 2 || level === 3)
  if (entries.length < 2) return ''
  const items = entries.map(({ level, id, text: title }) => `<li class="level-${level}"><a href="#${encodeURIComponent(id)}">${escaped(title)}</a></li>`)
  return `<nav class="contents"><details open><summary>Contents</summary><ol>${items.join('')}</ol></details></nav>`
}
