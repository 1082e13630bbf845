import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads'
import { Interrupted } from './native.ts'
import type { RunningCell } from './running-cell.ts'
import { Flag, Interrupt, type Answer, type ToProtocolThread } from './threads.ts'

/** What consoles answer where the person ends the input instead, with Ctrl-D. */
const END_OF_INPUT = '\u0004'

/** What a cell asks the person at the front end. */
export class Stdin {
  readonly #post: (message: ToProtocolThread) => void
  readonly #answers: MessagePort
  readonly #flags: Int32Array
  readonly #waiting = new Map<number, (value: string) => void>()
  #questions = 0
  /** The latest question of each cell. A termination may leave one unsettled for ever: a later cell must not wait for it. */
  readonly #latest = new WeakMap<RunningCell, Promise<unknown>>()

  /** Every answer that comes through the port is counted in the flags, so that a thread that sleeps is woken. */
  constructor(post: (message: ToProtocolThread) => void, answers: MessagePort, flags: Int32Array) {
    this.#post = post
    this.#answers = answers
    this.#flags = flags
    answers.on('message', (answer: Answer) => this.#receive(answer)).unref()
  }

  /** Asks when the cell's earlier questions are answered. Rejects when the front end cannot ask, or the cell is interrupted. */
  async ask(cell: RunningCell | undefined, prompt: string, password: boolean): Promise<string> {
    const asking = this.#askable(cell, prompt)
    const answer = (this.#latest.get(asking) ?? Promise.resolve()).then(() => this.#answer(asking, prompt, password))
    this.#latest.set(asking, answer.catch(() => undefined))
    return answer
  }

  #answer(cell: RunningCell, prompt: string, password: boolean): Promise<string> {
    const question = this.#send(cell, prompt, password)
    return new Promise<string>((resolve, reject) => {
      this.#waiting.set(question, resolve)
      cell.handle.signal.addEventListener('abort', () => reject(new Interrupted()), { once: true })
    }).then(textOf)
  }

  /** Asks and holds this thread until the answer is there. An interrupt wakes it. */
  askAndHold(cell: RunningCell | undefined, prompt: string, password: boolean): string {
    const question = this.#send(this.#askable(cell, prompt), prompt, password)
    for (;;) {
      const count = Atomics.load(this.#flags, Flag.answers)
      if (Atomics.load(this.#flags, Flag.interrupt) !== Interrupt.none) throw new Interrupted()
      const answer = receiveMessageOnPort(this.#answers)?.message as Answer | undefined
      if (answer?.question === question) return textOf(answer.value)
      if (answer === undefined) Atomics.wait(this.#flags, Flag.answers, count)
      else this.#receive(answer)
    }
  }

  #askable(cell: RunningCell | undefined, prompt: string): RunningCell {
    if (cell?.request.allowStdin === true) return cell
    throw new Error(`"${prompt}" cannot be asked: the front end that runs this cell takes no input. Give the value in the code.`)
  }

  #send(cell: RunningCell, prompt: string, password: boolean): number {
    const question = ++this.#questions
    this.#post({ type: 'input', id: cell.request.id, question, prompt, password })
    return question
  }

  #receive({ question, value }: Answer): void {
    this.#waiting.get(question)?.(value)
    this.#waiting.delete(question)
  }
}

/** Throws an Error where there is no answer. */
function textOf(answer: string): string {
  if (answer === END_OF_INPUT) throw new Error('There is no answer: the input was ended (Ctrl-D).')
  return answer
}
