import type { Position } from './cell.ts'

/** Source text under the name that stack lines call it by. */
export interface Listing {
  label: string
  source: string
}

const SHOWN_LINES = 2
/** Characters of a line that are shown. */
const WIDEST = 120
const ZERO_WIDTH = /\p{M}|\u200d/u
const DOUBLE_WIDTH = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u

export const red = (text: string) => `\u001b[31m${text}\u001b[39m`
export const dim = (text: string) => `\u001b[2m${text}\u001b[22m`

/** The lines round a place, with a caret under it. */
export function excerpt({ label, source }: Listing, { line, column }: Position): string[] {
  const lines = source.split(/\r?\n/)
  const first = Math.max(1, line - SHOWN_LINES)
  const last = Math.min(lines.length, line + SHOWN_LINES)
  const width = String(last).length
  const shown = ['', `${label}, line ${line}`]
  for (let number = first; number <= last; number++) {
    const gutter = String(number).padStart(width)
    const { text, before } = windowed(lines[number - 1]!, number === line ? column : 0)
    shown.push(number === line ? `${red('>')} ${gutter} | ${text}` : dim(`  ${gutter} | ${text}`))
    if (number === line) shown.push(`  ${' '.repeat(width)} | ${blankOf(before)}${red('^')}`)
  }
  return shown
}

/** The part of a long line that is round a column, and what of it stands before the column. */
function windowed(line: string, column: number): { text: string; before: string } {
  const start = line.length <= WIDEST ? 0 : Math.max(0, column - WIDEST / 2)
  const lead = start > 0 ? '…' : ''
  const tail = start + WIDEST < line.length ? '…' : ''
  return { text: `${lead}${line.slice(start, start + WIDEST)}${tail}`, before: `${lead}${line.slice(start, column)}` }
}

/** White space as wide as a text. */
function blankOf(text: string): string {
  return Array.from(text, (character) => (character === '\t' ? '\t' : ZERO_WIDTH.test(character) ? '' : DOUBLE_WIDTH.test(character) ? '  ' : ' ')).join('')
}
