import { compile, type Script } from '../cell.ts'
import { expandMagics, isCellMagic } from '../magics/expand.ts'
import { SourceError } from '../source-error.ts'
import { readEnd } from '../text-end.ts'
import { takeQuestions } from './questions.ts'

type Completeness = { status: 'complete' | 'invalid' } | { status: 'incomplete'; indent: string }

const UNIT = '  '

/** Whether a console should run the source or let the person type on. */
export function isComplete(source: string): Completeness {
  if (isCellMagic(source)) return /\n\s*$/.test(source) || !source.includes('\n') ? { status: 'complete' } : { status: 'incomplete', indent: '' }
  try {
    const text = `${expandMagics(takeQuestions(source).rest)}\n`
    return needsBody(text, compile(text)) ? { status: 'incomplete', indent: nextIndent(source) } : { status: 'complete' }
  } catch (error) {
    if (!(error instanceof SourceError)) throw error
    return error.incomplete ? { status: 'incomplete', indent: nextIndent(source) } : { status: 'invalid' }
  }
}

/** TypeScript takes a function without a body for one of several signatures, whose body comes last. */
function needsBody(text: string, { names }: Script): boolean {
  return /\bfunction\b/.test(text) && compile(`${text}{}`).names.size > names.size
}

/** The indent of the next line: deeper below a line that opens a bracket or is not done, else that of the last line. */
function nextIndent(source: string): string {
  const text = source.trimEnd()
  const { open, inside } = readEnd(text)
  if (inside !== undefined) return ''
  const lineStart = text.lastIndexOf('\n') + 1
  const indent = /^\s*/.exec(text.slice(lineStart))![0]
  return open.length === 0 || open.at(-1)!.start >= lineStart ? indent + UNIT : indent
}
