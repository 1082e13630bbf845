import { randomUUID } from 'node:crypto'
import type { Comm, CommBuffer, CommHandler, CommMessage, Comms } from './provided.ts'
import type { CommRequest, Extra } from './threads.ts'

type Publish = (messageType: string, content: object, extra: Extra) => void

/** The comms of a session, and what answers when the front end opens one. https://jupyter-client.readthedocs.io/en/stable/messaging.html#custom-messages */
export class CommTable implements Comms {
  readonly #publish: Publish
  readonly #targets = new Map<string, CommHandler>()
  readonly #comms = new Map<string, OpenComm>()

  constructor(publish: Publish) {
    this.#publish = publish
  }

  register(targetName: string, handler: CommHandler): void {
    if (typeof targetName !== 'string' || typeof handler !== 'function') {
      throw new TypeError('hone.comms.register takes the name of a target and a function (comm, message) => void.')
    }
    this.#targets.set(targetName, handler)
  }

  unregister(targetName: string): void {
    this.#targets.delete(targetName)
  }

  open(targetName: string, data: object = {}, metadata: object = {}, buffers: readonly CommBuffer[] = []): Comm {
    if (typeof targetName !== 'string') throw new TypeError('hone.comms.open takes the name of a target, then the data.')
    const comm = this.#add(randomUUID(), targetName)
    try {
      comm.publish('comm_open', { target_name: targetName, data }, metadata, buffers)
    } catch (error) {
      this.#comms.delete(comm.commId)
      throw error
    }
    return comm
  }

  /** Takes a message of the front end; resolves when its handler is done. Rejects with what the handler throws. */
  async receive({ type, content, metadata, buffers }: CommRequest): Promise<void> {
    const commId = String(content.comm_id)
    const message: CommMessage = { content: { ...content, comm_id: commId, data: content.data ?? {} }, metadata, buffers }
    if (type === 'comm_open') return this.#accept(commId, String(content.target_name), message)
    const comm = this.#comms.get(commId)
    if (type === 'comm_close') {
      this.#comms.delete(commId)
      await comm?.onClose?.(message)
    } else await comm?.onMsg?.(message)
  }

  /** A target that nobody registered is refused by closing the comm, and so is one whose handler fails. */
  async #accept(commId: string, targetName: string, message: CommMessage): Promise<void> {
    const handler = this.#targets.get(targetName)
    const comm = this.#add(commId, targetName)
    if (handler === undefined) return comm.close()
    try {
      await handler(comm, message)
    } catch (error) {
      comm.close()
      throw error
    }
  }

  #add(commId: string, targetName: string): OpenComm {
    const comm: OpenComm = new OpenComm(commId, targetName, this.#publish, {
      isOpen: () => this.#comms.get(commId) === comm,
      forget: () => this.#comms.delete(commId),
    })
    this.#comms.set(commId, comm)
    return comm
  }
}

interface Registration {
  isOpen(): boolean
  forget(): void
}

class OpenComm implements Comm {
  readonly commId: string
  readonly targetName: string
  onMsg?: (message: CommMessage) => unknown
  onClose?: (message: CommMessage) => unknown
  readonly #publish: Publish
  readonly #registration: Registration

  constructor(commId: string, targetName: string, publish: Publish, registration: Registration) {
    this.commId = commId
    this.targetName = targetName
    this.#publish = publish
    this.#registration = registration
  }

  get isOpen(): boolean {
    return this.#registration.isOpen()
  }

  send(data: object, metadata: object = {}, buffers: readonly CommBuffer[] = []): void {
    if (!this.isOpen) throw new Error(`The comm to "${this.targetName}" is closed and sends nothing. Open another: hone.comms.open(targetName, data).`)
    this.publish('comm_msg', { data }, metadata, buffers)
  }

  close(data: object = {}, metadata: object = {}, buffers: readonly CommBuffer[] = []): void {
    if (!this.isOpen) return
    this.publish('comm_close', { data }, metadata, buffers)
    this.#registration.forget()
  }

  /** Throws where the data is no JSON. */
  publish(messageType: string, content: object, metadata: object, buffers: readonly CommBuffer[]): void {
    this.#publish(messageType, { comm_id: this.commId, ...content }, { metadata: { ...metadata }, buffers: buffers.map(bytesOf) })
  }
}

/** A copy: a view would take all memory that it looks into along to the other thread. */
function bytesOf(buffer: CommBuffer): Uint8Array {
  const bytes = ArrayBuffer.isView(buffer) ? new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength) : new Uint8Array(buffer)
  return bytes.slice()
}
