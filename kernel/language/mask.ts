import { SHELL, withMagicLines, type MagicLine } from '../magics/expand.ts'
import { findMagic } from '../magics/index.ts'
import { withoutScheme } from '../modules/resolution.ts'

/** The first line of a cell magic; its head is the name with its options. */
const CELL_MAGIC = /^(\s*%%(\w+)(?:[^\S\n]+-[a-z]\s*\d+)*).*(?:\n|$)/
const HELP = /^[^\S\n]*[%\w$.]+\?{1,2}[^\S\n]*$/gm

/**
 * Blanks what is no TypeScript in a cell: magics, commands and questions. Every line, and all TypeScript, stays in its place.
 * `isDeclared` tells the names of earlier cells.
 */
export function maskMagics(source: string, isDeclared?: (name: string) => boolean): string {
  const cell = CELL_MAGIC.exec(source)
  if (cell !== null) {
    const [line, head, name] = cell
    const { typescript } = findMagic(name) ?? {}
    if (typescript === undefined) return blank(source)
    const first = typescript === 'all' ? blank(head) + line.slice(head.length) : blank(line)
    return first + maskMagics(source.slice(line.length), isDeclared)
  }
  return withMagicLines(source.replace(HELP, blank), isDeclared, maskLine)
}

function maskLine({ before, isAssigned, name, argument }: MagicLine, line: string): string {
  if (findMagic(name)?.typescript === 'all') return before + blank(line.slice(before.length, line.length - argument.length)) + argument
  return isAssigned ? `${before}undefined as any${name === SHELL ? ' as CommandLines' : ''}` : blank(line)
}

const SCHEME_IMPORT = /(\bfrom\s*|\bimport\s*\(?\s*)(['"])((?:npm|jsr):[^'"\n]+)\2/g

/** Writes the package that an `npm:` or `jsr:` import means, which TypeScript does not know; what follows stays in its place. */
export function maskSchemes(source: string): string {
  return source.replace(SCHEME_IMPORT, (whole, before: string, quote: string, specifier: string) => (before + quote + withoutScheme(specifier) + quote).padEnd(whole.length))
}

function blank(text: string): string {
  return text.replace(/[^\n]/g, ' ')
}
