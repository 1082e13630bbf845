import type { Position } from './protocol.ts'

/** What front ends send to complete or inspect. The cursor counts code points. */
export interface Place {
  code?: unknown
  cursor_pos?: unknown
}

/** The text and the cursor in UTF-16 code units. A cursor that is absent stands at the end. */
export function readPlace({ code, cursor_pos }: Place): { code: string; offset: number } {
  const text = String(code ?? '')
  if (typeof cursor_pos !== 'number') return { code: text, offset: text.length }
  return { code: text, offset: [...text].slice(0, Math.max(0, cursor_pos)).join('').length }
}

/** Number of code points before an offset. */
export function codePoints(text: string, offset: number): number {
  return Array.from(text.slice(0, offset)).length
}

export function positionAt(text: string, offset: number): Position {
  const before = text.slice(0, offset)
  const lineStart = before.lastIndexOf('\n') + 1
  return { line: before.split('\n').length - 1, character: offset - lineStart }
}

/** The offset of a position; one behind the end of a line is at its end. */
export function offsetAt(text: string, { line, character }: Position): number {
  const lines = text.split('\n')
  if (line >= lines.length) return text.length
  const start = lines.slice(0, line).reduce((sum, { length }) => sum + length + 1, 0)
  return start + Math.min(character, lines[line].length)
}
