import { Session } from 'node:inspector'

/** The protocol thread's way to the inspector of the cell thread, which answers while a cell runs, too. */
export class CellInspector {
  readonly #session = new Session()
  #free: Promise<unknown> = Promise.resolve()

  constructor() {
    this.#session.connectToMainThread()
  }

  /** Calls a method of the protocol. https://chromedevtools.github.io/devtools-protocol/v8/Runtime/ */
  async call<Answer>(method: string, parameters: object = {}): Promise<Answer> {
    await this.#free
    return this.#post(method, parameters)
  }

  /**
   * Terminates the JavaScript that runs. Resolves when that has happened, or with `otherwise`. What is called meanwhile is called
   * afterwards: V8 aborts, or takes the wrong thing for terminated, where a termination meets an evaluation.
   */
  terminate(otherwise: Promise<unknown>): Promise<unknown> {
    this.#free = Promise.race([this.#post('Runtime.terminateExecution', {}), otherwise]).catch(() => undefined)
    return this.#free
  }

  disconnect(): void {
    this.#session.disconnect()
  }

  #post<Answer>(method: string, parameters: object): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#session.post(method, parameters, (error, answer) => (error === null ? resolve(answer as Answer) : reject(error)))
    })
  }
}
