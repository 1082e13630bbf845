import { transformSync } from 'amaro'

/** TypeScript or JavaScript source that cannot be run. Line from 1, column from 0, both in the text that the person typed. */
export class SourceError extends SyntaxError {
  readonly line: number
  readonly column: number
  /** Whether more input might make the source right. */
  readonly incomplete: boolean

  constructor(message: string, line: number, column: number, incomplete = false) {
    super(message)
    this.name = 'SyntaxError'
    this.line = line
    this.column = column
    this.incomplete = incomplete
  }
}

export interface JavaScript {
  code: string
  /** Source map as JSON; absent when every position is where it was. */
  map?: string
}

interface AmaroError {
  code: 'UnsupportedSyntax' | 'InvalidSyntax'
  message: string
  startLine: number
  startColumn: number
  endLine: number
  endColumn: number
}

/**
 * Removes the types from TypeScript. Types are blanked in place; enums, namespaces and parameter properties, which need
 * code, are compiled with a source map. Throws a SourceError.
 */
export function toJavaScript(source: string): JavaScript {
  try {
    return { code: transformSync(source, { mode: 'strip-only' }).code }
  } catch (error) {
    if ((error as AmaroError).code !== 'UnsupportedSyntax') throw sourceError(error as AmaroError, source)
  }
  try {
    return transformSync(source, { mode: 'transform', sourceMap: true })
  } catch (error) {
    throw sourceError(error as AmaroError, source)
  }
}

function sourceError(error: AmaroError, source: string): Error {
  const { startLine, startColumn, endLine, endColumn } = error
  if (startLine === undefined) return error as unknown as Error
  const line = source.split('\n')[startLine - 1] ?? ''
  const message = /<\/|\/>/.test(line) ? 'JSX cannot be used in a cell.' : error.message
  const atEnd = startLine === endLine && startColumn === endColumn
  return new SourceError(message, startLine, startColumn, atEnd || /^Unterminated (template|block comment)/.test(error.message))
}
