import type { MimeBundle } from '../display.ts'
import { escapeHtml } from '../display/html.ts'
import type { Diagnostic } from './protocol.ts'

/** How many errors are shown with their lines. */
const SHOWN = 10

/** An error with the line that it stands in. */
interface Finding {
  place: string
  line: string
  column: number
  length: number
  text: string
}

/** Type errors as something to display: no stream, for some graders count any text on stderr as a failure. */
export function showErrors(errors: Diagnostic[], source: string, label: string): MimeBundle {
  const findings = errors.slice(0, SHOWN).map((error) => findingOf(error, source, label))
  const rest = errors.length > SHOWN ? `and ${errors.length - SHOWN} more` : ''
  return { 'text/plain': [...findings.map(plain), rest].filter(Boolean).join('\n'), 'text/html': html(findings, rest) }
}

/** The errors as one text, for a traceback. */
export function listErrors(errors: Diagnostic[], source: string, label: string): string[] {
  return errors.map((error) => plain(findingOf(error, source, label)))
}

function findingOf({ range: { start, end }, code, message }: Diagnostic, source: string, label: string): Finding {
  const line = source.split('\n')[start.line] ?? ''
  const last = end.line === start.line ? end.character : line.length
  const place = `${label}:${start.line + 1}:${start.character + 1}`
  return { place, line, column: start.character, length: Math.max(1, last - start.character), text: `${message} (TS${code})` }
}

function plain({ place, line, column, length, text }: Finding): string {
  return `${place} ${text}\n    ${line}\n    ${' '.repeat(column)}${'~'.repeat(length)}`
}

function html(findings: Finding[], rest: string): string {
  const rows = findings.map(({ place, line, column, length, text }) => {
    const marked = `<u style="text-decoration: underline wavy #c62828">${escapeHtml(line.slice(column, column + length) || ' ')}</u>`
    const code = `${escapeHtml(line.slice(0, column))}${marked}${escapeHtml(line.slice(column + length))}`
    return `<div><span style="opacity: .6">${escapeHtml(place)}</span> ${escapeHtml(text)}</div><pre style="margin: 0 0 4px 1em">${code}</pre>`
  })
  const style = 'border-left: 3px solid #f9a825; padding: 2px 8px; font-size: 90%'
  return `<div style="${style}">${rows.join('')}${rest && `<div>${rest}</div>`}</div>`
}
