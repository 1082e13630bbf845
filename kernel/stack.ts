import { dirname } from 'node:path'
import type { Position } from './cell.ts'
import { plainText } from './display.ts'
import { Places, type KnownScript } from './places.ts'
import { SourceError } from './source-error.ts'

/** The name and the message of anything that can be thrown. */
export function describeError(error: unknown): { ename: string; evalue: string } {
  if (!(error instanceof Error)) return { ename: 'Thrown', evalue: plainText(error) }
  return { ename: textOf(() => error.name), evalue: textOf(() => error.message) }
}

/** An error may have getters that throw. */
function textOf(read: () => unknown): string {
  try {
    return String(read())
  } catch {
    return ''
  }
}

const KERNEL_FOLDER = dirname(import.meta.url)
const SHOWN_LINES = 2
const red = (text: string) => `\u001b[31m${text}\u001b[39m`
const dim = (text: string) => `\u001b[2m${text}\u001b[22m`

/** Stack lines in terms of what the person typed: of cells (`cell 3:2:5`) and of imported TypeScript files. */
export class StackTraces {
  readonly places = new Places()

  /** Makes every error's stack read so. https://v8.dev/docs/stack-trace-api */
  install(): void {
    Error.prepareStackTrace = (error, frames) => [headOf(error), this.lines(frames)].filter(Boolean).join('\n')
  }

  /** The lines of a stack. */
  lines(frames: readonly NodeJS.CallSite[]): string {
    const shown = frames.filter((frame) => !isHidden(frame.getScriptNameOrSourceURL()))
    return shown.map((frame) => `    at ${this.#describe(frame)}`).join('\n')
  }

  /** Makes a script known before it runs. */
  add(url: string, script: KnownScript): void {
    this.places.add(url, script)
  }

  #describe(frame: NodeJS.CallSite): string {
    const url = frame.getScriptNameOrSourceURL()
    const line = frame.getLineNumber()
    const column = frame.getColumnNumber()
    if (!url || line === null || column === null) return String(frame)
    const found = this.places.find(url, { line, column: column - 1 })
    if (found === undefined) return String(frame)
    return String(frame).replace(`${url}:${line}:${column}`, `${found.name}:${found.position.line}:${found.position.column + 1}`)
  }

  /** The lines of a traceback: the error with its stack, the place in the source, what it is made of, its causes. */
  traceback(error: unknown, known?: KnownScript): string[] {
    return this.#lines(error, '', known, new Set())
  }

  #lines(error: unknown, prefix: string, known: KnownScript | undefined, seen: Set<unknown>): string[] {
    if (seen.has(error)) return []
    if (!(error instanceof Error)) return [red(`${prefix}Thrown: ${plainText(error)}`)]
    seen.add(error)
    if (error instanceof SourceError && known !== undefined) return [red(`${prefix}${headOf(error)}`), ...excerpt(known, error)]
    const [head, ...frames] = splitStack(error)
    const parts = error instanceof AggregateError ? error.errors.flatMap((part, index) => this.#lines(part, `[${index}] `, known, seen)) : []
    const cause = error.cause === undefined ? [] : this.#lines(error.cause, 'Caused by: ', known, seen)
    return [...`${prefix}${head}`.split('\n').map(red), ...frames, ...this.#excerptAt(frames), ...parts, ...cause]
  }

  #excerptAt(frames: string[]): string[] {
    for (const frame of frames) {
      const [, label, line, column] = /\b(cell \d+|silent cell):(\d+):(\d+)/.exec(frame) ?? []
      const script = label === undefined ? undefined : this.places.labelled(label)
      if (script !== undefined) return excerpt(script, { line: Number(line), column: Number(column) - 1 })
    }
    return []
  }
}

/** Evaluated code has no URL; built-in functions have null. */
function isHidden(url: string | null | undefined): boolean {
  return url === null || url?.startsWith('node:') === true || (url !== undefined && isKernelScript(url))
}

export function isKernelScript(url: string): boolean {
  return url.startsWith(`${KERNEL_FOLDER}/`)
}

function headOf(error: Error): string {
  try {
    return Error.prototype.toString.call(error)
  } catch {
    return 'Error'
  }
}

/** A stack's head may have several lines; its frames begin with "at". An error of another thread still has all frames. */
function splitStack(error: Error): string[] {
  const stack = textOf(() => error.stack ?? headOf(error))
  const firstFrame = stack.search(/\n {4}at /)
  if (firstFrame < 0) return [stack]
  const frames = stack.slice(firstFrame + 1).split('\n')
  return [stack.slice(0, firstFrame), ...frames.filter((frame) => !isHidden(/\b(?:node|file):[^\s)]*/.exec(frame)?.[0] ?? ''))]
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
