import { setMaxListeners } from 'node:events'
import type { Capture } from './capture.ts'
import { Interrupted } from './native.ts'
import type { CellRequest } from './threads.ts'

/** Milliseconds for which an interrupted cell may clean up: in `finally` blocks that await, and otherwise. */
const CLEANUP_MS = 1000
const UNWINDING_MS = 20

/** Turns of the queue of microtasks in which an error goes from one await to the next. */
const HOPS = 8

type Settle = (outcome: Promise<unknown>) => void

/** A cell that runs, or ran and left timers behind: what its outputs, awaits and library calls belong to. */
export class RunningCell {
  readonly request: CellRequest
  /** The contract by which a library meets the front end, at `globalThis[Symbol.for('hone.cell')]`. */
  readonly handle: { readonly id: string; readonly signal: AbortSignal }
  /** Displays whose bundle is still being made. */
  readonly displays = new Set<Promise<void>>()
  /** The value of the last expression; empty before there is one. */
  last: [] | [unknown] = []
  /** The value that was shown, as plain text. */
  result: string | undefined
  /** Takes the outputs while a part of the cell is captured. */
  capture: Capture | undefined
  /** What the front end is asked to do after the cell. https://jupyter-client.readthedocs.io/en/stable/messaging.html#payloads-deprecated */
  readonly payload: object[] = []
  /** What an interrupted cell leaves to be done; each does nothing when it has been done. */
  readonly disposals: (() => unknown)[] = []
  /** Characters written to stdout and stderr. */
  written = 0
  /** Where it was terminated. */
  terminatedAt: readonly NodeJS.CallSite[] | undefined

  readonly #abort = new AbortController()
  readonly #waiting = new Set<Settle>()
  #interruptedAt = Infinity
  #unwoundAt = -Infinity
  #cleanups = 0

  constructor(request: CellRequest) {
    this.request = request
    this.handle = { id: request.id, signal: this.#abort.signal }
    setMaxListeners(0, this.#abort.signal)
  }

  get isInterrupted(): boolean {
    return this.#interruptedAt < Infinity
  }

  /** Whether it is interrupted and a `finally` block still awaits something. */
  get isCleaningUp(): boolean {
    return this.#cleanups > 0 && performance.now() - this.#interruptedAt < CLEANUP_MS
  }

  /** Whether a moment ago one of its loops threw, or what it holds was told to end. */
  get isUnwinding(): boolean {
    return performance.now() - this.#unwoundAt < UNWINDING_MS
  }

  /**
   * What an `await` in a cell waits for: the value, or the interrupt. After an interrupt nothing is waited for any more: a
   * loop that catches errors must stand still too. `resume` is called before the cell goes on.
   * Promises are chained so that V8 can follow them: else a stack would lose its async callers.
   */
  guard(value: unknown, resume = () => {}): unknown {
    if (this.isInterrupted) return new Promise(() => {})
    return new Promise((resolve, reject) => {
      const settle: Settle = (outcome) => void outcome.then(resolve, reject)
      this.#waiting.add(settle)
      const forget = () => {
        this.#waiting.delete(settle)
        resume()
      }
      settle(
        Promise.resolve(value).then(
          (result) => (forget(), result),
          (error) => {
            forget()
            throw error
          },
        ),
      )
    })
  }

  /** What an `await` in a `finally` block waits for, where an interrupted cell may still clean up. */
  async cleanup(value: unknown, resume = () => {}): Promise<unknown> {
    if (!this.isInterrupted) return this.guard(value, resume)
    this.#cleanups++
    try {
      return await value
    } finally {
      this.#cleanups--
      resume()
    }
  }

  /** Has the cell's awaits throw. Runs nobody else's code: it may be called in the midst of anything. */
  interrupt(): void {
    if (this.isInterrupted) return
    this.#interruptedAt = performance.now()
    void this.#end(this.#waiting)
  }

  /** The await that is deepest in the stack is the oldest; its error shall reach those above, and say where the cell was. */
  async #end(waiting: Iterable<Settle>): Promise<void> {
    for (const settle of waiting) {
      settle(Promise.resolve().then(throwInterrupted))
      for (let hop = 0; hop < HOPS; hop++) await undefined
    }
  }

  /** Ends a loop of the cell. */
  unwind(): never {
    this.#unwoundAt = performance.now()
    throw new Interrupted()
  }

  /** Tells the libraries that work for the cell. */
  abort(): void {
    this.interrupt()
    this.#unwoundAt = performance.now()
    this.#abort.abort(new Interrupted())
    for (const dispose of this.disposals) void (async () => dispose())()
  }
}

/** In a reaction of the promise that is awaited, the error's stack has the place of the await. */
function throwInterrupted(): never {
  throw new Interrupted()
}
