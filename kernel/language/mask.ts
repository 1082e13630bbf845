import { SHELL, withMagicLines, type MagicLine } from '../magics/expand.ts'
import { magics } from '../magics/index.ts'
import { withoutScheme } from '../modules/resolution.ts'

const CELL_MAGIC = /^\s*%%(\w+).*(?:\n|$)/
const HELP = /^[^\S\n]*[%\w$.]+\?{1,2}[^\S\n]*$/gm

/**
 * Blanks what is no TypeScript in a cell: magics, commands and questions. Every line, and all TypeScript, stays in its place.
 * `isDeclared` tells the names of earlier cells.
 */
export function maskMagics(source: string, isDeclared?: (name: string) => boolean): string {
  const cell = CELL_MAGIC.exec(source)
  if (cell !== null) return isCode(cell[1]) ? blank(cell[0]) + maskMagics(source.slice(cell[0].length), isDeclared) : blank(source)
  return withMagicLines(source.replace(HELP, blank), isDeclared, maskLine)
}

function maskLine({ before, isAssigned, name, argument }: MagicLine, line: string): string {
  if (isCode(name)) return before + blank(line.slice(before.length, line.length - argument.length)) + argument
  return isAssigned ? `${before}undefined as any${name === SHELL ? ' as CommandLines' : ''}` : blank(line)
}

/** Whether what stands behind a magic's name is TypeScript. */
function isCode(name: string): boolean {
  return magics.get(name)?.isCode === true
}

const SCHEME_IMPORT = /(\bfrom\s*|\bimport\s*\(?\s*)(['"])((?:npm|jsr):[^'"\n]+)\2/g

/** Writes the package that an `npm:` or `jsr:` import means, which TypeScript does not know; what follows stays in its place. */
export function maskSchemes(source: string): string {
  return source.replace(SCHEME_IMPORT, (whole, before: string, quote: string, specifier: string) => (before + quote + withoutScheme(specifier) + quote).padEnd(whole.length))
}

function blank(text: string): string {
  return text.replace(/[^\n]/g, ' ')
}
