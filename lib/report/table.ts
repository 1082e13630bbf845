import { styleText } from 'node:util'
import type { ClaimRecord } from './claim.ts'
import type { StudyDefinition } from './definition.ts'
import type { Quantity } from './quantity.ts'
import type { Scale } from './scale.ts'
import { studies } from './studies/index.ts'
import type { ClaimsReport } from './study.ts'
import { VERDICTS, type Verdict } from './verdict.ts'

/** How the claims of an executed notebook are found again. */
export const CLAIMS_MIME = 'application/vnd.hone.claims+json'

const COLOURS = {
  reproduced: { terminal: 'green', html: '#1a7f37' },
  'same direction': { terminal: 'cyan', html: '#0a6c8f' },
  undecided: { terminal: 'yellow', html: '#8a6100' },
  contradicted: { terminal: 'red', html: '#c4262e' },
  'not tested here': { terminal: 'gray', html: '#6e7781' },
  'not judged': { terminal: 'gray', html: '#6e7781' },
} as const satisfies Record<Verdict, { terminal: Parameters<typeof styleText>[0]; html: string }>

/** The claims of a report (or some of them) as a table for a notebook, a page or a terminal. */
export class ClaimTable {
  readonly records: readonly ClaimRecord[]
  readonly #report: ClaimsReport

  constructor(report: ClaimsReport, chosen: (record: ClaimRecord) => boolean = () => true) {
    this.#report = report
    this.records = report.claims.filter(chosen)
  }

  /** Plain text; verdicts in colour where the terminal shows it. */
  text({ colour = false } = {}): string {
    const rows = this.#cells().map(({ id, metric, document, measured, interval, verdict }) => [id, metric, document, measured, interval, verdict])
    const lines = aligned([['claim', 'metric', 'document', 'measured', '95 % interval', 'verdict'], ...rows])
    if (!colour) return [...lines, this.summary()].join('\n')
    const [head, ...body] = lines
    const coloured = body.map((line, row) => line.replace(/\S+( \S+)*$/, (verdict) => styleText(COLOURS[this.records[row].verdict].terminal, verdict)))
    return [styleText('bold', head), ...coloured, this.summary()].join('\n')
  }

  /** How many claims got which verdict. */
  summary(): string {
    const counts = VERDICTS.map((verdict) => [this.records.filter((record) => record.verdict === verdict).length, verdict] as const)
    return counts.filter(([count]) => count > 0).map(([count, verdict]) => `${count} ${verdict}`).join(', ')
  }

  html(): string {
    const head = ['claim', 'metric', 'document', 'measured', '95 % interval', 'verdict', 'reason'].map((name) => `<th style="text-align:left">${name}</th>`)
    const rows = this.#cells().map(
      (cell) =>
        `<tr><td style="text-align:left" title="${escaped(cell.title)}"><code>${escaped(cell.id)}</code></td>` +
        [cell.metric, cell.document, cell.measured, cell.interval].map((text) => `<td style="text-align:left">${escaped(text)}</td>`).join('') +
        `<td style="text-align:left;white-space:nowrap;font-weight:600;color:${COLOURS[cell.verdict].html}">${cell.verdict}</td>` +
        `<td style="text-align:left">${escaped(cell.reason)}</td></tr>`,
    )
    return `<table><thead><tr>${head.join('')}</tr></thead><tbody>${rows.join('')}</tbody></table><p>${this.summary()}</p>`
  }

  /** MIME bundle; it carries the whole report. */
  bundle(): Record<string, unknown> {
    return { 'text/html': this.html(), 'text/plain': this.text(), [CLAIMS_MIME]: this.#report }
  }

  [Symbol.for('Jupyter.display')](): Record<string, unknown> {
    return this.bundle()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.text()
  }

  #cells() {
    const definition: StudyDefinition | undefined = studies[this.#report.environment.study]
    return this.records.map((record) => {
      const claim = definition?.claims[record.id]
      const metric = claim?.metrics[record.metric]
      return { ...record, ...formatted(record, metric?.quantity, metric?.reported), title: claim?.title ?? '' }
    })
  }
}

/** The figures of a record as a reader wants them: a comparison behind the figures that it compares. */
function formatted(record: ClaimRecord, quantity: Quantity | undefined, reported: readonly number[] | undefined) {
  const show = quantity?.scale.format ?? ((value: number) => `${value} ${record.unit}`)
  const figures = record.samples.map((set) => quantity?.figure(set) ?? Number.NaN)
  const [low, high] = record.interval ?? []
  return {
    document: reported ? compared(show(record.document), reported, quantity?.figureScale) : `threshold ${show(record.document)}`,
    measured: record.measured === null ? '' : compared(show(record.measured), figures, quantity?.figureScale),
    interval: low === undefined || high === undefined ? '' : low === high ? 'exact' : `${show(low)} to ${show(high)}`,
  }
}

function compared(effect: string, figures: readonly number[], scale: Scale | undefined): string {
  if (figures.length < 2 || !scale) return effect
  return `${effect} (${figures.map((figure) => scale.format(figure)).join(' → ')})`
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column])).join('  ').trimEnd())
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}
