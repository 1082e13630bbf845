import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compile, locateIn, type Position } from './cell.ts'
import { plainText } from './display.ts'
import { SourceError, toJavaScript } from './typescript.ts'

/** A script that has run. It is compiled again to find a place in it: errors are rarer than cells. */
export interface KnownScript {
  label: string
  /** What was compiled. */
  input: string
  /** What the person typed, with every line of `input` in its place. */
  source: string
}

/** The name and the message of anything that can be thrown. */
export function describeError(error: unknown): { ename: string; evalue: string } {
  if (!(error instanceof Error)) return { ename: 'Thrown', evalue: plainText(error) }
  return { ename: String(error.name), evalue: String(error.message) }
}

const KERNEL_FOLDER = dirname(import.meta.url)
const SHOWN_LINES = 2
const red = (text: string) => `\u001b[31m${text}\u001b[39m`
const dim = (text: string) => `\u001b[2m${text}\u001b[22m`

/** Stack lines in terms of what the person typed: of cells (`cell 3:2:5`) and of imported TypeScript files. */
export class StackTraces {
  readonly #scripts = new Map<string, KnownScript>()

  /** Makes every error's stack read so. https://v8.dev/docs/stack-trace-api */
  install(): void {
    Error.prepareStackTrace = (error, frames) => {
      const shown = frames.filter((frame) => !isHidden(frame.getScriptNameOrSourceURL()))
      return [headOf(error), ...shown.map((frame) => `    at ${this.#describe(frame)}`)].join('\n')
    }
  }

  add(url: string, script: KnownScript): void {
    this.#scripts.set(url, script)
  }

  #describe(frame: NodeJS.CallSite): string {
    const url = frame.getScriptNameOrSourceURL()
    const line = frame.getLineNumber()
    const column = frame.getColumnNumber()
    if (!url || line === null || column === null) return String(frame)
    const original = this.#locate(url, { line, column: column - 1 })
    if (original === undefined) return String(frame)
    const name = this.#scripts.get(url)?.label ?? url
    return String(frame).replace(`${url}:${line}:${column}`, `${name}:${original.line}:${original.column + 1}`)
  }

  #locate(url: string, position: Position): Position | undefined {
    const script = this.#scripts.get(url)
    if (script !== undefined) return compile(script.input).locate(position)
    return /^file:.*\.m?ts$/.test(url) ? locateInFile(fileURLToPath(url), position) : undefined
  }

  /** The lines of a traceback: the error with its stack, the place in the source, its causes. */
  traceback(error: unknown, known?: KnownScript): string[] {
    const seen = new Set<unknown>()
    const lines: string[] = []
    for (let current = error, prefix = ''; current !== undefined && !seen.has(current); prefix = 'Caused by: ') {
      seen.add(current)
      lines.push(...this.#describeError(current, prefix, known))
      current = current instanceof Error ? current.cause : undefined
    }
    return lines
  }

  #describeError(error: unknown, prefix: string, known: KnownScript | undefined): string[] {
    if (!(error instanceof Error)) return [red(`${prefix}Thrown: ${plainText(error)}`)]
    if (error instanceof SourceError && known !== undefined) {
      return [red(`${prefix}${headOf(error)}`), ...excerpt(known, error)]
    }
    const [head, ...frames] = splitStack(error)
    const parts = error instanceof AggregateError ? error.errors.flatMap((part, i) => this.#describeError(part, `[${i}] `, known)) : []
    return [...`${prefix}${head}`.split('\n').map(red), ...frames, ...this.#excerptAt(frames), ...parts]
  }

  #excerptAt(frames: string[]): string[] {
    for (const frame of frames) {
      const [, label, line, column] = /\b(cell \d+|silent cell):(\d+):(\d+)/.exec(frame) ?? []
      const script = [...this.#scripts.values()].findLast((known) => known.label === label)
      if (script !== undefined) return excerpt(script, { line: Number(line), column: Number(column) - 1 })
    }
    return []
  }
}

function isHidden(url: string | null): boolean {
  return url === null || url.startsWith('node:') || url.startsWith(`${KERNEL_FOLDER}/`)
}

function headOf(error: Error): string {
  try {
    return Error.prototype.toString.call(error)
  } catch {
    return 'Error'
  }
}

/** A stack's head may have several lines; its frames begin with "at". */
function splitStack(error: Error): string[] {
  const stack = typeof error.stack === 'string' ? error.stack : headOf(error)
  const firstFrame = stack.search(/\n {4}at /)
  if (firstFrame < 0) return [stack]
  return [stack.slice(0, firstFrame), ...stack.slice(firstFrame + 1).split('\n')]
}

/** The lines round a place, with a caret under it. */
function excerpt({ label, source }: KnownScript, { line, column }: Position): string[] {
  const lines = source.split('\n')
  const first = Math.max(1, line - SHOWN_LINES)
  const last = Math.min(lines.length, line + SHOWN_LINES)
  const width = String(last).length
  const shown = ['', `${label}, line ${line}`]
  for (let number = first; number <= last; number++) {
    const gutter = String(number).padStart(width)
    shown.push(number === line ? `${red('>')} ${gutter} | ${lines[number - 1]}` : dim(`  ${gutter} | ${lines[number - 1]}`))
    if (number === line) shown.push(`  ${' '.repeat(width)} | ${' '.repeat(column)}${red('^')}`)
  }
  return shown
}

/** Compiled again rather than kept: an error in a file is rare, and its file is at hand. */
function locateInFile(file: string, position: Position): Position | undefined {
  try {
    return locateIn(toJavaScript(readFileSync(file, 'utf8')), position)
  } catch {
    return undefined
  }
}
