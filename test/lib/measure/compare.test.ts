import assert from 'node:assert/strict'
import { test } from 'node:test'
import { adjusted, compareRounds, compareSeries, verdictOf } from '../../../lib/measure/compare.ts'
import { mannWhitney, mannWhitneyInRounds } from '../../../lib/measure/rank-test.ts'
import { drifting, times } from './planted.ts'

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

/** Of all ways to deal each round's two times out, the share whose rank sums lie at least as far apart: of ranks 1 to 2n. */
function exactPInRounds(first: readonly number[], second: readonly number[]): number {
  const apart = (deal: number) => Math.abs(first.reduce((sum, rank, i) => sum + (deal & (1 << i) ? rank - second[i] : second[i] - rank), 0))
  const deals = Array.from({ length: 2 ** first.length }, (_, deal) => apart(deal))
  return deals.filter((distance) => distance >= deals.at(-1)!).length / deals.length
}

test('the rank test within rounds comes near dealing every round out both ways', () => {
  for (const [first, second] of [[[1, 3, 5, 7, 9, 11, 13], [2, 4, 6, 8, 10, 12, 14]], [[1, 4, 6, 7, 12, 9, 2], [3, 14, 5, 8, 10, 11, 13]], [[1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12]]])
    assert.ok(Math.abs(mannWhitneyInRounds(first, second).p - exactPInRounds(first, second)) < 0.02)
  assert.ok(Math.abs(mannWhitneyInRounds([1, 2, 3, 4, 5, 6, 7], [8, 9, 10, 11, 12, 13, 14]).p - 2 / 128) < 0.01)
})

test('ties, equal sets and single samples have no significance', () => {
  assert.equal(mannWhitney([1, 1, 1, 1], [1, 1, 1, 1]).p, 1)
  assert.equal(mannWhitney([2], [1]).p, 1)
  assert.deepEqual(mannWhitney([1, 2, 3, 4], [1, 2, 3, 4]), { p: 1, delta: 0 })
  assert.deepEqual(mannWhitneyInRounds([1, 2, 3, 4], [1, 2, 3, 4]), { p: 1, delta: 0 })
  assert.equal(mannWhitneyInRounds([2], [1]).p, 1)
})

test('effect sizes: the share of pairs in which the second is faster', () => {
  for (const compare of [compareRounds, compareSeries]) {
    assert.deepEqual(compare([4, 5, 6], [1, 2, 3]).effect, { value: 1, size: 'large' })
    assert.deepEqual(compare([1, 2, 3], [4, 5, 6]).effect, { value: -1, size: 'large' })
    assert.equal(compare(times(1, 0.1, 200, 1), times(1, 0.1, 200, 2)).effect.size, 'negligible')
  }
})

/** Share of trials in which the second of two things, slower by a share, is told apart. */
function toldApart(trials: number, slower: number, rounds: number): number {
  return Array.from({ length: trials }, (_, seed) => {
    const [first, second] = drifting(rounds, slower, seed)
    return ['faster', 'slower'].includes(verdictOf(compareRounds(first, second, seed), 0))
  }).filter(Boolean).length / trials
}

test('while the machine drifts, equal things are seldom told apart, and a difference far below the drift is found', () => {
  const wrong = toldApart(150, 0, 40)
  assert.ok(wrong <= 0.05, `${wrong}`)
  const found = toldApart(60, 0.03, 200)
  assert.ok(found >= 0.9, `${found}`)
  const [first, second] = drifting(200, 0.03, 7)
  assert.equal(verdictOf(compareSeries(first, second), 0), 'no difference seen', 'apart from their rounds they show nothing')
})

test('smaller differences than the threshold count as none', () => {
  const [first, second] = drifting(400, 0.02, 1)
  assert.deepEqual([0, 0.01, 0.03].map((threshold) => verdictOf(compareRounds(first, second), threshold)), ['slower', 'slower', 'no difference seen'])
})

test('one sample claims nothing, and a sample that is no time is refused', () => {
  for (const compare of [compareRounds, compareSeries]) {
    assert.deepEqual(compare([2], [1]).speedup, { value: 2, low: 0, high: Infinity })
    assert.equal(verdictOf(compare([2], [1]), 0), 'too few runs')
    assert.throws(() => compare([1, NaN], [1, 2]), /samples above 0, not NaN/)
  }
})

test('a difference that the interval shows, and chance could have dealt out, needs more runs', () => {
  // one of ten rounds was disturbed: of twelve comparisons together, one in so many may look like that
  const [usual, slow] = [[...Array.from({ length: 9 }, (_, i) => 0.062 + i / 1e4), 20], Array.from({ length: 10 }, (_, i) => 8.8 + i / 100)]
  const { speedup, p } = compareRounds(usual, slow)
  assert.ok(speedup.high < 0.01)
  assert.equal(verdictOf({ speedup, p: 12 * p }, 0.02), 'too few runs')
  assert.equal(verdictOf({ speedup, p: 0.01 }, 0.02), 'slower')
})

test('several comparisons together are adjusted, in their own order', () => {
  assert.deepEqual(adjusted([0.04, 0.01, 0.5]), [0.08, 0.03, 0.5])
  assert.deepEqual(adjusted([0.03, 0.03]), [0.06, 0.06])
  assert.deepEqual(adjusted([]), [])
})
