import assert from 'node:assert/strict'
import { test } from 'node:test'
import { effectOf, type Quantity } from '../../../lib/report/quantity.ts'
import { falls, fastest, growth, shrinkingGains } from '../../../lib/report/settings.ts'
import { verdict, type Rule } from '../../../lib/report/verdict.ts'
import { times } from '../measure/planted.ts'

const WORKERS = [0, 1, 2, 4, 8]
const ABOVE_ONE: Rule = { kind: 'threshold', side: 'above', threshold: 1 }
/** Five noisy times (2 %) at each of the medians; none where there is no median. */
const sampled = (medians: readonly (number | null)[], seed = 0) => medians.map((median, i) => (median === null ? [] : times(median, 0.02, 5, 10 * seed + i)))

function judged(quantity: Quantity, rule: Rule, sets: readonly (readonly number[])[]) {
  const conditions = { device: 'cpu', cores: 2, profile: 'quick', data: {} } as const
  return verdict({ rule, scale: quantity.scale, needs: {}, conditions, effect: effectOf(quantity, sets) })
}

test('the best setting is faster than every other; a tie decides nothing; another one contradicts', () => {
  const best: Rule = { kind: 'best', document: 4 }
  const clear = judged(fastest(WORKERS), best, sampled([2, 1.8, 1.5, 1, 1.4]))
  assert.deepEqual([clear.verdict, clear.effect], ['reproduced', 4])
  const tied = judged(fastest(WORKERS), best, sampled([2, 1.8, 1, 1, 1.4]))
  assert.deepEqual([tied.verdict, tied.interval], ['undecided', [2, 4]])
  assert.equal(tied.reason, 'tied: none from 2 to 4 is better than every other')
  const other = judged(fastest(WORKERS), best, sampled([1, 1.8, 1.5, 1.2, 1.4]))
  assert.equal(`${other.verdict}: ${other.reason}`, 'contradicted: 0 is better than every other')
})

test('settings may be left out of a race, and one sample of each decides nothing', () => {
  const best: Rule = { kind: 'best', document: 2 }
  assert.equal(judged(fastest(WORKERS), best, sampled([1.3, null, 1, null, 1.2])).verdict, 'reproduced')
  assert.equal(judged(fastest(WORKERS), best, [[1.3], [], [1], [], []]).verdict, 'undecided')
  assert.throws(() => effectOf(fastest(WORKERS), [[], [], [], [], []]), /there are no samples/)
  assert.throws(() => effectOf(growth(WORKERS), sampled([1, 1, null, 1, 1])), /there are no samples/)
  assert.throws(() => effectOf(growth(WORKERS), [[1], [1]]), /expected the samples of 5 settings, not of 2/)
})

test('time that grows by 3 % with each unit shows that factor; noise alone shows none', () => {
  const grown = effectOf(growth(WORKERS), sampled(WORKERS.map((n) => 2 * 1.03 ** n)))
  assert.ok(Math.abs(Math.exp(grown.value) - 1.03) < 0.01, `${Math.exp(grown.value)}`)
  assert.equal(judged(growth(WORKERS), ABOVE_ONE, sampled(WORKERS.map((n) => 2 * 1.03 ** n))).verdict, 'reproduced')
  assert.equal(judged(growth(WORKERS), ABOVE_ONE, sampled(WORKERS.map((n) => 2 * 0.97 ** n))).verdict, 'contradicted')
  const found = Array.from({ length: 40 }, (_, seed) => judged(growth(WORKERS), ABOVE_ONE, sampled([1, 1, 1, 1, 1], seed)).verdict)
  assert.ok(found.filter((one) => one === 'undecided').length >= 30, found.join())
})

test('significant falls between neighbouring settings are counted, noise is not', () => {
  const none: Rule = { kind: 'count', document: 0 }
  assert.equal(judged(falls(WORKERS), none, sampled([1, 1.1, 1.2, 1.3, 1.5])).verdict, 'reproduced')
  const two = judged(falls(WORKERS), none, sampled([1, 0.8, 0.9, 0.7, 0.8]))
  assert.deepEqual([two.verdict, two.effect], ['contradicted', 2])
  const found = Array.from({ length: 40 }, (_, seed) => judged(falls(WORKERS), none, sampled([1, 1, 1, 1, 1], seed)).effect)
  assert.ok(found.filter((count) => count === 0).length >= 30, found.join())
})

test('gains that shrink or reverse are told from gains that go on', () => {
  assert.equal(judged(shrinkingGains, ABOVE_ONE, sampled([2, 1, 0.9])).verdict, 'reproduced')
  assert.equal(judged(shrinkingGains, ABOVE_ONE, sampled([2, 1, 1.1])).verdict, 'reproduced')
  assert.equal(judged(shrinkingGains, ABOVE_ONE, sampled([2, 1.9, 1])).verdict, 'contradicted')
})
