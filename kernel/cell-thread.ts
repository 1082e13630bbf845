import { Worker, type MessagePort } from 'node:worker_threads'
import { releaseOutput } from './backpressure.ts'
import { deferred } from './deferred.ts'
import type { CellInspector } from './inspector.ts'
import { Interrupter } from './interrupt.ts'
import { MemoryWatch } from './memory.ts'
import { StreamGatherer } from './outputs.ts'
import type { ExecuteReply, Message, Request } from './protocol.ts'
import { Questions } from './questions.ts'
import type { Sockets } from './sockets.ts'
import type { ProtocolThreadData, Question, ToCellThread, ToProtocolThread, TypecheckMode } from './threads.ts'

/** How many cells can be given late output, from a timer for instance. */
const REMEMBERED_CELLS = 1000
/** After how many milliseconds a cell may be one that spins for long. */
const LONG_MS = 500
/** Milliseconds that the cell thread gets to exit by itself. */
const EXIT_PATIENCE_MS = 2000

interface RunningRequest {
  id: string
  request: Request
  isDone: boolean
  answer(reply: ExecuteReply): void
}

/** The cell thread, as the protocol thread sees it. */
export class CellThread {
  /** As cells set it with %typecheck. */
  typecheck: TypecheckMode = 'on'
  readonly #port: MessagePort
  readonly #flags: Int32Array
  readonly #inspector: CellInspector
  readonly #sockets: Sockets
  readonly #interrupter: Interrupter
  readonly #gatherer: StreamGatherer
  readonly #memory: MemoryWatch
  readonly #questions: Questions
  readonly #requests = new Map<string, Request>()
  #running: RunningRequest | undefined
  #signals: Worker | undefined

  constructor(data: ProtocolThreadData, inspector: CellInspector, sockets: Sockets) {
    const { cells: port, flags, heapLimit } = data
    this.#port = port
    this.#flags = flags
    this.#inspector = inspector
    this.#sockets = sockets
    this.#interrupter = new Interrupter(inspector, flags, (message) => this.#post(message), (text) => this.#warn(text))
    this.#gatherer = new StreamGatherer((id, name, text) => sockets.publish('stream', { name, text }, this.#headerOf(id)))
    this.#memory = new MemoryWatch(inspector, heapLimit, (text) => this.#warn(text))
    this.#questions = new Questions(data, sockets)
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
    const { promise: done, resolve: answer } = deferred<ExecuteReply>()
    this.#running = { id, request, answer, isDone: false }
    const silent = content.silent === true
    const expressions = (content.user_expressions ?? {}) as Record<string, string>
    this.#post({ type: 'execute', cell: { id, count, code: String(content.code), silent, allowStdin: content.allow_stdin === true, expressions } })
    this.#memory.start()
    const signals = setTimeout(() => (this.#signals ??= this.#watchSignals()), LONG_MS)
    const reply = await done
    clearTimeout(signals)
    this.#memory.stop()
    this.#gatherer.flush()
    await this.#interrupter.idle
    this.#running = undefined
    return reply
  }

  /** Interrupts the running cell, if there is one; resolves when it is done. */
  async interrupt(): Promise<void> {
    if (this.#running !== undefined) await this.#interrupter.interrupt(this.#running.id)
  }

  /** Makes sure that the process ends soon, whatever the cell thread does. */
  exitSoon(): void {
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), EXIT_PATIENCE_MS)
  }

  /** Ends the process by the cell thread's own exit, which runs exit handlers. A session still connected would make it wait. */
  exit(): void {
    this.#inspector.disconnect()
    this.#post({ type: 'exit' })
  }

  /** Takes an answer of the front end to an input request. */
  answerInput(reply: Request): void {
    this.#questions.answer(reply)
  }

  #receive(message: ToProtocolThread): void {
    if (message.type === 'stream' || message.type === 'publish') releaseOutput(this.#flags)
    if (message.type === 'stream') return this.#gatherer.add(message.id, message.name, message.text)
    this.#gatherer.flush()
    if (message.type === 'publish') this.#sockets.publish(message.messageType, message.json, this.#headerOf(message.id), message.extra)
    else if (message.type === 'interrupt') void this.interrupt()
    else if (message.type === 'still') this.#interrupter.terminateThere()
    else if (message.type === 'quiet') this.#interrupter.rest(message.id)
    else if (message.type === 'typecheck') this.typecheck = message.mode
    else if (message.type === 'input') this.#ask(message)
    else this.#finish(message.id, message.reply)
  }

  /** A cell may be answered for twice: by its end and by an interrupt. */
  #finish(id: string, reply: ExecuteReply): void {
    const running = this.#running
    if (running?.id !== id || running.isDone) return
    const { status, ename, evalue, traceback } = reply
    if (status === 'error') this.#sockets.publish('error', { ename, evalue, traceback }, running.request.header)
    running.isDone = true
    running.answer(reply)
  }

  #warn(text: string): void {
    if (this.#running !== undefined) this.#gatherer.add(this.#running.id, 'stderr', text)
  }

  /** SIGINT reaches the cell thread only when it does not spin. The thread that is always reached takes memory, and most sessions need none. */
  #watchSignals(): Worker {
    const worker = new Worker(new URL('./signal-thread.js', import.meta.url))
    return worker.on('message', () => void this.interrupt()).on('error', (error: Error) => console.error(`hone kernel: ${error.message}`))
  }

  #ask(question: Question): void {
    const request = this.#requests.get(question.id)
    if (request !== undefined) this.#questions.ask(question, request)
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
