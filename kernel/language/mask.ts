import { isInsideLiteral, magics } from '../magics/index.ts'

const CELL_MAGIC = /^\s*%%(\w+).*(?:\n|$)/
const LINE_MAGIC = /^(\s*)(?:%(\w+)|[!?])/
const HELP = /^\s*[%\w$.]+\?{1,2}\s*$/
const CAPTURE = /^([^'"`]*?=\s*)[!%][^=].*$/
const ANY = 'undefined as any'

/** Blanks what is no TypeScript in a cell: magics, commands and questions. Every line, and all TypeScript, stays in its place. */
export function maskMagics(source: string): string {
  const cell = CELL_MAGIC.exec(source)
  if (cell !== null) return isCode(cell[1]) ? blank(cell[0]) + source.slice(cell[0].length) : blank(source)
  if (!/^.*[!%?]/m.test(source)) return source
  const lines = source.split('\n')
  for (const [index, line] of lines.entries()) {
    const masked = maskLine(line)
    if (masked !== line && !isInsideLiteral(lines.slice(0, index).join('\n'))) lines[index] = masked
  }
  return lines.join('\n')
}

/** Whether a line holds a magic, a command or a question. */
export function isMagicLine(line: string): boolean {
  return maskLine(line) !== line
}

function maskLine(line: string): string {
  if (HELP.test(line)) return blank(line)
  const magic = LINE_MAGIC.exec(line)
  if (magic !== null) return isCode(magic[2]) ? blank(magic[0]) + line.slice(magic[0].length) : blank(line)
  return line.replace(CAPTURE, (_, target: string) => target + ANY)
}

/** Whether what stands behind a magic's name is TypeScript. */
function isCode(name: string | undefined): boolean {
  return name !== undefined && magics.get(name)?.isCode === true
}

function blank(text: string): string {
  return text.replace(/[^\n]/g, ' ')
}
