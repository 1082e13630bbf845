import type { Pass } from './pass.ts'
import { inputsOf, weightIndex, type Selection } from './weight.ts'
import { smallest, zeroing } from './zeroing.ts'

export interface PruneNofMOptions extends Selection {
  /** Weights that stay of each group (2). */
  n?: number
  /** Neighbouring inputs of one output that form a group (4). */
  m?: number
}

/**
 * N:M pruning: of every m neighbouring weights of an output the n largest stay, the pattern that sparse tensor cores multiply at twice the speed; this
 * machine's kernels run it as a dense weight. Mishra et al. 2021, https://arxiv.org/abs/2104.08378
 * @throws RangeError where n and m are no such numbers; the pass throws where `include` or `exclude` names no layer.
 */
export function pruneNofM({ n = 2, m = 4, ...selection }: PruneNofMOptions = {}): Pass {
  if (![n, m].every((x) => Number.isInteger(x) && x >= 1) || n >= m) throw new RangeError(`pruneNofM: n and m are whole numbers with 1 <= n < m, not ${n} and ${m}`)
  return zeroing('prune-n-of-m', { n, m }, selection, (weights) => weights.map(({ tensor, readers }) => {
    const [layer] = readers
    const lines = inputsOf(layer!, weightIndex(layer!)!, tensor.shape)
    if (lines.length === 0 || lines[0]!.length % m) return `its ${lines[0]?.length ?? 0} inputs of an output are not groups of ${m}`
    const data = tensor.toFloat32()
    const zeros = new Uint8Array(tensor.size)
    for (const line of lines) {
      for (let at = 0; at < line.length; at += m) {
        const group = line.slice(at, at + m)
        smallest([Float32Array.from(group, (i) => Math.abs(data[i]!))], m - n)[0]!.forEach((zero, i) => (zeros[group[i]!] = zero))
      }
    }
    return zeros
  }))
}
