import type { MessagePort } from 'node:worker_threads'
import { asyncStackClearer, noticeAsyncHooks } from './async-hooks.ts'
import { Backpressure } from './backpressure.ts'
import { compile } from './cell.ts'
import { createContext } from './context.ts'
import { mimeBundle } from './display.ts'
import { ShownDisplay } from './display/show.ts'
import { Evaluator } from './evaluator.ts'
import { installGlobals } from './globals.ts'
import { expandMagics } from './magics/expand.ts'
import { ModuleLoader } from './modules.ts'
import { guardAddons, Interrupted } from './native.ts'
import type { KnownScript } from './places.ts'
import type { ExecuteReply } from './protocol.ts'
import { RunningCell } from './running-cell.ts'
import { CellRuntime } from './runtime.ts'
import { endWithTheirCell } from './started.ts'
import { describeError, StackTraces } from './stack.ts'
import { Stdin } from './stdin.ts'
import { captureStreams, withinLimit } from './streams.ts'
import { framesBelow, isTerminable, standStill } from './termination.ts'
import { Flag, Insistence, type CellRequest, type Extra, type StreamName, type ToCellThread, type ToProtocolThread, type TypecheckMode } from './threads.ts'
import { followTimers } from './timers.ts'

/** Makes this thread the cell thread: it evaluates what the protocol thread sends and answers with outputs and replies. */
export function runCells(protocol: MessagePort, answers: MessagePort, flags: Int32Array): void {
  if (asyncStackClearer() === undefined) noticeAsyncHooks(flags)
  guardAddons(flags)
  const post = (message: ToProtocolThread) => protocol.postMessage(message)
  const executor = new Executor(post, flags, new ModuleLoader(flags), new Stdin(post, answers, flags))
  protocol.on('message', (message: ToCellThread) => executor.receive(message))
}

/**
 * Evaluates cells, one at a time. A termination drops all pending promise reactions: so a cell may end by its own completion or
 * by the protocol thread's message, whichever comes, and only once.
 */
export class Executor {
  readonly #post: (message: ToProtocolThread) => void
  readonly #flags: Int32Array
  readonly #backpressure: Backpressure
  readonly #cells = createContext<RunningCell>()
  readonly traces: StackTraces
  /** The source of every counted cell by its number. */
  readonly inputs = new Map<number, string>()
  readonly evaluator = new Evaluator()
  readonly #exit = process.exit.bind(process)
  readonly #clearAsyncStack = asyncStackClearer()
  /** Whether the loops of an interrupted cell are to throw. */
  isStopping = false
  #running: RunningCell | undefined
  #latest: RunningCell | undefined
  #evaluations = 0

