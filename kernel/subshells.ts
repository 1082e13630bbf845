import { randomUUID } from 'node:crypto'
import type { ExecuteReply, Request } from './protocol.ts'
import { ExecutionQueue } from './queue.ts'

/**
 * The main shell and the subshells that front ends make: each runs its cells one after the other, beside those of the others. All
 * cells share one thread, so that one goes on while the others await.
 * https://jupyter.org/enhancement-proposals/91-kernel-subshells/kernel-subshells.html
 */
export class Subshells {
  readonly #createQueue: () => ExecutionQueue
  readonly #main: ExecutionQueue
  readonly #queues = new Map<string, ExecutionQueue>()

  constructor(run: (request: Request) => Promise<ExecuteReply>, abort: (request: Request) => ExecuteReply) {
    this.#createQueue = () => new ExecutionQueue(run, abort)
    this.#main = this.#createQueue()
  }

  create(): string {
    const id = randomUUID()
    this.#queues.set(id, this.#createQueue())
    return id
  }

  /** Aborts the cells that wait there; the one that runs ends by itself. Throws an Error where there is no such subshell. */
  delete(id: string): void {
    const queue = this.#find(id)
    this.#queues.delete(id)
    queue.abortWaiting()
  }

  list(): string[] {
    return [...this.#queues.keys()]
  }

  /** Runs a cell where its header says. Throws an Error where there is no such subshell. */
  submit(request: Request): Promise<ExecuteReply> {
    return this.queueOf(request).submit(request)
  }

  /** Throws an Error where there is no such subshell. */
  queueOf({ header }: Pick<Request, 'header'>): ExecutionQueue {
    const { subshell_id: id } = header
    return id === undefined || id === null ? this.#main : this.#find(id)
  }

  #find(id: string): ExecutionQueue {
    const queue = this.#queues.get(id)
    if (queue === undefined) throw new UnknownSubshellError(id)
    return queue
  }
}

class UnknownSubshellError extends Error {
  constructor(id: string) {
    super(`There is no subshell ${id}: it was deleted, or the kernel was restarted. Create one with create_subshell_request.`)
    this.name = 'UnknownSubshellError'
  }
}
