import type { Request } from './protocol.ts'
import type { Sockets } from './sockets.ts'
import { Flag, type Answer, type ProtocolThreadData, type Question } from './threads.ts'

/** What cells ask the person at the front end, as the protocol thread sees it (stdin.ts is the other side). */
export class Questions {
  readonly #shared: Pick<ProtocolThreadData, 'answers' | 'flags'>
  readonly #sockets: Sockets
  #latest = 0
  /** Message ids of input requests, with their questions. */
  readonly #asked = new Map<string, number>()

  constructor(shared: Pick<ProtocolThreadData, 'answers' | 'flags'>, sockets: Sockets) {
    this.#shared = shared
    this.#sockets = sockets
  }

  /** The request is that of the cell which asks. */
  ask({ question, prompt, password }: Question, request: Request): void {
    this.#latest = question
    this.#asked.set(this.#sockets.reply('stdin', 'input_request', { prompt, password }, request), question)
  }

  /** Takes an input_reply. Few front ends say which request it is for; else it is for the latest. The cell thread may sleep until it comes. */
  answer({ parent_header, content }: Request): void {
    const question = this.#asked.get(parent_header.msg_id ?? '') ?? this.#latest
    const { answers, flags } = this.#shared
    const answer: Answer = { question, value: typeof content.value === 'string' ? content.value : '' }
    answers.postMessage(answer)
    Atomics.add(flags, Flag.answers, 1)
    Atomics.notify(flags, Flag.answers)
  }
}
