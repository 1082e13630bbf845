import type { Session } from 'node:inspector'
import type { MessagePort } from 'node:worker_threads'
import { Interrupter, type Running } from './interrupt.ts'
import { StreamGatherer } from './outputs.ts'
import type { ExecuteReply, Message, Request } from './protocol.ts'
import type { Sockets } from './sockets.ts'
import type { ToCellThread, ToProtocolThread } from './threads.ts'

/** How many cells can be given late output, from a timer for instance. */
const REMEMBERED_CELLS = 1000
/** Milliseconds that the cell thread gets to exit by itself. */
const EXIT_PATIENCE_MS = 2000

interface RunningRequest extends Running {
  request: Request
  finish(reply: ExecuteReply): void
}

/** The cell thread, as the protocol thread sees it. */
export class CellThread {
  readonly #port: MessagePort
  readonly #sockets: Sockets
  readonly #interrupter: Interrupter
  readonly #gatherer: StreamGatherer
  readonly #requests = new Map<string, Request>()
  #running: RunningRequest | undefined

  /** The session is connected to the cell thread. */
  constructor(port: MessagePort, session: Session, flags: Int32Array, sockets: Sockets) {
    this.#port = port
    this.#sockets = sockets
    this.#interrupter = new Interrupter(session, flags, (message) => this.#post(message))
    this.#gatherer = new StreamGatherer((id, name, text) => sockets.publish('stream', { name, text }, this.#headerOf(id)))
    port.on('message', (message: ToProtocolThread) => this.#receive(message))
  }

  /** The request of the cell that runs now. */
  get running(): Request | undefined {
    return this.#running?.request
  }

  /** Evaluates a cell and resolves with the reply. */
  async run(request: Request, count: number): Promise<ExecuteReply> {
    const { header, content } = request
    const id = header.msg_id
    this.#remember(id, request)
    const running = { id, count, request, isDone: false, ...deferred<ExecuteReply>() }
    this.#running = running
    const silent = content.silent === true
    const expressions = (content.user_expressions ?? {}) as Record<string, string>
    this.#post({ type: 'execute', cell: { id, count, code: String(content.code), silent, allowStdin: content.allow_stdin === true, expressions } })
    const reply = await running.done
    this.#gatherer.flush()
    await this.#interrupter.idle
    this.#running = undefined
    return reply
  }

  /** Interrupts the running cell, if there is one; resolves when it is done. */
  async interrupt(): Promise<void> {
    if (this.#running !== undefined) await this.#interrupter.interrupt(this.#running)
  }

  /** Ends the process by the cell thread's own exit, which runs exit handlers. */
  exit(): void {
    this.#post({ type: 'exit' })
  }

  /** Ends the process by force if it has not exited in a while. */
  exitSoon(): void {
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), EXIT_PATIENCE_MS)
  }

  /** An answer of the front end to an input request. */
  answerInput(value: string): void {
    if (this.#running !== undefined) this.#post({ type: 'input', id: this.#running.id, value })
  }

  #receive(message: ToProtocolThread): void {
    if (message.type === 'stream') return this.#gatherer.add(message.id, message.name, message.text)
    this.#gatherer.flush()
    if (message.type === 'publish') this.#sockets.publish(message.messageType, message.json, this.#headerOf(message.id))
    else if (message.type === 'interrupt') void this.interrupt()
    else if (message.type === 'input') this.#askFrontEnd(message.id, message.prompt, message.password)
    else this.#finish(message.id, message.reply)
  }

  /** A cell may be answered for twice: by its end and by an interrupt. */
  #finish(id: string, reply: ExecuteReply): void {
    const running = this.#running
    if (running?.id !== id || running.isDone) return
    const { status, ename, evalue, traceback } = reply
    if (status === 'error') this.#sockets.publish('error', { ename, evalue, traceback }, running.request.header)
    running.isDone = true
    running.finish(reply)
  }

  #askFrontEnd(id: string, prompt: string, password: boolean): void {
    const request = this.#requests.get(id)
    if (request !== undefined) this.#sockets.reply('stdin', 'input_request', { prompt, password }, request)
  }

  #post(message: ToCellThread): void {
    this.#port.postMessage(message)
  }

  #headerOf(id: string): Message['parent_header'] {
    return this.#requests.get(id)?.header ?? {}
  }

  #remember(id: string, request: Request): void {
    this.#requests.set(id, request)
    const [oldest] = this.#requests.keys()
    if (this.#requests.size > REMEMBERED_CELLS) this.#requests.delete(oldest)
  }
}

function deferred<T>() {
  let finish!: (value: T) => void
  const done = new Promise<T>((resolve) => (finish = resolve))
  return { done, finish }
}
