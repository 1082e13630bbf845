import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Dealer, Request as Requester, Subscriber } from 'zeromq'
import { address, type Connection } from './connection.ts'
import { deferred, type Deferred } from './deferred.ts'
import { KernelProcess, type Exit, type StartOptions } from './kernel-process.ts'
import type { ExecuteReply, Header, Message } from './protocol.ts'
import { createHeader, decode, encode } from './wire.ts'

export type { ExecuteReply, Message } from './protocol.ts'
export type { StartOptions } from './kernel-process.ts'

export interface ExecuteOptions {
  silent?: boolean
  storeHistory?: boolean
  stopOnError?: boolean
  allowStdin?: boolean
  userExpressions?: Record<string, string>
  /** The id of another subshell than the main one. */
  subshell?: string
  /** Seconds. On expiry the cell is interrupted and the promise rejects with CellTimeout. */
  timeout?: number
  /** Gets stream, display_data, update_display_data, execute_result, error and clear_output messages of the cell, in order. */
  onOutput?: (message: Message) => void
  onInput?: (prompt: string, password: boolean) => string | Promise<string>
}

/** The kernel's process ended while something was expected of it. */
export class KernelDied extends Error {
  readonly code: number | null
  readonly signal: string | null
  /** The end of what the process wrote to stderr. */
  readonly stderr: string

  constructor({ code, signal }: Exit, stderr: string) {
    const isHeap = stderr.includes('heap out of memory')
    const reason = isHeap ? 'out of memory' : signal === 'SIGKILL' ? 'killed (SIGKILL), perhaps because the machine ran out of memory' : undefined
    super(`The kernel died: ${reason ?? (signal === null ? `exit code ${code}` : `signal ${signal}`)}.`)
    this.name = 'KernelDied'
    this.code = code
    this.signal = signal
    this.stderr = stderr
  }
}

/** A cell ran longer than it was allowed to. */
export class CellTimeout extends Error {
  constructor(seconds: number) {
    super(`The cell ran longer than ${seconds} s and was interrupted.`)
    this.name = 'CellTimeout'
  }
}

const OUTPUTS = new Set(['stream', 'display_data', 'update_display_data', 'execute_result', 'error', 'clear_output'])
/** Milliseconds between two attempts of a socket to connect. */
const RECONNECT_MS = 10
/** Milliseconds between two questions to a kernel that has not answered yet. */
const RETRY_MS = 50
/** Milliseconds that a kernel gets to end by itself, or a cell to end after an interrupt. */
const PATIENCE_MS = 5000

/** What a message may carry beside its content. */
export interface Carried {
  subshell?: string
  metadata?: Record<string, unknown>
  buffers?: Uint8Array[]
}

type Listeners = Pick<ExecuteOptions, 'onOutput' | 'onInput'>

/** What is expected of the kernel for one request. */
interface Pending extends Listeners {
  reply: Deferred<Message>
  idle: Deferred<void>
}

/** A notebook client: starts the real kernel and speaks to it over ZeroMQ. */
export class KernelClient {
  readonly #kernel: KernelProcess
  #info: Record<string, unknown> = {}
  readonly #session = randomUUID()
  readonly #pending = new Map<string, Pending>()
  /** Gets every message of a comm that the kernel sends. */
  onComm?: (message: Message) => void
  #channels!: Record<'shell' | 'control' | 'stdin', Dealer>
  #iopub!: Subscriber

  /** Starts a kernel of its own; resolves when it answers. Rejects with KernelDied when it cannot start. */
  static async start(options: StartOptions = {}): Promise<KernelClient> {
    const client = new KernelClient(await KernelProcess.start(options))
    try {
      await client.#untilReady()
      return client
    } catch (error) {
      await client.shutdown()
      throw error
    }
  }

  private constructor(kernel: KernelProcess) {
    this.#kernel = kernel
    this.#connect()
  }

