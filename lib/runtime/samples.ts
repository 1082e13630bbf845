import type { Tensor } from '../graph/tensor.ts'
import type { Tensors } from './boundary.ts'

/** What reads samples: a session, a graph, or a port's like. The first axis of an input counts them. */
interface Reader {
  readonly name: string
  readonly inputs: readonly { readonly shape: readonly unknown[] | null }[]
}

/** Samples of every run, where the first axis of a model's input is a number (files are often exported so); null where it takes any. */
export function fixedBatch({ inputs }: Reader): number | null {
  const [first] = inputs[0]?.shape ?? []
  return typeof first === 'number' ? first : null
}

/** Samples a run: what the model fixes; `wanted`, or `usual`, where it takes any. @throws RangeError where the model fixes another number than is wanted. */
export function batchOf(model: Reader, wanted: number | undefined, usual: number): number {
  const fixed = fixedBatch(model)
  if (fixed !== null && wanted !== undefined && wanted !== fixed) throw new RangeError(`${model.name} takes ${fixed} samples a run, not ${wanted}. Ask for as many, or export it with a first axis of any size.`)
  return fixed ?? wanted ?? usual
}

/** Tensors of `size` samples: where there are fewer, the last one is there again and again. */
export function filledUp(tensors: Tensors, size: number): Tensors {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, samplesOf(tensor, size)]))
}

/** The first `count` samples of a tensor; the last one again and again where there are fewer. */
export function samplesOf(tensor: Tensor, count: number): Tensor {
  const there = tensor.shape[0]!
  return there === count ? tensor : tensor.take(0, Array.from({ length: count }, (_, n) => Math.min(n, there - 1)))
}

/** The inputs of a data set's first samples, the last one again and again where there are fewer. @throws RangeError where there is none. */
export function firstSamples(dataset: { readonly name: string; readonly size: number; batch(size: number): Tensors }, count: number): Tensors {
  if (dataset.size === 0) throw new RangeError(`${dataset.name} holds no samples`)
  return filledUp(dataset.batch(Math.min(count, dataset.size)), count)
}
