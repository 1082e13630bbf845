import { randomUUID } from 'node:crypto'
import { Worker, type MessagePort } from 'node:worker_threads'
import { releaseOutput } from './backpressure.ts'
import { deferred } from './deferred.ts'
import { GarbageCollection } from './garbage.ts'
import type { History } from './history.ts'
import type { CellInspector } from './inspector.ts'
import { Interrupter } from './interrupt.ts'
import { addMagic } from './magics/own.ts'
import { MemoryWatch } from './memory.ts'
import { StreamGatherer } from './outputs.ts'
import type { ExecuteReply, Message, Request } from './protocol.ts'
import { Questions } from './questions.ts'
import type { Sockets } from './sockets.ts'
import type { CommRequest, ProtocolThreadData, Question, ToCellThread, ToProtocolThread, TypecheckMode } from './threads.ts'

/** How many cells can be given late output, from a timer for instance. */
const REMEMBERED_CELLS = 1000
/** After how many milliseconds a cell may be one that spins for long. */
const LONG_MS = 500
/** Milliseconds that the cell thread gets to exit by itself. */
const EXIT_PATIENCE_MS = 2000

/** A cell, or a message of a comm, that the cell thread works on. */
interface RunningRequest {
  request: Request
  isDone: boolean
  answer(reply: ExecuteReply): void
}

/** The cell thread, as the protocol thread sees it. */
export class CellThread {
  /** As cells set it with %typecheck. */
  typecheck: TypecheckMode = 'on'
  /** The local files that modules were made of, with their stamps (modules/files.ts) when they were read. */
  readonly files = new Map<string, string>()
  readonly #port: MessagePort
  readonly #flags: Int32Array
  readonly #inspector: CellInspector
  readonly #sockets: Sockets
  readonly #history: History
  readonly #interrupter: Interrupter
  readonly #gatherer: StreamGatherer
  readonly #memory: MemoryWatch
  readonly #garbage: GarbageCollection
  readonly #questions: Questions
  readonly #requests = new Map<string, Request>()
  readonly #running = new Map<string, RunningRequest>()
  #isEnding = false
  /** The comms that are open, with their targets. */
  readonly comms = new Map<string, string>()
  #signals: Worker | undefined

  constructor(data: ProtocolThreadData, inspector: CellInspector, sockets: Sockets, history: History) {
    const { cells: port, flags, heapLimit } = data
    this.#port = port
    this.#flags = flags
    this.#inspector = inspector
    this.#sockets = sockets
    this.#history = history
    this.#interrupter = new Interrupter(inspector, flags, (message) => this.#post(message), (text) => this.#warn(text))
    this.#gatherer = new StreamGatherer((id, name, text) => sockets.publish('stream', { name, text }, this.#headerOf(id)))
    this.#memory = new MemoryWatch(inspector, heapLimit, (text) => this.#warn(text))
    this.#garbage = new GarbageCollection(inspector)
    this.#questions = new Questions(data, sockets)
    port.on('message', (message: ToProtocolThread) => this.#receive(message))
  }

  /** A request that the cell thread works on now. */
  get running(): Request | undefined {
    const [first] = this.#running.values()
    return first?.request
  }

  /** Evaluates a cell and resolves with the reply. Cells may run at once: each goes on while the others await. */
  run(request: Request, count: number): Promise<ExecuteReply> {
    const { code, silent, allow_stdin: allowStdin, user_expressions } = request.content
    const expressions = (user_expressions ?? {}) as Record<string, string>
    return this.#work(request, count, (id) => {
      this.#post({ type: 'execute', cell: { id, count, code: String(code), silent: silent === true, allowStdin: allowStdin === true, expressions } })
    })
  }

  /** Hands a message of a comm over; resolves when its handler is done. */
  async deliver(type: CommRequest['type'], request: Request): Promise<void> {
    const { content, metadata, buffers } = request
    this.#noteComm(type, content)
    await this.#work(request, 0, (id) => this.#post({ type: 'comm', message: { id, type, content, metadata, buffers } }))
  }

  /** Nothing is begun while an interrupt is under way, which could end it. */
  async #work(request: Request, count: number, begin: (id: string) => void): Promise<ExecuteReply> {
    await this.#interrupter.idle
    if (this.#isEnding) return { status: 'aborted', execution_count: count }
    const id = randomUUID()
    const { promise: done, resolve: answer } = deferred<ExecuteReply>()
    begin(id)
    this.#remember(id, request)
    this.#running.set(id, { request, answer, isDone: false })
    this.#memory.start()
    const signals = setTimeout(() => (this.#signals ??= this.#watchSignals()), LONG_MS)
    const reply = await done
    clearTimeout(signals)
    await this.#interrupter.idle
    this.#gatherer.flush()
    this.#running.delete(id)
    if (this.#running.size === 0) this.#memory.stop()
    this.#garbage.count()
    return reply
  }

  /** Interrupts all that runs, be it left behind by a cell that has ended; resolves when it is done. */
  interrupt(): Promise<void> {
    return this.#interrupter.interrupt()
  }

  /** Begins nothing any more, and makes sure that the process ends soon, whatever the cell thread does. */
  exitSoon(): void {
    this.#isEnding = true
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
    if (message.type === 'publish') this.#publish(message)
    else if (message.type === 'history') void this.#recall(message)
    else if (message.type === 'interrupt') void this.interrupt()
    else if (message.type === 'still') this.#interrupter.terminateThere()
    else if (message.type === 'quiet') this.#interrupter.rest()
    else if (message.type === 'typecheck') this.typecheck = message.mode
    else if (message.type === 'magic') addMagic(message.name, () => undefined, message.summary)
    else if (message.type === 'file') this.files.set(message.path, message.stamp)
    else if (message.type === 'input') this.#ask(message)
    else this.#finish(message)
  }

  #publish({ id, messageType, json, extra }: Extract<ToProtocolThread, { type: 'publish' }>): void {
    if (messageType === 'comm_open' || messageType === 'comm_close') this.#noteComm(messageType, JSON.parse(json) as Record<string, unknown>)
    this.#sockets.publish(messageType, json, this.#headerOf(id), extra)
  }

  #noteComm(type: CommRequest['type'], { comm_id, target_name }: Record<string, unknown>): void {
    if (type === 'comm_open') this.comms.set(String(comm_id), String(target_name))
    else if (type === 'comm_close') this.comms.delete(String(comm_id))
  }

  async #recall({ question, query }: Extract<ToProtocolThread, { type: 'history' }>): Promise<void> {
    this.#post({ type: 'history', question, entries: await this.#history.find(query) })
  }

  /** A cell may be answered for twice: by its end and by an interrupt. */
  #finish({ id, reply, result }: Extract<ToProtocolThread, { type: 'done' }>): void {
    const running = this.#running.get(id)
    if (running === undefined || running.isDone) return
    const { status, execution_count, ename, evalue, traceback } = reply
    if (result !== undefined) this.#history.setOutput(execution_count, result)
    if (status === 'error') this.#sockets.publish('error', { ename, evalue, traceback }, running.request.header)
    running.isDone = true
    running.answer(reply)
  }

  #warn(text: string): void {
    const [id] = this.#running.keys()
    if (id !== undefined) this.#gatherer.add(id, 'stderr', text)
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
