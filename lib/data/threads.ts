import { Worker } from 'node:worker_threads'
import type { Assembled, Buffers, Order, Recipe } from './assemble.ts'

/** What a worker thread is asked. */
export interface Request extends Order {
  readonly id: number
  /** Memory to make the batch in; it comes back with the batch. */
  readonly buffers: Buffers
}

/** What it answers. */
export type Answer = { readonly id: number; readonly batch: Assembled } | { readonly id: number; readonly error: string }

interface Waiting {
  readonly resolve: (batch: Assembled) => void
  readonly reject: (error: Error) => void
}

/** A worker thread that makes batches after a recipe. It keeps the process alive only while somebody waits for it. */
class Thread {
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  #stopping = false
  #ended: Error | undefined

  constructor(recipe: Recipe) {
    this.#worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: recipe, execArgv: [] })
    this.#hold()
    this.#worker.on('message', (answer: Answer) => this.#settle(answer))
    this.#worker.on('error', (error) => this.#end(new Error(`a data loader's worker thread failed: ${error.message}`, { cause: error })))
    this.#worker.on('exit', (code) => this.#end(new Error(`a data loader's worker thread ended early (exit code ${code})`)))
  }

  ask(request: Request): Promise<Assembled> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#ended)
      this.#waiting.set(request.id, { resolve, reject })
      this.#hold()
      this.#worker.postMessage(request, Object.values(request.buffers))
    })
  }

  async stop(): Promise<void> {
    this.#stopping = true
    this.#hold()
    await this.#worker.terminate()
  }

  /** A process that ends while somebody awaits a batch, or the thread's end, does so without a word (exit code 13). */
  #hold(): void {
    if (this.#stopping || this.#waiting.size > 0) this.#worker.ref()
    else this.#worker.unref()
  }

  #settle(answer: Answer): void {
    const { resolve, reject } = this.#waiting.get(answer.id)!
    this.#waiting.delete(answer.id)
    this.#hold()
    if ('error' in answer) reject(new Error(answer.error))
    else resolve(answer.batch)
  }

  #end(error: Error): void {
    this.#ended ??= error
    for (const { reject } of this.#waiting.values()) reject(this.#ended)
    this.#waiting.clear()
  }
}

/** Some worker threads that take turns. */
export class Threads {
  readonly #threads: readonly Thread[]
  #asked = 0

  constructor(count: number, recipe: Recipe) {
    this.#threads = Array.from({ length: count }, () => new Thread(recipe))
  }

  /** A batch from the thread whose turn it is. @throws Error with what went wrong in the thread. */
  assemble(order: Order, buffers: Buffers = {}): Promise<Assembled> {
    const id = this.#asked++
    return this.#threads[id % this.#threads.length].ask({ ...order, id, buffers })
  }

  /** Ends all threads at once; what was asked fails. */
  async stop(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.stop()))
  }
}
