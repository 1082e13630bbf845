import { LEAST_UPPER_BOUND, originalPositionFor, TraceMap } from '@jridgewell/trace-mapping'
import { NO_NAMES, type SessionNames } from './names.ts'
import { positionOf, rewrite, type Rewritten } from './rewrite.ts'
import { SourceError } from './source-error.ts'
import { toJavaScript, type JavaScript } from './typescript.ts'

/** A place in a text. Line from 1, column from 0. */
export interface Position {
  line: number
  column: number
}

/** A cell as a script that V8 can run (rewrite.ts). What it declares is to be declared before. */
export interface Script extends Omit<Rewritten, 'text'> {
  code: string
  /** The place in the text that the person typed of a place in `code`. */
  locate(position: Position): Position | undefined
}

/** Compiles a cell's TypeScript. Throws a SourceError with the place in the source. */
export function compile(source: string, session: SessionNames = NO_NAMES): Script {
  const javascript = toJavaScript(source)
  const { text, ...rest } = placed(javascript, () => rewrite(javascript.code, source, session))
  let map: TraceMap | undefined
  return {
    code: text.toString(),
    ...rest,
    locate(position) {
      map ??= new TraceMap({ ...text.generateDecodedMap({ hires: true, source: 'cell' }), version: 3 })
      const inJavaScript = lookUp(map, position)
      if (inJavaScript === undefined) return undefined
      const offset = offsetOf(javascript.code, inJavaScript)
      const value = rest.values.find(({ from, to }) => from <= offset && offset < to)
      return locateIn(javascript, value === undefined ? inJavaScript : positionOf(javascript.code, value.start))
    },
  }
}

function offsetOf(text: string, { line, column }: Position): number {
  let start = 0
  for (let before = 1; before < line; before++) start = text.indexOf('\n', start) + 1
  return start + column
}

/** Works on JavaScript; a SourceError that this throws gets its place in the TypeScript source. */
export function placed<T>(javascript: JavaScript, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof SourceError)) throw error
    const { line, column } = locateIn(javascript, error) ?? error
    throw new SourceError(error.message, line, column, error.incomplete)
  }
}

/** The place in the TypeScript source of a place in the JavaScript made from it. */
export function locateIn({ map }: JavaScript, position: Position): Position | undefined {
  return map === undefined ? position : lookUp(new TraceMap(map), position)
}

/** A place in text that the kernel put in is that of the text after it. */
function lookUp(map: TraceMap, position: Position): Position | undefined {
  const exact = originalPositionFor(map, position)
  const { line, column } = exact.line === null ? originalPositionFor(map, { ...position, bias: LEAST_UPPER_BOUND }) : exact
  return line === null ? undefined : { line, column }
}
