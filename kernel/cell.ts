import type MagicString from 'magic-string'
import { LEAST_UPPER_BOUND, originalPositionFor, TraceMap } from '@jridgewell/trace-mapping'
import { rewrite } from './rewrite.ts'
import { SourceError, toJavaScript, type JavaScript } from './typescript.ts'

/** A place in a text. Line from 1, column from 0. */
export interface Position {
  line: number
  column: number
}

/** A cell that V8 can evaluate. */
export interface Script {
  code: string
  /** The place in the text that the person typed of a place in `code`. */
  locate(position: Position): Position | undefined
}

/** Compiles a cell's TypeScript for V8's REPL mode. Throws a SourceError with the place in the source. */
export function compile(source: string): Script {
  const javascript = toJavaScript(source)
  const rewritten = rewriteMapped(javascript)
  let map: TraceMap | undefined
  return {
    code: rewritten.toString(),
    locate(position) {
      map ??= new TraceMap({ ...rewritten.generateDecodedMap({ hires: true, source: 'cell' }), version: 3 })
      const inJavaScript = lookUp(map, position)
      return inJavaScript && locateIn(javascript, inJavaScript)
    },
  }
}

function rewriteMapped(javascript: JavaScript): MagicString {
  try {
    return rewrite(javascript.code)
  } catch (error) {
    if (!(error instanceof SourceError)) throw error
    const { line, column } = locateIn(javascript, error) ?? error
    throw new SourceError(error.message, line, column)
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
