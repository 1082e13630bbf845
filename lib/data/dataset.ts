import type { Tensor } from '../graph/tensor.ts'
import { random } from '../random.ts'

/** Some samples of a data set, ready to be fed to a model. */
export interface Batch<Label> {
  /** A model's inputs by name; the first axis counts the samples. */
  readonly inputs: Readonly<Record<string, Tensor>>
  readonly labels: readonly Label[]
  /** Each sample's place in the data set that the batch is of. */
  readonly indices: readonly number[]
}

/** What a data set is made of. */
export interface Samples<Label> {
  readonly name: string
  /** Where it was read: a file or folder. */
  readonly source: string
  /** Whether every sample of the official data set is there. */
  readonly complete: boolean
  /** A model's inputs by name; the first axis counts the samples. */
  readonly inputs: Readonly<Record<string, Tensor>>
  readonly labels: readonly Label[]
  /** Whether a model's output is right for each of a batch's labels. */
  readonly correct: (output: Tensor, labels: readonly Label[]) => boolean[]
}

/** Labelled samples in a fixed order. Parts of it share its memory; batches are copies. */
export class Dataset<Label> {
  readonly name: string
  readonly source: string
  readonly complete: boolean
  readonly #samples: Samples<Label>
  readonly #places: readonly number[]

  private constructor(samples: Samples<Label>, places: readonly number[], complete: boolean) {
    this.name = samples.name
    this.source = samples.source
    this.complete = complete
    this.#samples = samples
    this.#places = places
  }

  static of<Label>(samples: Samples<Label>): Dataset<Label> {
    return new Dataset(samples, samples.labels.map((_, place) => place), samples.complete)
  }

  /** Number of samples. */
  get size(): number {
    return this.#places.length
  }

  get labels(): readonly Label[] {
    return this.#places.map((place) => this.#samples.labels[place])
  }

  /** Whether a model's output is right for each of a batch's labels. */
  correct(output: Tensor, labels: readonly Label[]): boolean[] {
    return this.#samples.correct(output, labels)
  }

  /** The first `count` samples. @throws RangeError where there are fewer. */
  take(count: number): Dataset<Label> {
    return this.slice(0, count)
  }

  /** The samples from place `from` up to, not including, place `to` (the end). @throws RangeError where there are none such. */
  slice(from: number, to: number = this.size): Dataset<Label> {
    if (!(Number.isInteger(from) && Number.isInteger(to) && from >= 0 && from <= to && to <= this.size))
      throw new RangeError(`${this.name}: samples ${from} to ${to} were asked for, and there are ${this.size}`)
    return this.#part(this.#places.slice(from, to))
  }

  /**
   * Two parts in random order, the first with `fraction` of the samples; the same seed gives the same parts.
   * @throws RangeError where `fraction` is not between 0 and 1.
   */
  split(fraction: number, seed = 0): [Dataset<Label>, Dataset<Label>] {
    if (!(fraction >= 0 && fraction <= 1)) throw new RangeError(`a split takes a fraction from 0 to 1, not ${fraction}`)
    const shuffled = random(seed).shuffled(this.#places)
    const cut = Math.round(fraction * this.size)
    return [this.#part(shuffled.slice(0, cut)), this.#part(shuffled.slice(cut))]
  }

  /** The same samples in the order that `order` puts their places in: a shuffle, say. */
  reordered(order: (places: readonly number[]) => number[]): Dataset<Label> {
    return this.#part(order(this.#places))
  }

  /** The inputs of the first `size` samples, as a session takes them. @throws RangeError where there are fewer. */
  batch(size: number): Readonly<Record<string, Tensor>> {
    return this.take(size).#inputs()
  }

  /** All samples, in order, `size` at a time; the last batch holds what is left. @throws RangeError where `size` is not a whole number from 1 on. */
  *batches(size: number): Generator<Batch<Label>, void> {
    if (!(Number.isInteger(size) && size >= 1)) throw new RangeError(`a batch has a whole number of samples from 1 on, not ${size}`)
    for (let from = 0; from < this.size; from += size) {
      const part = this.slice(from, Math.min(from + size, this.size))
      yield { inputs: part.#inputs(), labels: part.labels, indices: part.labels.map((_, i) => from + i) }
    }
  }

  toString(): string {
    const inputs = Object.entries(this.#samples.inputs).map(([name, { dtype, shape }]) => `${name} ${dtype}[${shape.slice(1)}]`)
    return `${this.name}: ${this.size.toLocaleString('en')} samples (${inputs.join(', ')}) from ${this.source}`
  }

  [Symbol.for('Jupyter.display')](): Record<string, string> {
    return { 'text/plain': this.toString() }
  }

  #part(places: readonly number[]): Dataset<Label> {
    return new Dataset(this.#samples, places, this.complete && places.length === this.#samples.labels.length)
  }

  #inputs(): Record<string, Tensor> {
    return Object.fromEntries(Object.entries(this.#samples.inputs).map(([name, tensor]) => [name, tensor.take(0, this.#places)]))
  }
}
