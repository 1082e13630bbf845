import type { Readable, Writable } from 'node:stream'

type Json = Record<string, unknown>
interface Message {
  id?: number | string
  method?: string
  params?: unknown
  result?: unknown
  error?: { message: string }
}
interface Waiting {
  resolve(result: unknown): void
  reject(error: Error): void
}

const SEPARATOR = '\r\n\r\n'

/** JSON-RPC 2.0 with the headers of the language server protocol. https://microsoft.github.io/language-server-protocol/specifications/base/0.9/specification/ */
export class JsonRpcConnection {
  readonly #output: Writable
  readonly #answer: (method: string, params: Json) => unknown
  readonly #waiting = new Map<number, Waiting>()
  #received: Buffer = Buffer.alloc(0)
  #lastId = 0

  /** `answer` gives the result of a request that the other side makes. */
  constructor(input: Readable, output: Writable, answer: (method: string, params: Json) => unknown) {
    this.#output = output
    this.#answer = answer
    input.on('data', (chunk: Buffer) => this.#receive(chunk))
  }

  /** Resolves with the result. Rejects with the other side's error, or when the connection is lost. */
  request<Result>(method: string, params: object): Promise<Result> {
    const id = ++this.#lastId
    return new Promise<Result>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as Waiting['resolve'], reject })
      this.#send({ id, method, params })
    })
  }

  notify(method: string, params: object): void {
    this.#send({ method, params })
  }

  /** Rejects what still waits for an answer. */
  lose(reason: Error): void {
    for (const { reject } of this.#waiting.values()) reject(reason)
    this.#waiting.clear()
  }

  #send(message: Message): void {
    const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...message }))
    this.#output.write(Buffer.concat([Buffer.from(`Content-Length: ${body.length}${SEPARATOR}`), body]))
  }

  #receive(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk])
    for (;;) {
      const headerEnd = this.#received.indexOf(SEPARATOR)
      if (headerEnd < 0) return
      const length = Number(/Content-Length: (\d+)/i.exec(this.#received.toString('latin1', 0, headerEnd))?.[1])
      const start = headerEnd + SEPARATOR.length
      if (this.#received.length < start + length) return
      const message = JSON.parse(this.#received.toString('utf8', start, start + length)) as Message
      this.#received = this.#received.subarray(start + length)
      this.#handle(message)
    }
  }

  #handle({ id, method, params, result, error }: Message): void {
    if (method !== undefined) {
      if (id !== undefined) this.#send({ id, result: this.#answer(method, (params ?? {}) as Json) ?? null })
      return
    }
    const waiting = this.#waiting.get(id as number)
    this.#waiting.delete(id as number)
    if (error !== undefined) waiting?.reject(new Error(error.message))
    else waiting?.resolve(result)
  }
}
