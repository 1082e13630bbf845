import type { Pass } from './pass.ts'
import { roundHalfToEven } from './rounding.ts'
import type { Selection } from './weight.ts'
import { checkAmount, zeroing, zeroSmallest } from './zeroing.ts'

export interface PruneOptions extends Selection {
  /** Share of the weights that becomes zero, 0 to 1. */
  amount: number
}

export interface PruneL1Options extends PruneOptions {
  /** Whether each layer loses the share, or all together, whichever weights are smallest ('layer'). */
  scope?: 'layer' | 'global'
}

/**
 * L1 unstructured pruning: sets the smallest weights of convolutions and products to zero, as many and the same as torch.nn.utils.prune.l1_unstructured
 * does layer by layer, or global_unstructured across layers.
 * @throws RangeError where `amount` is not a share; the pass throws where `include` or `exclude` names no layer.
 */
export function pruneL1({ amount, scope = 'layer', ...selection }: PruneL1Options): Pass {
  checkAmount('pruneL1', amount)
  if (scope !== 'layer' && scope !== 'global') throw new RangeError(`pruneL1: scope is 'layer' or 'global', not ${scope}`)
  return zeroing('prune-l1', { amount, scope }, selection, (weights) => {
    const lists = weights.map(({ words }) => words)
    if (scope === 'global') return zeroSmallest(lists, roundHalfToEven(amount * lists.reduce((sum, { length }) => sum + length, 0)))
    return lists.flatMap((list) => zeroSmallest([list], roundHalfToEven(amount * list.length)))
  })
}
