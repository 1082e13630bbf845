/**
 * Amounts to prune by, step by step with training in between: quickly at first, while there is much to spare, then ever slower up to `amount`. Zhu & Gupta
 * 2017, https://arxiv.org/abs/1710.01878
 *
 * @example for (const amount of passes.gradually(0.9, 5)) { net = await net.apply(pipeline([pruneL1({ amount }), holdZeros()])); await fit(net, ...) }
 * @throws RangeError where `amount` is not a share, or there are no steps.
 */
export function gradually(amount: number, steps: number, { from = 0 }: { from?: number } = {}): readonly number[] {
  for (const share of [amount, from]) if (!(share >= 0 && share <= 1)) throw new RangeError(`gradually: amounts are shares from 0 to 1, not ${share}`)
  if (!(Number.isInteger(steps) && steps >= 1)) throw new RangeError(`gradually: steps is a whole number from 1 on, not ${steps}`)
  return Array.from({ length: steps }, (_, i) => amount + (from - amount) * (1 - (i + 1) / steps) ** 3)
}
