import { throwIfInterrupted, unlessInterrupted } from '../interrupt.ts'
import { requireWhole } from '../require.ts'
import { assemble, type Assembled, type Buffers, type Order } from './assemble.ts'
import type { Batch, Dataset } from './dataset.ts'
import { drawn } from './draw.ts'
import { Threads } from './threads.ts'
import type { Transform } from './transforms.ts'

export interface LoaderOptions {
  /** Samples a batch. */
  readonly batchSize: number
  /** Threads that decode and transform beside the one that trains; with 0 that one does it itself (0). */
  readonly workers?: number
  /** Batches that each worker makes ahead (2). */
  readonly prefetch?: number
  /** Another order every epoch (false). */
  readonly shuffle?: boolean
  /** Decides the order and all that is random in the transforms (0). */
  readonly seed?: number
  /** How stored pictures become a model's inputs (as the data set has it): `[randomCrop({ padding: 4 }), randomFlip(), ...dataset.transforms]`. */
  readonly transforms?: readonly Transform[]
  /** Leaves out a last batch that is not full (false). */
  readonly dropLast?: boolean
}

/** Threads without work end after this long, in milliseconds. */
const IDLE = 10_000

/**
 * A data set in batches, epoch after epoch: `for await (const { inputs, labels } of loader)` is the next epoch. What comes out depends on the seed
 * and the epoch, never on the number of workers. A batch's tensors are valid until the next batch is asked for: their memory goes round.
 */
export class DataLoader<Label> implements AsyncIterable<Batch<Label>> {
  readonly dataset: Dataset<Label>
  readonly batchSize: number
  readonly workers: number
  readonly #prefetch: number
  readonly #shuffle: boolean
  readonly #seed: number
  readonly #transformed: Dataset<Label>
  readonly #dropLast: boolean
  #epochs = 0
  #running = 0
  #threads: Threads | undefined
  #idle: NodeJS.Timeout | undefined

  /** @throws RangeError where there are no samples, or a number is none such; TypeError where transforms of pictures meet no pictures, or worker threads a function. */
  constructor(dataset: Dataset<Label>, { batchSize, workers = 0, prefetch = 2, shuffle = false, seed = 0, transforms = dataset.transforms, dropLast = false }: LoaderOptions) {
    requireWhole('DataLoader: batchSize', batchSize, 1)
    requireWhole('DataLoader: workers', workers, 0)
    requireWhole('DataLoader: prefetch', prefetch, 1)
    requireWhole('DataLoader: seed', seed)
    if (dataset.size < (dropLast ? batchSize : 1)) throw new RangeError(`${dataset.name}: ${dataset.size} samples do not fill a batch of ${batchSize}`)
    const made = Object.entries(dataset.recipe().inputs).find(([, stored]) => 'make' in stored)
    if (made && workers > 0) throw new TypeError(`${dataset.name}: the input "${made[0]}" is made by a function, which worker threads cannot run. Leave out workers, or take dataset.decoded().`)
    this.dataset = dataset
    this.batchSize = batchSize
    this.workers = workers
    this.#prefetch = prefetch
    this.#shuffle = shuffle
    this.#seed = seed
    this.#transformed = dataset.withTransforms(transforms)
    this.#dropLast = dropLast
  }

  /** Batches of an epoch. */
  get size(): number {
    const full = this.dataset.size / this.batchSize
    return this.#dropLast ? Math.floor(full) : Math.ceil(full)
  }

  /** Whether samples are blended, so that a batch has `mixed`. */
  get isBlended(): boolean {
    return this.#transformed.transforms.some(({ kind }) => kind === 'mixup')
  }

  /** The next epoch. */
  [Symbol.asyncIterator](): AsyncGenerator<Batch<Label>, void> {
    return this.epoch(this.#epochs++)
  }

  /** One epoch, counted from 0, from batch `first` on; the same numbers give the same batches. @throws Error naming the sample that cannot be read. */
  async *epoch(epoch: number, first = 0): AsyncGenerator<Batch<Label>, void> {
    const indices = this.#order(epoch)
    const orders = indices.map((some, batch): Order => ({ seed: this.#seed, epoch, batch, places: some.map((i) => this.dataset.places[i]) })).slice(first)
    const made = this.workers === 0 ? this.#here(orders) : this.#inThreads(orders)
    let batch = first
    for await (const assembled of made) yield this.dataset.batchOf(assembled, indices[batch++])
  }

  /** Ends the worker threads at once, where they would end by themselves after some idle seconds. Another epoch starts them again. */
  async close(): Promise<void> {
    clearTimeout(this.#idle)
    const threads = this.#threads
    this.#threads = undefined
    await threads?.stop()
  }

  toString(): string {
    return `${this.dataset.name}: ${this.size.toLocaleString('en')} batches of ${this.batchSize}, ${this.workers} workers`
  }

  /** Which samples each batch of an epoch holds. */
  #order(epoch: number): number[][] {
    const inOrder = Array.from({ length: this.dataset.size }, (_, i) => i)
    const samples = this.#shuffle ? drawn({ seed: this.#seed, epoch }, 'order', 0).shuffled(inOrder) : inOrder
    return Array.from({ length: this.size }, (_, batch) => samples.slice(batch * this.batchSize, (batch + 1) * this.batchSize))
  }

  async *#here(orders: readonly Order[]): AsyncGenerator<Assembled, void> {
    const recipe = this.#transformed.recipe()
    let used: Buffers = {}
    for (const order of orders) {
      throwIfInterrupted()
      const assembled = assemble(recipe, order, structuredClone(used, { transfer: Object.values(used) }))
      yield assembled
      used = buffersOf(assembled)
    }
  }

  async *#inThreads(orders: readonly Order[]): AsyncGenerator<Assembled, void> {
    clearTimeout(this.#idle)
    this.#running++
    const threads = (this.#threads ??= new Threads(this.workers, this.#transformed.recipe()))
    const pending: Promise<Assembled>[] = []
    let asked = 0
    const ask = (buffers?: Buffers) => {
      if (asked === orders.length) return
      const promise = threads.assemble(orders[asked++], buffers)
      promise.catch(() => {}) // A loop that is left early never awaits it.
      pending.push(promise)
    }
    try {
      for (let i = 0; i < this.workers * this.#prefetch; i++) ask()
      while (pending.length > 0) {
        const assembled = await unlessInterrupted(pending.shift()!)
        yield assembled
        ask(buffersOf(assembled))
      }
    } catch (error) {
      await this.close()
      throw error
    } finally {
      this.#running--
      if (this.#running === 0 && this.#threads) this.#idle = setTimeout(() => void this.close(), IDLE).unref()
    }
  }
}

const buffersOf = ({ inputs }: Assembled): Buffers => Object.fromEntries(Object.entries(inputs).map(([input, { bytes }]) => [input, bytes.buffer as ArrayBuffer]))