  constructor(post: (message: ToProtocolThread) => void, flags: Int32Array, loader: ModuleLoader, stdin: Stdin) {
    this.#post = post
    this.#flags = flags
    this.#backpressure = new Backpressure(flags)
    this.traces = new StackTraces((work) => this.#whole(work))
    this.traces.install()
    followTimers(this.#cells)
    endWithTheirCell(this.#cells, flags)
    installGlobals(this, new CellRuntime(this, loader, stdin), stdin)
    captureStreams((name, text) => this.write(name, text))
    process.on('uncaughtException', (error) => this.#showUncaught(error, this.cell))
    process.on('unhandledRejection', (reason, promise) => this.#showUncaught(reason, this.#cells.of(promise) ?? this.cell))
    process.on('SIGINT', () => this.#post({ type: 'interrupt' }))
  }

  receive(message: ToCellThread): void {
    if (message.type === 'execute') this.#execute(message.cell)
    else if (message.type === 'interrupt') this.#interrupt(message.id)
    else if (message.type === 'end') this.#end(message.id, message.isUrgent)
    else if (message.type === 'exit') this.#exit(0)
  }

  /** The cell that the running code belongs to, also in its timers and callbacks. */
  get cell(): RunningCell | undefined {
    return this.#cells.get() ?? this.#latest
  }

  /** Whether a name means something to a cell, so that `!name` is TypeScript and no command. */
  readonly isDeclared = (name: string): boolean => name in globalThis || this.evaluator.declared.has(name)

  /** Writes to a stream of the current cell, or of the given one. */
  write(name: StreamName, text: string, cell = this.cell): void {
    if (cell?.capture?.takeText(name, text)) return
    const allowed = cell === undefined ? text : withinLimit(cell, name, text)
    if (allowed === '') return
    this.#backpressure.hold()
    this.#post({ type: 'stream', id: cell?.request.id ?? '', name, text: allowed })
  }

  /** Publishes an output of the current cell. Throws where the content is no JSON. */
  publish(messageType: string, content: object, extra?: Extra): void {
    const { cell } = this
    if (cell?.capture?.takeOutput(messageType, content)) return
    const json = JSON.stringify(content)
    this.#backpressure.hold()
    this.#post({ type: 'publish', id: cell?.request.id ?? '', messageType, json, extra })
  }

  /** What a type error in a later cell does; the protocol thread has the types checked. */
  setTypecheck(mode: TypecheckMode): void {
    this.#post({ type: 'typecheck', mode })
  }

  /**
   * Compiles TypeScript that runs in the session; answers with a function that runs it and resolves with its last value.
   * `shown` is what a traceback shows of it. Throws a SourceError.
   */
  prepare(cell: RunningCell, source: string, shown: string): () => Promise<[] | [unknown]> {
    const compiled = this.#whole(() => compile(source))
    const script: KnownScript = { label: labelOf(cell.request), input: source, source: shown }
    const url = `${script.label.replace(' ', '_')}.ts?${++this.#evaluations}`
    this.traces.add(url, script)
    return async () => {
      cell.last = []
      await this.evaluator.run(compiled, url)
      return cell.last
    }
  }

  #execute(request: CellRequest): void {
    const cell = new RunningCell(request)
    if (!request.silent && !this.inputs.has(request.count)) this.inputs.set(request.count, request.code)
    this.#running = cell
    this.#latest = cell
    this.#cells.run(cell, () => void this.#run(cell))
  }

  async #run(cell: RunningCell): Promise<void> {
    const { code, count, silent } = cell.request
    try {
      const value = await this.prepare(cell, expandMagics(code, this.isDeclared), code)()
      if (!silent && value.length === 1 && value[0] !== undefined && !(value[0] instanceof ShownDisplay)) {
        this.publish('execute_result', { execution_count: count, data: await mimeBundle(value[0]), metadata: {} })
      }
      await Promise.all(cell.displays)
      this.#finish(cell, { status: 'ok', execution_count: count, user_expressions: await this.#expressions(cell), payload: cell.payload })
    } catch (error) {
      this.#fail(cell, error)
    }
  }

  async #expressions(cell: RunningCell): Promise<Record<string, unknown>> {
    const results: Record<string, unknown> = {}
    for (const [name, expression] of Object.entries(cell.request.expressions)) {
      try {
        const [value] = await this.prepare(cell, expression, expression)()
        results[name] = { status: 'ok', data: await mimeBundle(value), metadata: {} }
      } catch (error) {
        results[name] = { status: 'error', ...describeError(error), traceback: this.traces.traceback(error) }
      }
    }
    return results
  }

  /**
   * Interrupts a cell from the midst of whatever runs: the inspector evaluates a call of this on top of it (interrupt.ts). So no code
   * of others may run here, and no state change that may be half done already.
   */
  reach(id: string, insistence: Insistence, above: (...args: never[]) => unknown): void {
    const cell = this.#latest
    if (cell?.request.id !== id) return
    cell.interrupt()
    if (cell.isUnwinding && insistence !== Insistence.force) return
    this.isStopping = true
    if (Atomics.load(this.#flags, Flag.native) > 0 || Atomics.load(this.#flags, Flag.asyncHooks) > 0) return
    const frames = framesBelow(above)
    if (!isTerminable(frames, insistence)) return
    cell.terminatedAt = frames ?? []
    this.#clearAsyncStack?.()
    standStill(this.#flags, this.#post)
  }

  /** What a loop of a cell calls in each turn when loops are to throw. It throws once: what catches it may clean up before the next time. */
  readonly stop = (): void => {
    const { cell } = this
    if (cell?.isInterrupted !== true) return
    this.isStopping = false
    cell.unwind()
  }

  #interrupt(id: string): void {
    if (this.#latest?.request.id === id) this.#latest.abort()
  }

  /** Whoever reads this message is not busy any more, be it with what an ended cell left behind. */
  #end(id: string, isUrgent: boolean): void {
    const cell = this.#latest
    if (cell?.request.id !== id || (cell === this.#running && cell.isCleaningUp && !isUrgent)) return
    this.#fail(cell, new Interrupted(cell.terminatedAt && this.traces.lines(cell.terminatedAt)))
    this.isStopping = false
    this.#post({ type: 'quiet', id })
    if (cell.terminatedAt !== undefined && this.#clearAsyncStack === undefined) throw new AsyncStackReset()
  }

  #fail(cell: RunningCell, error: unknown): void {
    if (this.#running !== cell) return
    const { code, count } = cell.request
    const traceback = this.#whole(() => this.traces.traceback(error, { label: labelOf(cell.request), input: '', source: code }))
    this.#finish(cell, { status: 'error', execution_count: count, ...describeError(error), traceback })
  }

  /** Says so first: what a termination leaves undone then is nothing that the protocol thread waits for. */
  #finish(cell: RunningCell, reply: ExecuteReply): void {
    if (this.#running !== cell) return
    this.#post({ type: 'done', id: cell.request.id, reply })
    this.#running = undefined
    this.isStopping = false
    this.#cells.reset()
  }

  /** Does work of the kernel's own, which a termination must not cut in two. What it starts is no part of a cell. */
  #whole<T>(work: () => T): T {
    Atomics.add(this.#flags, Flag.whole, 1)
    try {
      return this.#cells.outside(work)
    } finally {
      Atomics.sub(this.#flags, Flag.whole, 1)
    }
  }

  /** What a timer or a promise of a cell throws belongs beside that cell; the kernel lives on. */
  #showUncaught(error: unknown, cell: RunningCell | undefined): void {
    this.#cells.reset()
    if (error instanceof Interrupted || error instanceof AsyncStackReset) return
    this.write('stderr', `Uncaught ${this.traces.traceback(error).join('\n')}\n`, cell)
  }
}

/** Thrown to nobody after an interrupt: an uncaught exception makes Node empty the stack of async_hooks, where terminated code leaves entries. */
class AsyncStackReset extends Error {}

function labelOf({ silent, count }: CellRequest): string {
  return silent ? 'silent cell' : `cell ${count}`
}
