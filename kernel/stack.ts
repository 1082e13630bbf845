import { dirname } from 'node:path'
import { isError } from './errors.ts'
import { asTyped } from './names.ts'
import { Places, type KnownScript } from './places.ts'

const KERNEL_FOLDER = dirname(import.meta.url)
/** How many frames an error keeps. Those of Node and the kernel count, and are not shown. */
const KEPT_FRAMES = 50

/** Stack lines in terms of what the person typed: of cells (`cell 3:2:5`) and of imported TypeScript files. */
export class StackTraces {
  readonly places = new Places()
  /** The latest thrown value that is no error. */
  #thrown: { value: unknown; stack: string } | undefined

  /** Makes every error's stack read so. https://v8.dev/docs/stack-trace-api */
  install(): void {
    Error.stackTraceLimit = KEPT_FRAMES
    Error.prepareStackTrace = (error, frames) => asTyped([headOf(error), this.lines(frames)].filter(Boolean).join('\n'))
  }

  /** The lines of a stack. */
  lines(frames: readonly NodeJS.CallSite[]): string {
    return frames.flatMap((frame) => this.#describe(frame) ?? []).join('\n')
  }

  /** Makes a script known before it runs. */
  add(url: string, script: KnownScript): void {
    this.places.add(url, script)
  }

  /** To be called where a value is thrown: only errors keep their stack. */
  noteThrown(value: unknown, above: (value: unknown) => unknown): void {
    if (isError(value)) return
    const holder = { stack: '' }
    Error.captureStackTrace(holder, above)
    this.#thrown = { value, stack: holder.stack }
  }

  /** The frames of an error, or of another thrown value; the head of an error's stack, which may have several lines, comes first. */
  split(thrown: unknown): [head: string, frames: string[]] {
    const stack = isError(thrown) ? stackOf(thrown) : Object.is(this.#thrown?.value, thrown) && this.#thrown !== undefined ? this.#thrown.stack : ''
    const firstFrame = stack.search(/\n {4}at /)
    if (firstFrame < 0) return [stack, []]
    // An error of another thread still has all frames.
    const frames = stack.slice(firstFrame + 1).split('\n').filter((frame) => !isHidden(/\b(?:node|file):[^\s)]*/.exec(frame)?.[0]))
    return [stack.slice(0, firstFrame), frames]
  }

  /** Undefined for a frame that is Node's, the kernel's, or of what a compiler put in. */
  #describe(frame: NodeJS.CallSite): string | undefined {
    const url = frame.getScriptNameOrSourceURL()
    if (url === null || isHidden(url)) return undefined
    const [line, column] = [frame.getLineNumber() ?? 0, frame.getColumnNumber() ?? 1]
    const text = `    at ${String(frame)}`
    if (frame.isEval()) return text.replace(/([^\s()]+):(\d+):(\d+)/g, (whole, ...place: string[]) => this.#name(place[0]!, Number(place[1]), Number(place[2])) ?? whole)
    const name = url && this.#name(url, line, column)
    return name === null ? undefined : text.replace(`${url}:${line}:${column}`, name || '$&')
  }

  /** Null for what a compiler put in, undefined where the place is what it seems. */
  #name(url: string, line: number, column: number): string | null | undefined {
    const found = this.places.find(url, { line, column: column - 1 })
    return found && `${found.name}:${found.position.line}:${found.position.column + 1}`
  }
}

/** Evaluated code has no URL. */
function isHidden(url: string | undefined): boolean {
  return url !== undefined && (url.startsWith('node:') || isKernelScript(url))
}

export function isKernelScript(url: string): boolean {
  return url.startsWith(`${KERNEL_FOLDER}/`)
}

/** An error may have getters that throw. */
export function headOf(error: Error): string {
  try {
    return Error.prototype.toString.call(error)
  } catch {
    return 'Error'
  }
}

/** Node puts an excerpt of its own above some errors: that of a module is worth reading, that of another realm is in its frames. */
function stackOf(error: Error): string {
  const head = headOf(error)
  try {
    const { stack } = error
    if (typeof stack !== 'string') return head
    return error instanceof Error ? stack : stack.slice(Math.max(0, stack.indexOf(head)))
  } catch {
    return head
  }
}
