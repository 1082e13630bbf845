import type { Session } from 'node:inspector'
import { setTimeout as sleep } from 'node:timers/promises'
import { Flag, Interrupt, type ToCellThread } from './threads.ts'

/** How long a busy cell thread may take to answer the message before it is terminated. */
const PATIENCE_MS = 5
/** After how long a cell that goes on needs an explanation. */
const EXPLAIN_MS = 1000
/** How long modules that are being loaded are let finish. */
const LOADING_PATIENCE_MS = 5000

/** A cell, or a message of a comm, that the cell thread works on. */
export interface Running {
  id: string
  count: number
  /** Resolves when the cell thread has answered for the cell. */
  done: Promise<unknown>
  isDone: boolean
}

/**
 * Interrupts the cell thread: all that runs there. A message alone ends a cell that waits; JavaScript that spins is terminated first, so that the
 * thread comes to read the message. Both are repeated until every cell is done: a termination may hit the message's own
 * handler, and native code is left to return (native.ts has the other half of that agreement).
 */
export class Interrupter {
  readonly #session: Session
  readonly #flags: Int32Array
  readonly #post: (message: ToCellThread) => void
  readonly #warn: (text: string) => void
  #current: Promise<void> | undefined

  /** The session is connected to the cell thread. */
  constructor(session: Session, flags: Int32Array, post: (message: ToCellThread) => void, warn: (text: string) => void) {
    this.#session = session
    this.#flags = flags
    this.#post = post
    this.#warn = warn
  }

  /** Resolves when no interrupt is under way. */
  get idle(): Promise<void> {
    return this.#current ?? Promise.resolve()
  }

  /** Resolves when the cells are done and nothing of the interrupt can reach a later one. None may be started before. */
  interrupt(cells: readonly Running[]): Promise<void> {
    this.#current ??= this.#persist(cells).finally(() => (this.#current = undefined))
    return this.#current
  }

  async #persist(cells: readonly Running[]): Promise<void> {
    const start = performance.now()
    const explanation = setTimeout(() => this.#explain(), EXPLAIN_MS)
    this.#setState(Interrupt.asked)
    for (let left = cells; left.length > 0; left = left.filter((cell) => !cell.isDone)) {
      this.#post({ type: 'interrupt', cells: left.map(({ id, count }) => ({ id, count })) })
      await Promise.race([Promise.all(left.map((cell) => cell.done)), sleep(PATIENCE_MS)])
      const isLoading = this.#is(Flag.loading) && performance.now() - start < LOADING_PATIENCE_MS
      if (left.some((cell) => !cell.isDone) && !isLoading && !this.#is(Flag.asyncHooks)) await this.#terminate()
    }
    clearTimeout(explanation)
    this.#setState(Interrupt.none)
  }

  /** Terminates JavaScript, unless native code runs. */
  async #terminate(): Promise<void> {
    this.#setState(Interrupt.terminating)
    if (!this.#is(Flag.native)) await this.#terminateExecution()
    this.#setState(Interrupt.asked)
  }

  /** Resolves when the termination has happened. Where nothing runs, a message gives it something to end. */
  async #terminateExecution(): Promise<void> {
    const done = new Promise<boolean>((resolve) => this.#session.post('Runtime.terminateExecution', () => resolve(true)))
    do this.#post({ type: 'nothing' })
    while (!(await Promise.race([done, sleep(PATIENCE_MS, false)])))
  }

  /** Says why a cell goes on. */
  #explain(): void {
    if (this.#is(Flag.native)) this.#warn('The cell will end when the native code that it called returns.\n')
    else if (this.#is(Flag.asyncHooks)) {
      this.#warn('The cell ends when it next awaits: code that uses async_hooks (AsyncLocalStorage, before Node 24) cannot be stopped elsewhere. Or restart the kernel.\n')
    }
  }

  #is(place: number): boolean {
    return Atomics.load(this.#flags, place) > 0
  }

  #setState(state: number): void {
    Atomics.store(this.#flags, Flag.interrupt, state)
  }
}
