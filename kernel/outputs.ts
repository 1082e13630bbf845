import type { StreamName } from './threads.ts'

/** Milliseconds for which stream text is gathered into one message. */
const GATHER_MS = 10
const MAX_MESSAGE = 1 << 16

/** Gathers what is written in quick succession, so that a cell that prints in a loop does not send a message a line. */
export class StreamGatherer {
  readonly #send: (id: string, name: StreamName, text: string) => void
  #id = ''
  #name: StreamName = 'stdout'
  #texts: string[] = []
  #length = 0
  #timer: NodeJS.Timeout | undefined

  constructor(send: (id: string, name: StreamName, text: string) => void) {
    this.#send = send
  }

  add(id: string, name: StreamName, text: string): void {
    if (id !== this.#id || name !== this.#name || this.#length > MAX_MESSAGE) this.flush()
    this.#id = id
    this.#name = name
    this.#texts.push(text)
    this.#length += text.length
    this.#timer ??= setTimeout(() => this.flush(), GATHER_MS)
  }

  /** Sends what has been gathered; to be called before anything else is published. */
  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#length === 0) return
    const text = this.#texts.join('')
    this.#texts = []
    this.#length = 0
    this.#send(this.#id, this.#name, text)
  }
}
