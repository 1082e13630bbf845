import { compile } from '../cell.ts'
import { expandMagics, isCellMagic } from '../magics/index.ts'
import { SourceError } from '../source-error.ts'

type Completeness = { status: 'complete' | 'invalid' } | { status: 'incomplete'; indent: string }

/** Whether a console should run the source or let the person type on. */
export function isComplete(source: string): Completeness {
  if (isCellMagic(source)) return /\n\s*$/.test(source) || !source.includes('\n') ? { status: 'complete' } : { status: 'incomplete', indent: '' }
  try {
    compile(expandMagics(source))
    return { status: 'complete' }
  } catch (error) {
    if (!(error instanceof SourceError)) throw error
    return error.incomplete ? { status: 'incomplete', indent: indentAfter(source) } : { status: 'invalid' }
  }
}

function indentAfter(source: string): string {
  const line = source.trimEnd().split('\n').at(-1) ?? ''
  const indent = /^\s*/.exec(line)![0]
  return /[([{]$/.test(line) ? `${indent}  ` : indent
}
