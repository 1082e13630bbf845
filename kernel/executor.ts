import { relative } from 'node:path'
import type { MessagePort } from 'node:worker_threads'
import { asyncStackClearer, noticeAsyncHooks } from './async-hooks.ts'
import { Backpressure } from './backpressure.ts'
import { compile } from './cell.ts'
import { CommTable } from './comms.ts'
import { createContext } from './context.ts'
import { mimeBundle } from './display.ts'
import { ShownDisplay } from './display/show.ts'
import { describeError } from './errors.ts'
import { Evaluator } from './evaluator.ts'
import { installGlobals } from './globals.ts'
import type { HistoryEntry, HistoryQuery } from './history.ts'
import { expandMagics } from './magics/expand.ts'
import { Intrinsics } from './intrinsics.ts'
import { ModuleLoader } from './modules.ts'
import type { AutoreloadMode } from './modules/autoreload.ts'
import { guardAddons, Interrupted } from './native.ts'
import type { KnownScript } from './places.ts'
import type { ExecuteReply } from './protocol.ts'
import { RunningCell } from './running-cell.ts'
import { CellRuntime } from './runtime.ts'
import { endWithTheirCell } from './started.ts'
import { StackTraces } from './stack.ts'
import { Stdin } from './stdin.ts'
import { captureStreams, withinLimit } from './streams.ts'
import { framesBelow, isTerminable, standStill } from './termination.ts'
import { Flag, Insistence, Interrupt, type CellRequest, type CommRequest, type Extra, type StreamName, type ToCellThread, type ToProtocolThread, type TypecheckMode } from './threads.ts'
import { noticeTimeouts } from './timeouts.ts'
import { followTimers } from './timers.ts'
import { traceback } from './traceback.ts'
import { countWhole } from './whole.ts'

/** As it was: where a cell replaces it, outputs go on. */
const { stringify } = JSON

/** Characters of a cell's value that are kept for the history. */
const KEPT_RESULT = 10_000

/** Makes this thread the cell thread: it evaluates what the protocol thread sends and answers with outputs and replies. */
export function runCells(protocol: MessagePort, answers: MessagePort, flags: Int32Array): void {
  if (asyncStackClearer() === undefined) noticeAsyncHooks(flags)
  guardAddons(flags)
  countWhole(flags)
  noticeTimeouts(flags)
  const post = (message: ToProtocolThread) => protocol.postMessage(message)
  const loader = new ModuleLoader(flags, (path, stamp) => post({ type: 'file', path, stamp }))
  const executor = new Executor(post, flags, loader, new Stdin(post, answers, flags))
  protocol.on('message', (message: ToCellThread) => executor.receive(message))
}

/**
 * Evaluates cells, and lets the handlers of comms take their messages: what awaits lets others in between. A termination drops all
 * pending promise reactions: so a cell may end by its own completion or by the protocol thread's message, whichever comes, and only once.
 */
export class Executor {
  readonly #post: (message: ToProtocolThread) => void
  readonly #flags: Int32Array
  readonly #backpressure: Backpressure
  readonly #cells = createContext<RunningCell>()
  readonly traces = new StackTraces()
  readonly evaluator = new Evaluator()
  readonly loader: ModuleLoader
  readonly comms = new CommTable((...message) => this.publish(...message))
  readonly #exit = process.exit.bind(process)
  readonly #clearAsyncStack = asyncStackClearer()
  readonly #intrinsics: Intrinsics
  readonly #running = new Map<string, RunningCell>()
  /** The cells that an interrupt is to end or has just ended. */
  readonly #interrupted = new Set<RunningCell>()
  /** Whether their loops are to throw, or all that an earlier cell left behind, too. */
  isStopping = false
  #isStoppingAll = false
  #wasTerminated = false
  #latest: RunningCell | undefined
  #evaluations = 0
  #questions = 0
  /** Questions about history that the protocol thread has not answered yet. */
  readonly #recalling = new Map<number, (entries: HistoryEntry[]) => void>()

  readonly #listeners: Record<string, (...args: any[]) => void> = {
    uncaughtException: (error: unknown) => this.#intrinsics.soundly(() => this.#showUncaught(error, this.cell)),
    unhandledRejection: (reason: unknown, promise: Promise<unknown>) => this.#intrinsics.soundly(() => this.#showUncaught(reason, this.#cells.of(promise) ?? this.cell)),
    SIGINT: () => this.#post({ type: 'interrupt' }),
    removeListener: () => process.nextTick(() => this.#listen()),
  }

