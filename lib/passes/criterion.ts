import type { Graph } from '../graph/graph.ts'
import type { Port } from '../graph/operator.ts'
import type { Tensor } from '../graph/tensor.ts'
import { random } from '../random.ts'

/** Which channels matter least. */
export interface Criterion {
  readonly name: string
  /** What tells about a channel: the weights that compute it, or the scale of its batch normalization. */
  readonly reads: 'weights' | 'scales'
  /** A number for each entry of each axis; channels with small ones go first. */
  readonly score: (axes: readonly Port[], graph: Graph) => readonly Float64Array[] | Promise<readonly Float64Array[]>
}

/** Sums over all axes but one: of `f` of every element, for each entry of that axis. */
export function marginals(tensor: Tensor, axis: number, f: (x: number, i: number) => number): Float64Array {
  const extent = tensor.shape[axis]
  const inner = tensor.shape.slice(axis + 1).reduce((a, b) => a * b, 1)
  const sums = new Float64Array(extent)
  const data = tensor.toFloat32()
  for (let from = 0; from < data.length; from += inner) {
    let sum = 0
    for (let i = from; i < from + inner; i++) sum += f(data[i], i)
    sums[(from / inner) % extent] += sum
  }
  return sums
}

const ofTensors = (name: string, reads: Criterion['reads'], score: (tensor: Tensor, axis: number) => Float64Array): Criterion =>
  ({ name, reads, score: (axes) => axes.map(({ value, axis }) => score(value.constant!, axis)) })

/** Sum of the magnitudes of the weights that compute a channel. Li et al. 2017, https://arxiv.org/abs/1608.08710 */
export const l1 = ofTensors('l1', 'weights', (tensor, axis) => marginals(tensor, axis, Math.abs))

/** Euclidean norm of the weights that compute a channel. */
export const l2 = ofTensors('l2', 'weights', (tensor, axis) => marginals(tensor, axis, (x) => x * x).map(Math.sqrt))

/** Magnitude of a channel's scale γ in its batch normalization. Liu et al. 2017, https://arxiv.org/abs/1708.06519 */
export const batchNormScale = ofTensors('batch-norm', 'scales', (tensor, axis) => marginals(tensor, axis, Math.abs))

/** By chance: the baseline of every other criterion. */
export function randomly({ seed = 0 }: { seed?: number } = {}): Criterion {
  return {
    name: 'random', reads: 'weights',
    score(axes) {
      const { next } = random(seed)
      return axes.map(({ value, axis }) => Float64Array.from({ length: Number(value.shape![axis]) }, next))
    },
  }
}
