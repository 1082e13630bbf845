import { Worker } from 'node:worker_threads'
import { unlessInterrupted } from '../interrupt.ts'
import type { Tensors } from '../runtime/boundary.ts'
import { resolveDevice } from '../runtime/devices.ts'
import { loadable, nameOf, type ModelSource } from '../runtime/model.ts'
import type { SessionOptions } from '../runtime/session.ts'
import { packed } from './packed.ts'
import type { Answer, Task } from './replica-thread.ts'

export interface ReplicaOptions extends Omit<SessionOptions, 'profile'> {
  /** Sessions, each in a thread of its own (2). */
  readonly count?: number
}

/** A model that several sessions serve at once. */
export interface Replicas {
  /** Runs the model in the first session that is free; resolves when it has run. */
  readonly run: () => Promise<void>
  close(): Promise<void>
}

interface Request {
  readonly resolve: () => void
  readonly reject: (reason: Error) => void
}

/**
 * Opens a model several times, each in a thread of its own with its own session: a run of ONNX Runtime blocks its thread, so only so can runs overlap.
 * What they answer stays in their threads. For `load`: how latency and throughput change with the number of sessions.
 *
 * @example const served = await replicas(model, feeds, { count: 4, threads: 1 }); await load(served.run, { clients: [1, 2, 4, 8] })
 * @throws Error where the model does not load, or fails in a run.
 */
export async function replicas(model: ModelSource, feeds: Tensors, options: ReplicaOptions = {}): Promise<Replicas> {
  const { count = 2, ...session } = options
  if (!(Number.isInteger(count) && count > 0)) throw new RangeError(`there is 1 replica or more, not ${count}`)
  const device = await resolveDevice(session.device ?? 'auto')
  const task: Task = { model: loadable(model), tensors: packed(feeds), session: { ...session, device } }
  const pool = new Pool(nameOf(model))
  try {
    await unlessInterrupted(Promise.all(Array.from({ length: count }, () => pool.open(task))))
  } catch (error) {
    await pool.close()
    throw error
  }
  return { run: () => pool.run(), close: () => pool.close() }
}

/** What the thread calls a model that reached it as bytes. */
const BYTES = /^the model(?=:)/

class Pool {
  readonly #name: string
  readonly #workers: Worker[] = []
  readonly #idle: Worker[] = []
  readonly #waiting: Request[] = []
  readonly #served = new Map<Worker, Request>()

  constructor(name: string) {
    this.#name = name
  }

  /** Resolves when the session is there. */
  open(task: Task): Promise<void> {
    const worker = new Worker(new URL('./replica-thread.js', import.meta.url), { workerData: task, execArgv: [], stdin: false })
    this.#workers.push(worker)
    return new Promise((resolve, reject) => {
      this.#served.set(worker, { resolve, reject })
      worker.on('message', ({ failure }: Answer) => this.#answered(worker, failure))
      worker.on('error', (error) => this.#answered(worker, error.message))
      worker.on('exit', () => this.#lost(worker))
    })
  }

  run(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#serve()
    })
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()))
  }

  #serve(): void {
    while (this.#idle.length && this.#waiting.length) {
      const worker = this.#idle.shift()!
      this.#served.set(worker, this.#waiting.shift()!)
      worker.postMessage('run')
    }
    if (this.#workers.length === 0) for (const { reject } of this.#waiting.splice(0)) reject(new Error(`${this.#name}: no replica is left to run it`))
  }

  #answered(worker: Worker, failure: string | undefined): void {
    const request = this.#served.get(worker)
    this.#served.delete(worker)
    this.#idle.push(worker)
    if (failure === undefined) request?.resolve()
    else request?.reject(new Error(failure.replace(BYTES, this.#name)))
    this.#serve()
  }

  #lost(worker: Worker): void {
    for (const workers of [this.#workers, this.#idle]) if (workers.includes(worker)) workers.splice(workers.indexOf(worker), 1)
    this.#served.get(worker)?.reject(new Error(`${this.#name}: a replica ended while it ran`))
    this.#served.delete(worker)
    this.#serve()
  }
}
