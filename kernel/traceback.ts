import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { plainText } from './display.ts'
import { isError, partsOf, propertiesOf } from './errors.ts'
import { excerpt, red, type Listing } from './excerpt.ts'
import { SourceError } from './source-error.ts'
import { headOf, type StackTraces } from './stack.ts'

/** Frames of a traceback at either end, where it has more. */
const SHOWN_FRAMES = 12
const PACKAGE = new URL('..', import.meta.url).href

/**
 * The lines of a traceback: what was thrown with its stack, the places in the source, what it is made of, its causes.
 * `known` is what could not be compiled.
 */
export function traceback(thrown: unknown, traces: StackTraces, known?: Listing): string[] {
  const seen = new Set<unknown>()
  const shown = new Set<string>()
  const lines = (part: unknown, prefix: string): string[] => {
    if (seen.has(part)) return []
    const [head, frames] = traces.split(part)
    const places = [...shortened(frames), ...excerptsAt(frames, traces, shown)]
    if (!isError(part)) return [red(`${prefix}Thrown: ${plainText(part)}`), ...places]
    seen.add(part)
    if (part instanceof SourceError && known !== undefined) return [red(`${prefix}${headOf(part)}`), ...excerpt(known, part)]
    const properties = propertiesOf(part)
    const said = properties === undefined ? [] : `  ${plainText(properties)}`.split('\n')
    return [...`${prefix}${head}`.split('\n').map(red), ...said, ...places, ...partsOf(part).flatMap(([name, inner]) => lines(inner, name))]
  }
  return lines(thrown, '')
}

/** The top of the stack, where that is in a file of the person's own, and the cell that led there; a place that has been shown is not shown again. */
function excerptsAt(frames: readonly string[], { places }: StackTraces, shown: Set<string>): string[] {
  const file = /\b(file:\/\/[^\s()]+):(\d+):(\d+)/.exec(frames[0] ?? '')
  const cell = frames.map((frame) => /\b(cell \d+|silent cell):(\d+):(\d+)/.exec(frame.replace(/\beval at .*/, ''))).find((match) => match !== null)
  const found = [file, cell].filter((match) => match && !shown.has(match[0]) && shown.add(match[0])) as RegExpExecArray[]
  return found.flatMap(([, label, line, column]) => {
    const listing = places.labelled(label!) ?? ownFile(label!)
    return listing === undefined ? [] : excerpt(listing, { line: Number(line), column: Number(column) - 1 })
  })
}

function ownFile(url: string): Listing | undefined {
  if (url.includes('/node_modules/') || url.startsWith(PACKAGE)) return undefined
  try {
    return { label: url, source: readFileSync(fileURLToPath(url), 'utf8') }
  } catch {
    return undefined
  }
}

/** A recursion is shown once; of a long stack both ends. */
function shortened(frames: readonly string[]): string[] {
  const runs: { frame: string; times: number }[] = []
  for (const frame of frames) {
    const last = runs.at(-1)
    if (last?.frame === frame) last.times++
    else runs.push({ frame, times: 1 })
  }
  const lines = runs.map(({ frame, times }) => (times === 1 ? frame : `${frame}, ${times} times`))
  const left = lines.length - 2 * SHOWN_FRAMES
  return left <= 1 ? lines : [...lines.slice(0, SHOWN_FRAMES), `    ... ${left} more`, ...lines.slice(-SHOWN_FRAMES)]
}
