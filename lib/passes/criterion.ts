import type { Graph } from '../graph/graph.ts'
import type { Port } from '../graph/operator.ts'
import { sizeOf, type Tensor } from '../graph/tensor.ts'
import { random } from '../random.ts'

/** Which channels matter least. */
export interface Criterion {
  readonly name: string
  /** What tells about a channel: the weights that compute it, or the scale of its batch normalization. */
  readonly reads: 'weights' | 'scales'
  /** A number for each entry of each axis; channels with small ones go first. */
  readonly score: (axes: readonly Port[], graph: Graph) => readonly Float64Array[] | Promise<readonly Float64Array[]>
}

/** Sums over all axes but one, for each entry of that: of the magnitudes of its elements, or of their squares. */
export function marginals(tensor: Tensor, axis: number, power: 1 | 2): Float64Array {
  const data = tensor.toFloat32()
  const sums = new Float64Array(tensor.shape[axis])
  const inner = sizeOf(tensor.shape.slice(axis + 1))
  for (let at = 0; at < data.length; )
    for (let entry = 0; entry < sums.length; entry++) {
      let sum = 0
      for (const end = at + inner; at < end; at++) {
        const magnitude = Math.abs(data[at])
        sum += power === 1 ? magnitude : magnitude * magnitude
      }
      sums[entry] += sum
    }
  return sums
}

const ofTensors = (name: string, reads: Criterion['reads'], score: (tensor: Tensor, axis: number) => Float64Array): Criterion =>
  ({ name, reads, score: (axes) => axes.map(({ value, axis }) => score(value.constant!, axis)) })

/** Sum of the magnitudes of the weights that compute a channel. Li et al. 2017, https://arxiv.org/abs/1608.08710 */
export const l1 = ofTensors('l1', 'weights', (tensor, axis) => marginals(tensor, axis, 1))

/** Euclidean norm of the weights that compute a channel. */
export const l2 = ofTensors('l2', 'weights', (tensor, axis) => marginals(tensor, axis, 2).map(Math.sqrt))

/** Magnitude of a channel's scale γ in its batch normalization. Liu et al. 2017, https://arxiv.org/abs/1708.06519 */
export const batchNormScale = ofTensors('batch-norm', 'scales', (tensor, axis) => marginals(tensor, axis, 1))

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
