import { setImmediate as turn } from 'node:timers/promises'
import type { ExecuteReply, Request } from './protocol.ts'

interface Waiting {
  request: Request
  answer: (reply: ExecuteReply) => void
}

/** Runs execute requests one after the other. After an error those that wait are aborted, unless the cell asked otherwise. */
export class ExecutionQueue {
  readonly #run: (request: Request) => Promise<ExecuteReply>
  readonly #abort: (request: Request) => ExecuteReply
  #waiting: Waiting[] = []
  #isRunning = false

  constructor(run: (request: Request) => Promise<ExecuteReply>, abort: (request: Request) => ExecuteReply) {
    this.#run = run
    this.#abort = abort
  }

  submit(request: Request): Promise<ExecuteReply> {
    return new Promise((answer) => {
      this.#waiting.push({ request, answer })
      void this.#drain()
    })
  }

  async #drain(): Promise<void> {
    if (this.#isRunning) return
    this.#isRunning = true
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const reply = await this.#run(next.request)
      const isStopping = reply.status === 'error' && next.request.content.stop_on_error !== false
      if (isStopping) await this.#arrivals()
      next.answer(reply)
      if (isStopping) this.abortWaiting()
    }
    this.#isRunning = false
  }

  /** Who has not seen the error's reply yet may have sent more cells: those that are under way to here are waited for, to be aborted too. */
  async #arrivals(): Promise<void> {
    for (let known = -1; known < this.#waiting.length; await turn()) known = this.#waiting.length
  }

  abortWaiting(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const { request, answer } of waiting) answer(this.#abort(request))
  }
}
