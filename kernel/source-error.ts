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
