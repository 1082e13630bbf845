import { parseExpressionAt, type Token } from 'acorn'
import { RUNTIME } from '../rewrite.ts'
import { readEnd } from '../text-end.ts'

/** How a magic stands in a cell: above its body, as a line of its own, or as what is assigned. */
export type Form = 'line' | 'cell' | 'value'

/** The name of the magic that `!command` is. */
export const SHELL = '!'

const CELL_MAGIC = /^(\s*)%%(\w+)([^\S\n]*)(.*)\n?([^]*)$/
/** `%name ...` or `!command`, alone on a line or after `const x =`. */
const LINE_MAGIC = /^(\s*)((?:(?:const|let|var)\s+)?[\p{ID_Start}$_][\p{ID_Continue}$]*\s*(?::[^=]+)?=\s*)?(?:%(\w+)(?![^\s?])|!(?!=))(\s*)(.*)$/u

/** Whether a cell begins with a cell magic, so that its body need not be TypeScript. */
export function isCellMagic(source: string): boolean {
  return CELL_MAGIC.test(source)
}

/** Tells the names that mean something to a cell: `!ready` may be a command or an expression. */
type IsDeclared = (name: string) => boolean

/** Turns the magics of a cell into calls of the runtime. Every line stays on its line. */
export function expandMagics(source: string, isDeclared?: IsDeclared): string {
  const cell = CELL_MAGIC.exec(source)
  if (cell !== null) {
    const [, space, name, gap, argument, body] = cell
    const above = space.split('\n')
    return call('cell', name, [argument, body], above.length, above.at(-1)!.length + 2 + name.length + gap.length)
  }
  return withMagicLines(source, isDeclared, ({ before, name, argument, isAssigned }, line, number) =>
    before + call(isAssigned ? 'value' : 'line', name, [argument], number, line.length - argument.length),
  )
}

/** A magic on a line. */
export interface MagicLine {
  /** The indent, and `const x =` where the magic's value is assigned. */
  before: string
  isAssigned: boolean
  name: string
  argument: string
}

/** Puts other text in the place of each line that holds a magic. Lines count from 1. */
export function withMagicLines(source: string, isDeclared: IsDeclared = () => false, replace: (magic: MagicLine, line: string, number: number) => string): string {
  if (!/^(.*=)?\s*[%!]/m.test(source)) return source
  const lines = source.split('\n')
  const plain: string[] = []
  for (const [index, line] of lines.entries()) {
    const magic = magicOn(line, plain, isDeclared)
    if (magic !== undefined) lines[index] = replace(magic, line, index + 1)
    plain.push(magic === undefined ? line : `${magic.before}0;`)
  }
  return lines.join('\n')
}

function magicOn(line: string, above: string[], isDeclared: IsDeclared): MagicLine | undefined {
  const match = LINE_MAGIC.exec(line)
  if (match === null) return undefined
  const [, indent, assignment = '', name, , argument] = match
  const { isStatementStart, names } = contextAfter(above.join('\n'))
  const isTypeScript = name === undefined && isExpression(argument, (word) => names.has(word) || isDeclared(word))
  if (!isStatementStart || isTypeScript) return undefined
  return { before: indent + assignment, isAssigned: assignment !== '', name: name ?? SHELL, argument }
}

/** A command is given values of the variables around it, which only code in their midst can reach. */
function call(form: Form, name: string, texts: string[], line: number, column: number): string {
  const scope = name === SHELL ? ', (name) => eval(name)' : ''
  return `await ${RUNTIME}.magic(${[form, name, texts, line, column].map((part) => JSON.stringify(part)).join(', ')}${scope});`
}

/** Words that begin an expression after `!`. */
const EXPRESSION_WORDS = new Set(['await', 'async', 'function', 'class', 'new', 'this', 'super', 'typeof', 'void', 'import', 'true', 'false', 'null', 'undefined'])
/** What may follow a name in an expression; another word makes it a command. */
const AFTER_NAME = /^\s*([.([?;),&|<>+*=]|-\s|$|instanceof\b|in\b|as\b|satisfies\b)/

/** Whether what stands after `!` is negated TypeScript rather than a command. */
function isExpression(text: string, isKnown: (word: string) => boolean): boolean {
  const word = /^[\p{ID_Start}$_][\p{ID_Continue}$]*/u.exec(text)?.[0]
  if (word === undefined) return /^[[({!"'`\d]/.test(text) || isRegularExpression(text)
  if (EXPRESSION_WORDS.has(word)) return true
  return isKnown(word) && AFTER_NAME.test(text.slice(word.length))
}

/** `/usr/bin/env` reads as a regular expression with flags that there are not. */
function isRegularExpression(text: string): boolean {
  if (!text.startsWith('/')) return false
  try {
    parseExpressionAt(text, 0, { ecmaVersion: 'latest' })
    return true
  } catch {
    return false
  }
}

interface Context {
  /** Whether a statement may begin after the text. */
  isStatementStart: boolean
  /** Every name in the text. */
  names: Set<string>
}

/** The names above a line, and whether a statement may begin on it. */
function contextAfter(above: string): Context {
  const { last, names, open, inside, isRead } = readEnd(`${above}\n`)
  const isInBlock = open.length === 0 || open.at(-1)!.type.label === '{'
  const isBetweenStatements = !isRead || (isInBlock && (last === undefined || !continues(last)))
  return { isStatementStart: inside === undefined && isBetweenStatements, names }
}

const CONTINUING = new Set(['(', '[', ',', '?', '=>', '.', '?.', '...', '${', 'new', 'typeof', 'throw'])

/** Whether an expression goes on after the token that ends a line. `x++`, `x!` and `Array<number>` are whole. */
function continues({ type, value }: Token & { value?: unknown }): boolean {
  const { label, binop, isAssign, prefix, postfix } = type as Token['type'] & { binop: number | null; isAssign?: boolean; prefix?: boolean; postfix?: boolean }
  if (postfix === true || value === '!' || value === '>') return false
  return binop !== null || isAssign === true || prefix === true || CONTINUING.has(label)
}
