import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads'
import { Interrupted } from './native.ts'
import type { RunningCell } from './running-cell.ts'
import { Flag, type Answer, type ToProtocolThread } from './threads.ts'

/** What a cell asks the person at the front end. */
export class Stdin {
  readonly #post: (message: ToProtocolThread) => void
  readonly #answers: MessagePort
  readonly #flags: Int32Array
  readonly #waiting = new Map<number, (value: string) => void>()
  #questions = 0
  #previous: Promise<unknown> = Promise.resolve()

  /** Every answer that comes through the port is counted in the flags, so that a thread that sleeps is woken. */
  constructor(post: (message: ToProtocolThread) => void, answers: MessagePort, flags: Int32Array) {
    this.#post = post
    this.#answers = answers
    this.#flags = flags
    answers.on('message', (answer: Answer) => this.#receive(answer)).unref()
  }

  /** Asks when earlier questions are answered. Rejects when the front end cannot ask, or the cell is interrupted. */
  async ask(cell: RunningCell | undefined, prompt: string, password: boolean): Promise<string> {
    const answer = this.#previous.then(() => this.#answer(cell, prompt, password))
    this.#previous = answer.catch(() => undefined)
    return answer
  }

  #answer(cell: RunningCell | undefined, prompt: string, password: boolean): Promise<string> {
    const question = this.#send(cell, prompt, password)
    return new Promise((resolve, reject) => {
      this.#waiting.set(question, resolve)
      cell?.handle.signal.addEventListener('abort', () => reject(new Interrupted()), { once: true })
    })
  }

  /** Asks and holds this thread until the answer is there. An interrupt ends it: a thread that sleeps can be terminated. */
  askAndHold(cell: RunningCell | undefined, prompt: string, password: boolean): string {
    const question = this.#send(cell, prompt, password)
    for (;;) {
      const count = Atomics.load(this.#flags, Flag.answers)
      const answer = receiveMessageOnPort(this.#answers)?.message as Answer | undefined
      if (answer?.question === question) return answer.value
      if (answer === undefined) Atomics.wait(this.#flags, Flag.answers, count)
      else this.#receive(answer)
    }
  }

  #send(cell: RunningCell | undefined, prompt: string, password: boolean): number {
    if (cell?.request.allowStdin !== true) throw new Error(`"${prompt}" cannot be asked: the front end that runs this cell takes no input. Give the value in the code.`)
    const question = ++this.#questions
    this.#post({ type: 'input', id: cell.request.id, question, prompt, password })
    return question
  }

  #receive({ question, value }: Answer): void {
    this.#waiting.get(question)?.(value)
    this.#waiting.delete(question)
  }
}
