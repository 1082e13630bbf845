import { tokenizer } from 'acorn'
import { RUNTIME } from '../rewrite.ts'
import { lsmagic } from './lsmagic.ts'
import type { Magic, MagicContext } from './magic.ts'
import { time, timeit } from './time.ts'

export const magics = new Map<string, Magic>([lsmagic, time, timeit].map((magic) => [magic.name, magic]))

const CELL_MAGIC = /^\s*%%(\w+)[^\S\n]*(.*)\n?([^]*)$/
const LINE_MAGIC = /^(\s*)%(\w+)[^\S\n]*(.*)$/

/** Whether a cell begins with a cell magic, so that its body need not be TypeScript. */
export function isCellMagic(source: string): boolean {
  return CELL_MAGIC.test(source)
}

/** Turns the magics of a cell into calls of the runtime. Every line stays on its line. */
export function expandMagics(source: string): string {
  const cell = CELL_MAGIC.exec(source)
  if (cell !== null) {
    const [, name, argument, body] = cell
    const line = source.slice(0, source.indexOf('%%')).split('\n').length
    return `${call('cell', name, [argument, body], line, source.indexOf(argument, source.indexOf('%%') + 2 + name.length))}`
  }
  if (!/^\s*%\w/m.test(source)) return source
  const lines = source.split('\n')
  for (const [index, line] of lines.entries()) {
    const match = LINE_MAGIC.exec(line)
    if (match === null || isInsideLiteral(lines.slice(0, index).join('\n'))) continue
    const [, indent, name, argument] = match
    lines[index] = indent + call('line', name, [argument], index + 1, line.length - argument.length)
  }
  return lines.join('\n')
}

function call(form: 'line' | 'cell', name: string, texts: string[], line: number, column: number): string {
  return `await ${RUNTIME}.magic(${[form, name, texts, line, column].map((part) => JSON.stringify(part)).join(', ')})`
}

/** Whether a text ends inside a template literal or a comment. */
function isInsideLiteral(text: string): boolean {
  try {
    for (const _ of tokenizer(`${text}\n`, { ecmaVersion: 'latest' }));
    return false
  } catch (error) {
    return /Unterminated (template|comment)/.test((error as Error).message)
  }
}

/** Runs a magic. Throws an Error that names near magics when there is none of that name. */
export function runMagic(form: 'line' | 'cell', name: string, texts: string[], session: Omit<MagicContext, 'magics'>): unknown {
  const magic = magics.get(name)
  const sign = form === 'cell' ? '%%' : '%'
  if (magic === undefined) {
    const near = [...magics.keys()].filter((known) => distance(known, name) <= 2).map((known) => sign + known)
    throw new Error(`${sign}${name} is not a magic. ${near.length > 0 ? `Did you mean ${near.join(' or ')}?` : '%lsmagic lists them.'}`)
  }
  const [argument, body = ''] = texts
  const context = { ...session, magics: magics.values() }
  if (form === 'cell' && magic.cell !== undefined) return magic.cell(argument, body, context)
  if (form === 'line' && magic.line !== undefined) return magic.line(argument, context)
  throw new Error(`${sign}${name} is not a magic, but ${form === 'cell' ? '%' : '%%'}${name} is.`)
}

/** Levenshtein's edit distance. */
function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      current[j] = Math.min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    previous = current
  }
  return previous[b.length]
}
