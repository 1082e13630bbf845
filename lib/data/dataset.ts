import { Tensor } from '../graph/tensor.ts'
import { random } from '../random.ts'
import { requireWhole, told } from '../require.ts'
import { assemble, type Assembled, type Recipe } from './assemble.ts'
import { classTargets } from './classes.ts'
import { holdsPictures, madeBy, planesOf, shared, type MadeSamples, type PictureFiles } from './store.ts'
import type { Transform } from './transforms.ts'

/** Some samples of a data set, ready to be fed to a model. */
export interface Batch<Label> {
  /** A model's inputs by name; the first axis counts the samples. */
  readonly inputs: Readonly<Record<string, Tensor>>
  readonly labels: readonly Label[]
  /** Each sample's place in the data set that the batch is of. */
  readonly indices: readonly number[]
  /** Where samples were blended (mixup): the label of what each one was blended with, and the share of its own label. */
  readonly mixed?: { readonly labels: readonly Label[]; readonly shares: readonly number[] }
}

/** What a data set is made of. */
export interface Samples<Label> {
  /** What it is called ("data"). */
  readonly name?: string
  /** Where it was read: a file or folder ("memory"). */
  readonly source?: string
  /** Whether every sample of the official data set is there (true). */
  readonly complete?: boolean
  /**
   * How a model's inputs are stored, by name: tensors whose first axis counts the samples, files of pictures, or a function that makes the tensor of one sample,
   * called whenever a batch needs it: `(index) => Tensor.float32([2], [index, index ** 2])`.
   */
  readonly inputs: Readonly<Record<string, Tensor | PictureFiles | ((index: number) => Tensor)>>
  /** How stored pictures become inputs (not at all). */
  readonly transforms?: readonly Transform[]
  readonly labels: readonly Label[]
  /** Names of the classes, where labels count them. */
  readonly classes?: readonly string[]
  /** Labels as a loss compares them with a model's output: the first axis counts them (int64 [N], for labels that count classes). */
  readonly target?: (labels: readonly Label[]) => Tensor
  /** Whether a model's output is right for each of a batch's labels; absent where numbers are approximated, which are never just right or wrong. */
  readonly correct?: (output: Tensor, labels: readonly Label[]) => boolean[]
}

/** The same with all that was left out, and once functions have told what they make. */
interface Kept<Label> extends Omit<Samples<Label>, 'inputs'> {
  readonly name: string
  readonly source: string
  readonly inputs: Readonly<Record<string, Tensor | PictureFiles | MadeSamples>>
}

/**
 * Labelled samples in a fixed order, small as they are stored: a batch is decoded and converted when it is asked for. Parts share its memory;
 * batches are copies.
 */
export class Dataset<Label> {
  readonly name: string
  readonly source: string
  readonly complete: boolean
  readonly classes: readonly string[] | undefined
  /** The place of each sample among those that are stored. */
  readonly places: readonly number[]
  readonly #samples: Kept<Label>

  private constructor(samples: Kept<Label>, places: readonly number[], complete: boolean) {
    checkTransforms(samples)
    this.name = samples.name
    this.source = samples.source
    this.complete = complete
    this.classes = samples.classes
    this.places = places
    this.#samples = samples
  }

  /**
   * A data set of samples that are there already, or that functions make: `Dataset.of({ inputs: { x }, labels })`. Tensors move to memory that all threads see.
   * @throws RangeError where an input holds more or fewer samples than there are labels; TypeError where one is no tensor, or transforms of pictures meet no pictures.
   */
  static of<Label>(samples: Samples<Label>): Dataset<Label> {
    const { name = 'data', source = 'memory', complete = true } = samples
    const labels = ArrayBuffer.isView(samples.labels) ? [...(samples.labels as Iterable<Label>)] : samples.labels
    if (!Array.isArray(labels)) throw new TypeError(`${name}: labels are an array, one for each sample, not ${told(labels)}`)
    const inputs = Object.fromEntries(Object.entries(samples.inputs).map(([input, stored]) => [input, kept(`${name}: the input "${input}"`, stored, labels.length)]))
    return new Dataset({ ...samples, name, source, inputs, labels }, labels.map((_, place) => place), complete)
  }

  /** Number of samples. */
  get size(): number {
    return this.places.length
  }

