import type { Pass } from './pass.ts'
import { layoutOf, weightIndex, type Selection } from './weight.ts'
import { zeroing } from './zeroing.ts'

export interface PruneNofMOptions extends Selection {
  /** Weights that stay of each group (2). */
  n?: number
  /** Neighbouring input channels of one output that form a group (4). */
  m?: number
}

/**
 * N:M pruning: of every m neighbouring weights of an output the n largest stay, the pattern that sparse tensor cores multiply at twice the speed; this
 * machine's kernels run it as a dense weight. Mishra et al. 2021, https://arxiv.org/abs/2104.08378
 * @throws RangeError where n and m are no such numbers; the pass throws where `include` or `exclude` names no layer.
 */
export function pruneNofM({ n = 2, m = 4, ...selection }: PruneNofMOptions = {}): Pass {
  if (![n, m].every((x) => Number.isInteger(x) && x >= 1) || n >= m) throw new RangeError(`pruneNofM: n and m are whole numbers with 1 <= n < m, not ${n} and ${m}`)
  return zeroing('prune-n-of-m', { n, m }, selection, (weights) => weights.map(({ tensor, readers: [layer] }) => {
    const { outputs, positions, channels, at } = layoutOf(layer, weightIndex(layer)!, tensor.shape)
    if (channels % m) return `its ${channels} input channels are not groups of ${m}`
    const data = tensor.toFloat32()
    const zeros = new Uint8Array(tensor.size)
    for (let o = 0; o < outputs; o++) for (let k = 0; k < positions; k++) {
      const [first, step] = [at(o, k, 0), at(o, k, 1) - at(o, k, 0)]
      for (let c = 0; c < channels; c += m)
        for (let gone = 0; gone < m - n; gone++) {
          let [least, smallest] = [-1, Infinity]
          for (let i = first + c * step; i < first + (c + m) * step; i += step) {
            const magnitude = Math.abs(data[i])
            if (zeros[i] || !(least < 0 || magnitude < smallest)) continue
            least = i
            smallest = magnitude
          }
          zeros[least] = 1
        }
    }
    return zeros
  }))
}