  #connect(): void {
    const { connection } = this.#kernel
    const dealer = () => new Dealer({ routingId: this.#session, reconnectInterval: RECONNECT_MS, linger: 0 })
    this.#channels = { shell: dealer(), control: dealer(), stdin: dealer() }
    this.#iopub = new Subscriber({ reconnectInterval: RECONNECT_MS, receiveHighWaterMark: 0 })
    for (const channel of ['shell', 'control', 'stdin'] as const) this.#channels[channel].connect(address(connection, channel))
    this.#iopub.connect(address(connection, 'iopub'))
    this.#iopub.subscribe()
    for (const socket of this.#sockets) void this.#receive(socket)
  }

  get #sockets(): (Dealer | Subscriber)[] {
    return [...Object.values(this.#channels), this.#iopub]
  }

  /** Content of the kernel's kernel_info_reply. */
  get info(): Record<string, unknown> {
    return this.#info
  }

  /** Resolves when the process has ended. */
  get exited(): Promise<Exit> {
    return this.#kernel.exited
  }

  get pid(): number {
    return this.#kernel.pid
  }

  /** The end of the kernel's log: what the process wrote to stderr itself. */
  get log(): string {
    return this.#kernel.stderr
  }

  /** The ports and the key. */
  get connection(): Connection {
    return this.#kernel.connection
  }

  /** Runs a cell; resolves when the kernel has replied and is idle. Rejects with KernelDied or CellTimeout. */
  async execute(code: string, options: ExecuteOptions = {}): Promise<ExecuteReply> {
    const { silent = false, storeHistory = !silent, stopOnError = true, allowStdin = options.onInput !== undefined, userExpressions = {} } = options
    const content = { code, silent, store_history: storeHistory, user_expressions: userExpressions, allow_stdin: allowStdin, stop_on_error: stopOnError }
    const answered = this.#ask('shell', 'execute_request', content, { subshell: options.subshell }, options)
    const reply = options.timeout === undefined ? await answered : await this.#within(options.timeout, answered)
    return reply.content as unknown as ExecuteReply
  }

  /** Sends any request; resolves with the reply when the kernel is idle again. */
  request(channel: 'shell' | 'control', type: string, content: object = {}, carried: Carried = {}): Promise<Message> {
    return this.#ask(channel, type, content, carried)
  }

  /** Sends a message of a comm, which has no reply; resolves when the kernel has handled it. */
  async sendComm(type: 'comm_open' | 'comm_msg' | 'comm_close', content: object, carried: Carried = {}, listeners: Listeners = {}): Promise<void> {
    await this.#tell('shell', type, content, carried, listeners, ({ idle }) => idle.promise)
  }

  /** Interrupts the running cell; resolves when the kernel has answered. */
  async interrupt(): Promise<void> {
    await this.#ask('control', 'interrupt_request', {})
  }

  /** Milliseconds that a heartbeat takes there and back. */
  async heartbeat(): Promise<number> {
    const requester = new Requester({ reconnectInterval: RECONNECT_MS, linger: 0 })
    try {
      requester.connect(address(this.#kernel.connection, 'hb'))
      const start = performance.now()
      await requester.send('ping')
      await Promise.race([requester.receive(), this.#death()])
      return performance.now() - start
    } finally {
      requester.close()
    }
  }

  /** Ends the process and starts a fresh one on the same connection. */
  async restart(): Promise<void> {
    await this.#end(true)
    this.#kernel.spawn()
    this.#connect()
    await this.#untilReady()
  }

  /** Ends the process and lets go of everything. */
  async shutdown(): Promise<void> {
    await this.#end(false)
    await this.#kernel.dispose()
  }

  async #end(restart: boolean): Promise<void> {
    const answered = this.#ask('control', 'shutdown_request', { restart }).catch(() => undefined)
    await Promise.race([this.exited, sleep(PATIENCE_MS, undefined, { ref: false })])
    this.#kernel.kill()
    await this.exited
    await answered
    for (const socket of this.#sockets) socket.close()
  }

  /** Asks until a reply and its status on iopub arrive, so that no output can be missed later. */
  async #untilReady(): Promise<void> {
    for (;;) {
      const answered = this.#ask('shell', 'kernel_info_request', {})
      const reply = await Promise.race([answered, sleep(RETRY_MS)])
      if (reply === undefined) {
        answered.catch(() => undefined)
        continue
      }
      this.#info = reply.content
      return
    }
  }

  async #within(seconds: number, answered: Promise<Message>): Promise<Message> {
    const timer = new AbortController()
    const reply = await Promise.race([answered, sleep(seconds * 1000, undefined, { signal: timer.signal }).catch(() => undefined)])
    timer.abort()
    if (reply !== undefined) return reply
    this.interrupt().catch(() => undefined)
    await Promise.race([answered, sleep(PATIENCE_MS, undefined, { ref: false })])
    throw new CellTimeout(seconds)
  }

  async #ask(channel: 'shell' | 'control', type: string, content: object, carried: Carried = {}, listeners: Listeners = {}): Promise<Message> {
    return this.#tell(channel, type, content, carried, listeners, ({ reply, idle }) => Promise.all([reply.promise, idle.promise]).then(([message]) => message))
  }

  /** Sends a message; resolves with what `until` waits for. */
  async #tell<T>(channel: 'shell' | 'control', type: string, content: object, carried: Carried, listeners: Listeners, until: (pending: Pending) => Promise<T>): Promise<T> {
    const pending: Pending = { reply: deferred(), idle: deferred(), ...listeners }
    const header = createHeader(type, this.#session, 'hone')
    this.#pending.set(header.msg_id, pending)
    try {
      await this.#send(channel, { ...header, subshell_id: carried.subshell }, content, carried)
      return await Promise.race([until(pending), this.#death()])
    } finally {
      this.#pending.delete(header.msg_id)
    }
  }

  async #death(): Promise<never> {
    throw new KernelDied(await this.exited, this.#kernel.stderr)
  }

  async #send(channel: 'shell' | 'control' | 'stdin', header: Header, content: object, { metadata = {}, buffers = [] }: Carried = {}, parent_header: Partial<Header> = {}): Promise<void> {
    await this.#channels[channel].send(encode({ header, parent_header, metadata, content, buffers }, this.#kernel.connection))
  }

  async #receive(socket: Dealer | Subscriber): Promise<void> {
    for await (const frames of socket) {
      const message = decode(frames, this.#kernel.connection)
      if (message.header.msg_type.startsWith('comm_') && socket === this.#iopub) this.onComm?.(message)
      const pending = this.#pending.get(message.parent_header.msg_id ?? '')
      if (pending !== undefined) this.#dispatch(message, pending)
    }
  }

  #dispatch(message: Message, { reply, idle, onOutput, onInput }: Pending): void {
    const type = message.header.msg_type
    if (OUTPUTS.has(type)) onOutput?.(message)
    else if (type === 'status' && message.content.execution_state === 'idle') idle.resolve()
    else if (type === 'input_request') void this.#answerInput(message, onInput)
    else if (type.endsWith('_reply')) reply.resolve(message)
  }

  async #answerInput({ header, content }: Message, onInput: Listeners['onInput']): Promise<void> {
    const value = (await onInput?.(String(content.prompt), content.password === true)) ?? ''
    await this.#send('stdin', createHeader('input_reply', this.#session, 'hone'), { value }, {}, header)
  }
}
