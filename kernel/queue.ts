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
      next.answer(reply)
      if (reply.status === 'error' && next.request.content.stop_on_error !== false) this.abortWaiting()
    }
    this.#isRunning = false
  }

  abortWaiting(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const { request, answer } of waiting) answer(this.#abort(request))
  }
}
