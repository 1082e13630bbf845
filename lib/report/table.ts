import { styleText } from 'node:util'
import { table, type Column } from '../table.ts'
import type { ClaimRecord } from './claim.ts'
import type { Claim, Metric, StudyDefinition } from './definition.ts'
import { escaped } from './escape.ts'
import type { Quantity } from './quantity.ts'
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

/** A figure for a reader: the effect, and the figures that it compares (none where it stands alone). */
interface Figure {
  readonly effect: string
  readonly compared: readonly string[]
  /** What stands between them. */
  readonly between: ' → ' | ', '
}

type Cells = ReturnType<typeof formatted> & { id: string; metric: string; verdict: Verdict }

const inLine = ({ effect, compared, between }: Figure) => (compared.length ? `${effect} (${compared.join(between)})` : effect)
const COLUMNS: readonly Column<Cells>[] = [
  { heading: 'claim', cell: ({ id }) => id },
  { heading: 'metric', align: 'left', cell: ({ metric }) => metric },
  { heading: 'document', align: 'left', cell: (row) => inLine(row.document) },
  { heading: 'measured', align: 'left', cell: (row) => inLine(row.measured) },
  { heading: '95 % interval', align: 'left', cell: (row) => row.interval },
  { heading: 'verdict', align: 'left', cell: ({ verdict }) => verdict },
]

const LEFT = ' style="text-align:left;vertical-align:top"'
const FIGURE = ' style="text-align:left;vertical-align:top;white-space:nowrap"'
const CLAIM = ' style="text-align:left;vertical-align:top;min-width:9em"'
const WHY = ' style="text-align:left;vertical-align:top;min-width:11em"'

/** The claims of a report (or some of them) as a table for a notebook, a page or a terminal. */
export class ClaimTable {
  readonly records: readonly ClaimRecord[]
  readonly #report: ClaimsReport

  constructor(report: ClaimsReport, chosen: (record: ClaimRecord) => boolean = () => true) {
    this.#report = report
    this.records = report.claims.filter(chosen)
  }

  /** Plain text; verdicts in colour on request. */
  text({ colour = false } = {}): string {
    const lines = table(this.#cells(), COLUMNS, this.summary())['text/plain'].split('\n')
    if (!colour) return lines.join('\n')
    const first = lines.length - 2 - this.records.length
    return lines.map((line, i) => coloured(line, this.records[i - first]?.verdict)).join('\n')
  }

  /** How many claims got which verdict. */
  summary(): string {
    const counts = VERDICTS.map((verdict) => [this.records.filter((record) => record.verdict === verdict).length, verdict] as const)
    return counts.filter(([count]) => count > 0).map(([count, verdict]) => `${count} ${verdict}`).join(', ')
  }

  html(): string {
    const head = ['claim', 'metric', 'document', 'measured', '95 % interval', 'verdict', 'why'].map((name) => `<th style="text-align:left">${name}</th>`)
    const cells = this.#cells()
    const rows = cells.map((cell, row) => {
      const metrics = cells.filter(({ id }) => id === cell.id).length
      const claim = cells[row - 1]?.id === cell.id ? '' : `<td rowspan="${metrics}"${CLAIM}><code>${escaped(cell.id)}</code><br>${quiet(cell.title)}</td>`
      const figures = [stacked(cell.document), stacked(cell.measured)].map((html) => `<td${FIGURE}>${html}</td>`)
      const judged = [cell.interval, pill(cell.verdict)].map((html) => `<td${LEFT}>${html}</td>`)
      return `<tr>${claim}<td${LEFT}>${cell.metric}</td>${figures.join('')}${judged.join('')}<td${WHY}>${escaped(cell.reason)}</td></tr>`
    })
    return `<p><strong>${this.summary()}</strong></p><table><thead><tr>${head.join('')}</tr></thead><tbody>${rows.join('')}</tbody></table>`
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
    const definition = (studies as Record<string, StudyDefinition>)[this.#report.environment.study]
    return this.records.map((record) => {
      const claim: Claim | undefined = definition?.claims[record.id]
      return { ...record, ...formatted(record, claim?.metrics[record.metric]), title: claim?.title ?? '' }
    })
  }
}

/** A line with its verdict, which stands at the end, in colour. */
function coloured(line: string, verdict: Verdict | undefined): string {
  return verdict ? line.slice(0, -verdict.length) + styleText(COLOURS[verdict].terminal, verdict) : line
}

function pill(verdict: Verdict): string {
  const { html } = COLOURS[verdict]
  return `<span style="padding:1px 8px;border-radius:99px;white-space:nowrap;color:#fff;background-color:${html}">${verdict}</span>`
}

/** The compared ones below; many break their line. */
function stacked({ effect, compared, between }: Figure): string {
  if (!compared.length) return effect
  const wide = compared.map((text) => `<span style="white-space:nowrap">${quiet(text)}</span>`).join(quiet(between))
  return `${effect}<br><span style="display:inline-block;${compared.length > 2 ? 'white-space:normal;max-width:12em' : ''}">${wide}</span>`
}

function quiet(text: string): string {
  return `<span style="opacity:.7;font-size:.92em">${escaped(text)}</span>`
}

function formatted(record: ClaimRecord, metric: Metric | undefined) {
  if (!metric) return { document: plain(record.document), measured: plain(record.measured ?? ''), interval: record.interval?.join(' to ') ?? '' }
  const { quantity, rule, reported = [] } = metric
  const { format } = quantity.scale
  const document = rule.kind === 'threshold' ? plain(`${rule.side} ${format(rule.threshold)}`) : figure(format(record.document), reported, quantity)
  const measured = record.measured === null ? plain('') : figure(format(record.measured), record.samples.map(quantity.figure), quantity)
  return { document, measured, interval: interval(record, quantity) }
}

function interval({ interval: ends }: ClaimRecord, { random, scale }: Quantity): string {
  if (!ends) return ''
  if (!random) return 'exact'
  const [low, high] = ends.map(scale.format)
  if (low === high) return low
  const unit = /[^\d.]*$/.exec(high)![0]
  return `${low.endsWith(unit) ? low.slice(0, low.length - unit.length) : low} to ${high}`
}

function figure(effect: string, figures: readonly number[], { figureScale, settings }: Quantity): Figure {
  if (settings && figures.length === settings.length)
    return { effect, compared: figures.flatMap((seconds, i) => (Number.isFinite(seconds) ? `${settings[i]}: ${figureScale.format(seconds)}` : [])), between: ', ' }
  return { effect, compared: figures.length < 2 ? [] : figures.map(figureScale.format), between: ' → ' }
}

function plain(effect: string | number): Figure {
  return { effect: String(effect), compared: [], between: ' → ' }
}
