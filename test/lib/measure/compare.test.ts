import assert from 'node:assert/strict'
import { test } from 'node:test'
import { adjusted, compareSamples, mannWhitney, verdictOf } from '../../../lib/measure/compare.ts'
import { times } from './planted.ts'

/** Of the 70 equally likely ways to draw four ranks of eight, the share whose rank sum is at least this far from the middle. */
function exactP(rankSum: number): number {
  const subsets = Array.from({ length: 256 }, (_, bits) => [0, 1, 2, 3, 4, 5, 6, 7].filter((i) => bits & (1 << i)).map((i) => i + 1)).filter((set) => set.length === 4)
  return subsets.filter((set) => Math.abs(set.reduce((sum, rank) => sum + rank, 0) - 18) >= Math.abs(rankSum - 18)).length / subsets.length
}

test('the rank test comes near counting every order, already at four and four', () => {
  for (const ranks of [[1, 2, 3, 4], [1, 2, 3, 8], [2, 4, 5, 8], [1, 3, 6, 8]]) {
    const others = [1, 2, 3, 4, 5, 6, 7, 8].filter((rank) => !ranks.includes(rank))
    const { p } = mannWhitney(ranks, others)
    assert.ok(Math.abs(p - exactP(ranks.reduce((sum, rank) => sum + rank, 0))) < 0.04, `${ranks}: ${p}`)
  }
})

test('ties, equal sets and single samples have no significance', () => {
  assert.equal(mannWhitney([1, 1, 1, 1], [1, 1, 1, 1]).p, 1)
  assert.equal(mannWhitney([2], [1]).p, 1)
  assert.deepEqual(mannWhitney([1, 2, 3, 4], [1, 2, 3, 4]), { p: 1, delta: 0 })
})

test('effect sizes: the share of pairs in which the second is faster', () => {
  assert.deepEqual(compareSamples([4, 5, 6], [1, 2, 3]).effect, { value: 1, size: 'large' })
  assert.deepEqual(compareSamples([1, 2, 3], [4, 5, 6]).effect, { value: -1, size: 'large' })
  assert.equal(compareSamples(times(1, 0.1, 200, 1), times(1, 0.1, 200, 2)).effect.size, 'negligible')
})

test('one sample claims nothing, and a sample that is no time is refused', () => {
  assert.deepEqual(compareSamples([2], [1]).speedup, { value: 2, low: 0, high: Infinity })
  assert.equal(verdictOf(compareSamples([2], [1])), 'no difference seen')
  assert.throws(() => compareSamples([1, NaN], [1, 2]), /samples above 0, not NaN/)
})

test('several comparisons together are adjusted, in their own order', () => {
  assert.deepEqual(adjusted([0.04, 0.01, 0.5]), [0.08, 0.03, 0.5])
  assert.deepEqual(adjusted([0.03, 0.03]), [0.06, 0.06])
  assert.deepEqual(adjusted([]), [])
})