  constructor(post: (message: ToProtocolThread) => void, flags: Int32Array, loader: ModuleLoader, stdin: Stdin) {
    this.#post = post
    this.#flags = flags
    this.loader = loader
    this.#backpressure = new Backpressure(flags)
    this.traces.install()
    followTimers(this.#cells)
    endWithTheirCell(this.#cells, flags)
    installGlobals(this, new CellRuntime(this, loader, stdin, flags), stdin)
    captureStreams((name, text) => this.write(name, text))
    this.#listen()
    this.#intrinsics = new Intrinsics((text) => this.write('stderr', text))
  }

  /** Without its listeners the first mistake in a timer would end the process: `process.removeAllListeners()` is not to take them away. */
  #listen(): void {
    for (const [event, listener] of Object.entries(this.#listeners)) {
      if (!process.listeners(event as 'exit').includes(listener)) process.on(event, listener)
    }
  }

  receive(message: ToCellThread): void {
    this.#intrinsics.soundly(() => this.#receive(message))
  }

  #receive(message: ToCellThread): void {
    if (message.type === 'execute') this.#execute(message.cell)
    else if (message.type === 'comm') this.#deliver(message.message)
    else if (message.type === 'history') this.#recalled(message.question, message.entries)
    else if (message.type === 'interrupt') this.#interrupt()
    else if (message.type === 'end') this.#end(message.isUrgent)
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
    const json = stringify(content)
    this.#backpressure.hold()
    this.#post({ type: 'publish', id: cell?.request.id ?? '', messageType, json, extra })
  }

  /** Cells of this session and of earlier ones. */
  history(query: HistoryQuery): Promise<HistoryEntry[]> {
    const question = ++this.#questions
    return new Promise((resolve) => {
      this.#recalling.set(question, resolve)
      this.#post({ type: 'history', question, query })
    })
  }

  #recalled(question: number, entries: HistoryEntry[]): void {
    this.#recalling.get(question)?.(entries)
    this.#recalling.delete(question)
  }

  /** Makes a person's own magic known where it is completed and explained. */
  announceMagic(name: string, summary?: string): void {
    this.#post({ type: 'magic', name, summary })
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
    const compiled = this.#intrinsics.soundly(() => this.#cells.outside(() => compile(source, this.evaluator)))
    const script: KnownScript = { label: labelOf(cell.request), input: source, source: shown, session: compiled.session }
    const url = `${script.label.replace(' ', '_')}.ts?${++this.#evaluations}`
    this.traces.add(url, script)
    return async () => {
      if (cell.isInterrupted) throw new Interrupted()
      cell.last = []
      this.loader.names.release(compiled.names)
      await this.evaluator.run(compiled, url)
      return cell.last
    }
  }

