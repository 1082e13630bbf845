import type { Batch, Dataset } from '../data/dataset.ts'
import { formatShape, type Shape } from '../graph/dim.ts'
import { isFloat, Tensor } from '../graph/tensor.ts'
import type { Model } from '../nn/model.ts'
import { told } from '../require.ts'
import type { Loss } from './loss.ts'

type Labelled<Label> = Pick<Batch<Label>, 'labels' | 'mixed'>

/** How labels become what a loss compares with a model's output. */
export class Targets<Label> {
  readonly #read: (labels: readonly Label[]) => Tensor
  readonly #loss: Loss
  readonly #output: Shape

  constructor(read: (labels: readonly Label[]) => Tensor, loss: Loss, { graph }: Model) {
    this.#read = read
    this.#loss = loss
    this.#output = graph.outputs[0]?.shape ?? []
  }

  /** The target of a batch: where its samples were blended (mix-up), so are their targets. @throws Error where it has not a row for each label, or cannot be blended. */
  of({ labels, mixed }: Labelled<Label>): Tensor {
    const own = this.#plain(labels)
    if (!mixed) return own
    const [target, partners] = [own, this.#plain(mixed.labels)].map((it) => this.#soft(it))
    const [values, others] = [target!.toFloat32(), partners!.toFloat32()]
    const width = values.length / labels.length
    return Tensor.float32(target!.shape, values.map((value, i) => {
      const share = mixed.shares[Math.floor(i / width)]!
      return share * value + (1 - share) * others[i]!
    }))
  }

  /** The first sample as it would be fed: its target has the type of all. */
  example(dataset: Dataset<Label>, isBlended = false): Tensor {
    const labels = dataset.labels.slice(0, 1)
    return this.of({ labels, ...(isBlended && { mixed: { labels, shares: [1] } }) })
  }

  /** @throws RangeError naming a sample whose target the loss cannot take. */
  check({ name, labels }: Dataset<Label>): void {
    for (let from = 0; this.#loss.fault && from < labels.length; from += SOME) {
      const fault = this.#loss.fault(this.#plain(labels.slice(from, from + SOME)), this.#output)
      if (fault) throw new RangeError(`${name}: sample ${from + fault.sample} has ${fault.problem}`)
    }
  }

  #plain(labels: readonly Label[]): Tensor {
    const target: unknown = this.#read(labels)
    if (!(target instanceof Tensor)) throw new TypeError(`target answers with a Tensor, such as Tensor.float32([labels.length, 1], labels), not ${told(target)}`)
    if (target.shape[0] !== labels.length) throw new RangeError(`the target of ${labels.length} labels is ${target.dtype}${formatShape(target.shape)}: its first axis must count them`)
    return target
  }

  #soft(target: Tensor): Tensor {
    if (this.#loss.soft) return this.#loss.soft(target, this.#output)
    if (isFloat(target.dtype)) return target
    throw new TypeError(`mixup blends targets, and this loss cannot blend ${target.dtype} ones: take another, such as crossEntropy, or leave mixup out`)
  }
}

/** Samples that are looked at together. */
const SOME = 1000
