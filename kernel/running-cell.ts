import type { Capture } from './capture.ts'
import { deferred } from './deferred.ts'
import { Interrupted } from './native.ts'
import type { CellRequest } from './threads.ts'

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

  readonly #abort = new AbortController()
  readonly #waiting = new Set<(reason: Interrupted) => void>()

  constructor(request: CellRequest) {
    this.request = request
    this.handle = { id: request.id, signal: this.#abort.signal }
  }

  /**
   * What an `await` in a cell waits for: the value, or the interrupt. After an interrupt nothing is waited for any more: a
   * loop that catches errors must stand still too. `resume` is called before the cell goes on.
   * The two promises are chained so that V8 can follow them: else a stack would lose its async callers.
   */
  guard(value: unknown, resume = () => {}): unknown {
    if (this.handle.signal.aborted) return new Promise(() => {})
    const { promise, resolve, reject } = deferred<unknown>()
    this.#waiting.add(reject)
    const forget = () => {
      this.#waiting.delete(reject)
      resume()
    }
    Promise.resolve(value)
      .then(
        (result) => (forget(), result),
        (error) => {
          forget()
          throw error
        },
      )
      .then(resolve, reject)
    return promise
  }

  interrupt(): void {
    for (const reject of this.#waiting) reject(new Interrupted())
    this.#waiting.clear()
    this.#abort.abort(new Interrupted())
    for (const dispose of this.disposals) void (async () => dispose())()
  }
}