  #execute(request: CellRequest): void {
    const cell = new RunningCell(request)
    this.#latest = cell
    this.#run(cell, () => this.#evaluate(cell))
  }

  /** What a handler prints, shows and throws belongs to the message that it was called for. */
  #deliver(message: CommRequest): void {
    const cell = new RunningCell({ id: message.id, count: 0, code: '', silent: true, allowStdin: false, expressions: {} })
    this.#run(cell, async () => {
      await this.comms.receive(message)
      await Promise.all(cell.displays)
    })
  }

  /** Runs the work in the cell's own context and answers for it, with what the reply holds beside its status. */
  #run(cell: RunningCell, work: () => Promise<Partial<ExecuteReply> | void>): void {
    const { id, count } = cell.request
    const answer = async () => {
      try {
        const content = await work()
        this.#finish(cell, { status: 'ok', execution_count: count, ...content })
      } catch (error) {
        this.#intrinsics.repair(false)
        this.#fail(cell, error)
      }
    }
    this.#running.set(id, cell)
    this.#cells.run(cell, () => void answer())
  }

  async #evaluate(cell: RunningCell): Promise<Partial<ExecuteReply>> {
    const { code, count, silent } = cell.request
    try {
      await cell.guard(this.reload())
    } catch (error) {
      if (error instanceof Interrupted || !this.#intrinsics.repair(true)) throw error
    }
    const value = await this.prepare(cell, expandMagics(code, this.isDeclared), code)()
    if (!silent && value.length === 1 && value[0] !== undefined && !(value[0] instanceof ShownDisplay)) {
      const data = await mimeBundle(value[0])
      this.publish('execute_result', { execution_count: count, data, metadata: {} })
      cell.result = String(data['text/plain']).slice(0, KEPT_RESULT)
    }
    await Promise.all(cell.displays)
    return { user_expressions: await this.#expressions(cell), payload: cell.payload }
  }

  /** Loads files anew that have changed. What fails is told of, and stays what it was. */
  async reload(mode?: AutoreloadMode): Promise<void> {
    for (const { paths, error } of await this.loader.reload(mode)) {
      const names = paths.map((path) => relative(process.cwd(), path)).join(', ')
      this.write('stderr', `Could not be loaded anew, and what was there before stays: ${names}\n${traceback(error, this.traces).join('\n')}\n`)
    }
  }

  async #expressions(cell: RunningCell): Promise<Record<string, unknown>> {
    const results: Record<string, unknown> = {}
    for (const [name, expression] of Object.entries(cell.request.expressions)) {
      try {
        const [value] = await this.prepare(cell, expression, expression)()
        results[name] = { status: 'ok', data: await mimeBundle(value), metadata: {} }
      } catch (error) {
        results[name] = { status: 'error', ...describeError(error), traceback: traceback(error, this.traces) }
      }
    }
    return results
  }

  /**
   * Interrupts what runs, from the midst of it: the inspector evaluates a call of this on top of it (interrupt.ts). So no code of
   * others may run here, and nothing may be changed that may be half changed already.
   */
  reach(insistence: Insistence, above: (...args: never[]) => unknown): void {
    if (Atomics.load(this.#flags, Flag.interrupt) === Interrupt.none) return
    this.#tell()
    const { cell } = this
    if (cell?.isUnwinding && insistence !== Insistence.force) return
    this.isStopping = true
    this.#isStoppingAll = insistence !== Insistence.tell
    if (Atomics.load(this.#flags, Flag.native) > 0 || Atomics.load(this.#flags, Flag.asyncHooks) > 0) return
    const frames = framesBelow(above)
    if (!isTerminable(frames, insistence)) return
    this.#wasTerminated = true
    if (cell !== undefined) cell.terminatedAt = frames
    this.#clearAsyncStack?.()
    standStill(this.#flags, this.#post)
  }

  /** What a loop of a cell calls in each turn when loops are to throw. It throws once: what catches it may clean up before the next time. */
  readonly stop = (): void => {
    const { cell } = this
    if (cell === undefined || !(cell.isInterrupted || this.#isStoppingAll)) return
    this.isStopping = false
    cell.unwind()
  }

  #tell(): void {
    for (const cell of this.#running.values()) {
      this.#interrupted.add(cell)
      cell.interrupt()
    }
  }

  #interrupt(): void {
    this.#tell()
    this.loader.abandon()
    this.isStopping = false
    for (const cell of this.#interrupted) cell.abort()
  }

  /** Whoever reads this message is not busy any more, be it with what an ended cell left behind. */
  #end(isUrgent: boolean): void {
    for (const cell of this.#interrupted) {
      if (!cell.isCleaningUp || isUrgent) this.#fail(cell, new Interrupted(cell.terminatedAt && this.traces.lines(cell.terminatedAt)))
    }
    if (this.#running.size > 0) return
    this.isStopping = false
    this.#interrupted.clear()
    this.#post({ type: 'quiet' })
    const isStackLeft = this.#wasTerminated && this.#clearAsyncStack === undefined
    this.#wasTerminated = false
    if (isStackLeft) throw new AsyncStackReset()
  }

  #fail(cell: RunningCell, error: unknown): void {
    if (!this.#running.has(cell.request.id)) return
    const { code, count } = cell.request
    const lines = this.#intrinsics.soundly(() => traceback(error, this.traces, { label: labelOf(cell.request), source: code }))
    this.#finish(cell, { status: 'error', execution_count: count, ...describeError(error), traceback: lines })
  }

  /** Says so first: what a termination leaves undone then is nothing that the protocol thread waits for. */
  #finish(cell: RunningCell, reply: ExecuteReply): void {
    const { id } = cell.request
    if (!this.#running.has(id)) return
    this.#post({ type: 'done', id, reply, result: cell.result })
    this.#running.delete(id)
    this.#cells.reset()
  }

  /** What a timer or a promise of a cell throws belongs beside that cell; the kernel lives on. */
  #showUncaught(error: unknown, cell: RunningCell | undefined): void {
    this.#cells.reset()
    if (error instanceof Interrupted || error instanceof AsyncStackReset) return
    this.#intrinsics.repair(false)
    this.write('stderr', `Uncaught ${traceback(error, this.traces).join('\n')}\n`, cell)
  }
}

/** Thrown to nobody after an interrupt: an uncaught exception makes Node empty the stack of async_hooks, where terminated code leaves entries. */
class AsyncStackReset extends Error {}

function labelOf({ silent, count }: CellRequest): string {
  return silent ? 'silent cell' : `cell ${count}`
}
