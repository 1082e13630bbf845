import { tokenizer } from 'acorn'
import { compile } from '../cell.ts'
import { expandMagics, isCellMagic } from '../magics/expand.ts'
import { SourceError } from '../source-error.ts'
import { takeQuestions } from './questions.ts'

type Completeness = { status: 'complete' | 'invalid' } | { status: 'incomplete'; indent: string }

const UNIT = '  '

/** Whether a console should run the source or let the person type on. */
export function isComplete(source: string): Completeness {
  if (isCellMagic(source)) return /\n\s*$/.test(source) || !source.includes('\n') ? { status: 'complete' } : { status: 'incomplete', indent: '' }
  try {
    compile(expandMagics(takeQuestions(source).rest))
    return { status: 'complete' }
  } catch (error) {
    if (!(error instanceof SourceError)) throw error
    return error.incomplete ? { status: 'incomplete', indent: nextIndent(source) } : { status: 'invalid' }
  }
}

/** The indent of the next line: deeper below a line that opens a bracket or is not done, else that of the last line. */
function nextIndent(source: string): string {
  const text = source.trimEnd()
  const { open, isInsideLiteral } = openBrackets(text)
  if (isInsideLiteral) return ''
  const lineStart = text.lastIndexOf('\n') + 1
  const indent = /^\s*/.exec(text.slice(lineStart))![0]
  return open.length === 0 || open.at(-1)! >= lineStart ? indent + UNIT : indent
}

/** The offsets of the brackets that are not closed. */
function openBrackets(text: string): { open: number[]; isInsideLiteral: boolean } {
  const open: number[] = []
  try {
    for (const { type, start } of tokenizer(text, { ecmaVersion: 'latest' })) {
      if (['{', '(', '[', '${'].includes(type.label)) open.push(start)
      else if (['}', ')', ']'].includes(type.label)) open.pop()
    }
    return { open, isInsideLiteral: false }
  } catch (error) {
    return { open, isInsideLiteral: /^Unterminated (template|comment)/.test((error as Error).message) }
  }
}
