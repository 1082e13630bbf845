import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Reply, Router, XPublisher, type Socket, type Writable } from 'zeromq'
import { address, CHANNELS, type Connection } from './connection.ts'
import { deferred } from './deferred.ts'
import { log } from './log.ts'
import type { Channel, Message, Request } from './protocol.ts'
import type { Extra } from './threads.ts'
import { createHeader, decode, encode, type Outgoing } from './wire.ts'

/** Milliseconds for which the last messages may still be delivered after a socket is closed. */
const LINGER_MS = 1000
/** Milliseconds that the first shell request waits for its sender to subscribe to iopub. */
const SUBSCRIPTION_PATIENCE_MS = 3000

/** The first byte of what a socket that publishes receives for each subscription. */
const SUBSCRIBE = 1

/** The kernel's five sockets. Messages leave each in the order of the calls. */
export class Sockets {
  readonly #connection: Connection
  readonly #session = randomUUID()
  readonly #shell = new Router({ linger: LINGER_MS })
  readonly #control = new Router({ linger: LINGER_MS })
  readonly #stdin = new Router()
  /** No high-water mark: a lost `idle` would leave a client waiting for ever. */
  readonly #iopub = new XPublisher({ sendHighWaterMark: 0, linger: LINGER_MS, verbosity: 'allSubs' })
  readonly #hb = new Reply()
  readonly #firstSubscription = deferred<void>()
  /** Resolves when the first one that subscribed to iopub has been greeted. */
  readonly subscribed = this.#firstSubscription.promise
  #patience: Promise<void> | undefined
  /** How many messages were dropped, by the reason. */
  readonly #dropped = new Map<string, number>()
  readonly #tails = new Map<Socket, Promise<void>>()
  #isClosed = false

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** Binds all sockets and answers heartbeats. Throws an Error that names the address that is taken. */
  async bind(): Promise<void> {
    for (const channel of CHANNELS) {
      const place = address(this.#connection, channel)
      try {
        await this.#socket(channel).bind(place)
      } catch (error) {
        throw new Error(`${place} (${channel}) cannot be bound: ${(error as Error).message}. Is another kernel using this connection file?`, { cause: error })
      }
    }
    void this.#echo()
    void this.#welcome()
  }

  /** Requests from a channel. What is malformed or wrongly signed is dropped and counted. */
  async *requests(channel: 'shell' | 'control' | 'stdin'): AsyncGenerator<Request> {
    for await (const frames of this.#router(channel)) {
      if (channel === 'shell') await (this.#patience ??= this.#subscription())
      try {
        yield decode(frames, this.#connection)
      } catch (error) {
        this.#drop(channel, (error as Error).message)
      }
    }
  }

  /** Answers with the id of the message. */
  reply(channel: 'shell' | 'control' | 'stdin', type: string, content: object, request: Request, metadata: object = {}): string {
    const message = { ...this.#message(type, content, request.header), metadata: { ...metadata } }
    this.#send(this.#router(channel), encode(message, this.#connection, request.identities))
    return message.header.msg_id
  }

  /** Publishes on iopub. The content may be JSON text already. */
  publish(type: string, content: object | string, parent: Message['parent_header'], extra?: Extra): void {
    this.#publish(type, { ...this.#message(type, content, parent), ...extra })
  }

  /** Resolves when everything sent so far is on its way; what comes later is not sent. */
  async close(): Promise<void> {
    await Promise.all(this.#tails.values())
    this.#isClosed = true
    for (const channel of CHANNELS) this.#socket(channel).close()
  }

  #publish(topic: string, message: Outgoing): void {
    this.#send(this.#iopub, encode(message, this.#connection, [Buffer.from(topic)]))
  }

  #message(type: string, content: object | string, parent_header: Message['parent_header']) {
    return { header: createHeader(type, this.#session, 'kernel'), parent_header, metadata: {}, content, buffers: [] }
  }

  /** A ZeroMQ socket takes one send at a time. */
  #send(socket: Socket & Writable, frames: Uint8Array[]): void {
    const tail = (this.#tails.get(socket) ?? Promise.resolve()).then(() => (this.#isClosed ? undefined : socket.send(frames)))
    this.#tails.set(
      socket,
      tail.catch((error: Error) => log(`a message could not be sent: ${error.message}`)),
    )
  }

  /**
   * A front end connects its sockets one by one, and what is published before it has subscribed never reaches it: it would
   * wait for ever for the `idle` of its first request.
   */
  #subscription(): Promise<void> {
    return Promise.race([this.subscribed, sleep(SUBSCRIPTION_PATIENCE_MS)])
  }

  /** Greets who subscribes: from then on nothing published is missed. https://jupyter.org/enhancement-proposals/65-jupyter-xpub/jupyter-xpub.html */
  async #welcome(): Promise<void> {
    for await (const [event] of this.#iopub) {
      if (event[0] !== SUBSCRIBE) continue
      const subscription = event.subarray(1).toString()
      this.#publish(subscription, this.#message('iopub_welcome', { subscription }, {}))
      this.#firstSubscription.resolve()
    }
  }

  /** Says so at the first, the tenth, the hundredth ... of a kind: whoever sends a flood shall not fill the log. */
  #drop(channel: Channel, reason: string): void {
    const count = (this.#dropped.get(reason) ?? 0) + 1
    this.#dropped.set(reason, count)
    if (Number.isInteger(Math.log10(count))) log(`dropped a message on ${channel}: ${reason}${count === 1 ? '' : `, for the ${count}th time`}.`)
  }

  async #echo(): Promise<void> {
    for await (const frames of this.#hb) await this.#hb.send(frames)
  }

  #socket(channel: Channel): Socket {
    return { shell: this.#shell, control: this.#control, stdin: this.#stdin, iopub: this.#iopub, hb: this.#hb }[channel]
  }

  #router(channel: 'shell' | 'control' | 'stdin'): Router {
    return { shell: this.#shell, control: this.#control, stdin: this.#stdin }[channel]
  }
}