  get labels(): readonly Label[] {
    return this.places.map((place) => this.#samples.labels[place])
  }

  /** How stored pictures become a model's inputs. */
  get transforms(): readonly Transform[] {
    return this.#samples.transforms ?? []
  }

  /** The same samples, whose pictures become inputs in another way: `test.withTransforms([toFloat(), normalize({ mean, std })])`. @throws TypeError where there are no pictures. */
  withTransforms(transforms: readonly Transform[]): Dataset<Label> {
    return new Dataset({ ...this.#samples, transforms }, this.places, this.complete)
  }

  /** The same samples in the place of another data set, of which they are no part: not complete. */
  standingIn(): Dataset<Label> {
    return new Dataset(this.#samples, this.places, false)
  }

  /** Whether outputs are right or wrong, so that there is an accuracy; where numbers are approximated there is none. */
  get hasAccuracy(): boolean {
    return this.#samples.correct !== undefined
  }

  /** Whether a model's output is right for each of a batch's labels. @throws TypeError where there is no accuracy. */
  correct(output: Tensor, labels: readonly Label[]): boolean[] {
    if (!this.#samples.correct) throw new TypeError(`${this.name}: its labels are approximated, never just right or wrong, so there is no accuracy. Compare a loss, or give Dataset.of a \`correct\`.`)
    return this.#samples.correct(output, labels)
  }

  /** Labels as a loss compares them with a model's output; the first axis counts them. @throws TypeError where labels do not count classes, and the data set says nothing else. */
  target(labels: readonly Label[]): Tensor {
    return (this.#samples.target ?? classTargets)(labels)
  }

  /** The first `count` samples. @throws RangeError where there are fewer. */
  take(count: number): Dataset<Label> {
    return this.slice(0, count)
  }

  /** The first `count` samples, or all where there are fewer. */
  atMost(count: number): Dataset<Label> {
    return this.take(Math.min(count, this.size))
  }

  /** The samples from place `from` up to, not including, place `to` (the end). @throws RangeError where there are none such. */
  slice(from: number, to: number = this.size): Dataset<Label> {
    if (!(Number.isInteger(from) && Number.isInteger(to) && from >= 0 && from <= to && to <= this.size))
      throw new RangeError(`${this.name}: samples ${from} to ${to} were asked for, and there are ${this.size}`)
    return this.#part(this.places.slice(from, to))
  }

  /**
   * Two parts in random order, the first with `fraction` of the samples; the same seed gives the same parts.
   * @throws RangeError where `fraction` is not between 0 and 1, or the seed not a whole number.
   */
  split(fraction: number, seed = 0): [Dataset<Label>, Dataset<Label>] {
    if (!(fraction >= 0 && fraction <= 1)) throw new RangeError(`a split takes a fraction from 0 to 1, not ${fraction}`)
    const shuffled = this.shuffle(seed)
    const cut = Math.round(fraction * this.size)
    return [shuffled.slice(0, cut), shuffled.slice(cut)]
  }

  /** The same samples as a model takes them: its only input takes their only one, whatever either is called. */
  fedTo({ inputs }: { readonly inputs: readonly { readonly name: string }[] }): Dataset<Label> {
    const [own, ...others] = Object.values(this.#samples.inputs)
    return own && !others.length && inputs.length === 1 ? new Dataset({ ...this.#samples, inputs: { [inputs[0]!.name]: own } }, this.places, this.complete) : this
  }

  /** The same samples in random order; the same seed gives the same order. @throws RangeError where the seed is not a whole number. */
  shuffle(seed = 0): Dataset<Label> {
    requireWhole('seed', seed)
    return this.#part(random(seed).shuffled(this.places))
  }

  /** The inputs of the first `size` samples, as a session takes them. @throws RangeError where there are fewer. */
  batch(size: number): Readonly<Record<string, Tensor>> {
    return this.take(size).#all().inputs
  }

  /** All samples, in order, `size` at a time; the last batch holds what is left. @throws RangeError where `size` is not a whole number from 1 on. */
  *batches(size: number): Generator<Batch<Label>, void> {
    if (!(Number.isInteger(size) && size >= 1)) throw new RangeError(`a batch has a whole number of samples from 1 on, not ${size}`)
    for (let from = 0; from < this.size; from += size) {
      const batch = this.slice(from, Math.min(from + size, this.size)).#all(from / size)
      yield { ...batch, indices: batch.indices.map((i) => from + i) }
    }
  }

  /**
   * The same samples with all pictures decoded now, a byte for each of their values, and all functions called: quicker from then on. With `transforms` they are kept
   * as these leave them, and the data set's own come after: `digits.decoded([resize({ height: 32, width: 32 }), toColour()])`. @throws Error naming a damaged file.
   */
  decoded(transforms: readonly Transform[] = []): Dataset<Label> {
    const isComputed = transforms.length > 0 || Object.values(this.#samples.inputs).some((stored) => 'make' in stored)
    const inputs = isComputed
      ? mapped(assemble(this.withTransforms(transforms).recipe(), { seed: 0, epoch: 0, batch: 0, places: this.places }).inputs, ({ dtype, shape, bytes }) => Tensor.raw(dtype, shape, bytes))
      : mapped(this.#samples.inputs, (stored) => ('paths' in stored ? planesOf(stored, this.places) : (stored as Tensor).take(0, this.places)))
    return Dataset.of({ ...this.#samples, inputs, labels: this.labels, complete: this.complete })
  }

  /** What it takes to make batches in any thread. */
  recipe(): Recipe {
    const inputs = mapped(this.#samples.inputs, (stored) => ('paths' in stored || 'make' in stored ? stored : { dtype: stored.dtype, shape: stored.shape, bytes: stored.bytes }))
    return { name: this.name, inputs, transforms: this.transforms }
  }

  /** The batch of the samples `indices`, from what a thread made after the recipe. */
  batchOf({ inputs, blend }: Assembled, indices: readonly number[]): Batch<Label> {
    const labels = indices.map((i) => this.#samples.labels[this.places[i]])
    const mixed = blend && { labels: blend.partners.map((partner) => labels[partner]), shares: blend.shares }
    return { inputs: mapped(inputs, ({ dtype, shape, bytes }) => Tensor.raw(dtype, shape, bytes)), labels, indices, ...(mixed && { mixed }) }
  }

  toString(): string {
    const { inputs } = this.take(Math.min(this.size, 1)).#all()
    const shapes = Object.entries(inputs).map(([name, { dtype, shape }]) => `${name} ${dtype}[${shape.slice(1)}]`)
    return `${this.name}: ${this.size.toLocaleString('en')} samples (${shapes.join(', ')}) from ${this.source}`
  }

  [Symbol.for('Jupyter.display')](): Record<string, string> {
    return { 'text/plain': this.toString() }
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }

  #part(places: readonly number[]): Dataset<Label> {
    return new Dataset(this.#samples, places, this.complete && places.length === this.#samples.labels.length)
  }

  /** All samples in one batch. */
  #all(batch = 0): Batch<Label> {
    const order = { seed: 0, epoch: 0, batch, places: this.places }
    return this.batchOf(assemble(this.recipe(), order), this.places.map((_, i) => i))
  }
}

/** An input as it is kept. @throws TypeError where it is none; RangeError where it does not hold as many samples as there are labels. */
function kept(name: string, stored: Samples<unknown>['inputs'][string], labels: number): Kept<unknown>['inputs'][string] {
  if (typeof stored === 'function') return madeBy(name, stored, labels)
  if (!(stored instanceof Tensor || Array.isArray(stored?.paths)))
    throw new TypeError(`${name} is no tensor but ${told(stored)}. Make one whose first axis counts the samples: Tensor.float32([samples, features], rows.flat()).`)
  const count = 'paths' in stored ? stored.paths.length : (stored.shape[0] ?? 0)
  if (count !== labels) throw new RangeError(`${name} holds ${count} samples, and there are ${labels} labels. Give a label for each sample; the first axis counts them.`)
  return 'paths' in stored ? stored : Tensor.raw(stored.dtype, stored.shape, shared(stored.bytes))
}

/** Transforms change inputs that hold pictures, and no others. */
function checkTransforms<Label>({ name, inputs, transforms = [] }: Kept<Label>): void {
  const transform = transforms.find(({ kind }) => kind !== 'mixup')
  if (!transform || Object.values(inputs).some(holdsPictures)) return
  const others = Object.entries(inputs).map(([input, stored]) => `${input} is ${'paths' in stored ? 'files' : `${stored.dtype}[${stored.shape}]`}`).join(', ')
  throw new TypeError(`${name}: ${transform.kind ?? told(transform)} transforms pictures, and there are none: ${others}. Give pictures as uint8 or float32 [N, channels, height, width], or leave the transform out.`)
}

function mapped<A, B>(record: Readonly<Record<string, A>>, change: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]))
}
