import type { Request } from './protocol.ts'
import type { Sockets } from './sockets.ts'
import { Flag, type Answer, type ProtocolThreadData, type Question } from './threads.ts'

/** What cells ask the person at the front end, as the protocol thread sees it (stdin.ts is the other side). */
export class Questions {
  readonly #shared: Pick<ProtocolThreadData, 'answers' | 'flags'>
  readonly #sockets: Sockets
  #latest = 0

  constructor(shared: Pick<ProtocolThreadData, 'answers' | 'flags'>, sockets: Sockets) {
    this.#shared = shared
    this.#sockets = sockets
  }

  /** The request is that of the cell which asks. */
  ask({ question, prompt, password }: Question, request: Request): void {
    this.#latest = question
    this.#sockets.reply('stdin', 'input_request', { prompt, password }, request)
  }

  /** An answer belongs to what was asked last: cells ask one thing at a time. The cell thread may sleep until it comes. */
  answer(value: string): void {
    const { answers, flags } = this.#shared
    const answer: Answer = { question: this.#latest, value }
    answers.postMessage(answer)
    Atomics.add(flags, Flag.answers, 1)
    Atomics.notify(flags, Flag.answers)
  }
}
