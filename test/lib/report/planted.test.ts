import assert from 'node:assert/strict'
import { test } from 'node:test'
import { random } from '../../../lib/random.ts'
import { accuracyChange, effectOf, speedup, type Quantity, type SampleSets } from '../../../lib/report/quantity.ts'
import { verdict, type Rule, type Verdict } from '../../../lib/report/verdict.ts'
import { times } from '../measure/planted.ts'

/** How often each verdict falls over 100 planted sets of samples. */
function verdicts(quantity: Quantity, rule: Rule, samples: (seed: number) => SampleSets): Partial<Record<Verdict, number>> {
  const counts: Partial<Record<Verdict, number>> = {}
  for (let seed = 0; seed < 100; seed++) {
    const conditions = { device: 'cpu', cores: 2, profile: 'quick', data: {} } as const
    const { verdict: found } = verdict({ rule, scale: quantity.scale, needs: {}, conditions, effect: effectOf(quantity, samples(seed)) })
    counts[found] = (counts[found] ?? 0) + 1
  }
  return counts
}

/** Times of a base and of a variant that is `factor` times as fast. */
const timed = (factor: number, noise: number, count: number) => (seed: number): SampleSets => [times(1, noise, count, 2 * seed), times(1 / factor, noise, count, 2 * seed + 1)]

/** Whether each of 1,000 items is right in the base, and in a variant that loses and gains the given shares of them. */
const graded = (lost: number, gained: number) => (seed: number): SampleSets => {
  const { next } = random(seed)
  const base = Array.from({ length: 1000 }, () => Number(next() < 0.9))
  return [base, base.map((right) => (next() < (right ? lost : gained) ? 1 - right : right))]
}

test('a speed-up that is there is reproduced, a smaller one has the same direction, the opposite contradicts', () => {
  const claim: Rule = { kind: 'number', document: 1.6, tolerance: 0.2 }
  assert.ok(verdicts(speedup, claim, timed(1.6, 0.05, 30)).reproduced! >= 99)
  assert.ok(verdicts(speedup, claim, timed(1.15, 0.05, 30))['same direction']! >= 99)
  assert.ok(verdicts(speedup, claim, timed(0.8, 0.05, 30)).contradicted! >= 99)
})

test('no effect never reproduces a number, and few noisy samples decide nothing', () => {
  const claim: Rule = { kind: 'number', document: 1.6, tolerance: 0.2 }
  const none = verdicts(speedup, claim, timed(1, 0.05, 30))
  assert.equal(none.reproduced, undefined)
  assert.ok(none.contradicted! >= 90)
  assert.ok(verdicts(speedup, claim, timed(1.3, 0.8, 5)).undecided! >= 40)
})

test('a direction without a number is reproduced by a real one only', () => {
  const faster: Rule = { kind: 'threshold', side: 'above', threshold: 1 }
  assert.ok(verdicts(speedup, faster, timed(1.1, 0.03, 40)).reproduced! >= 99)
  assert.ok((verdicts(speedup, faster, timed(1, 0.03, 40)).reproduced ?? 0) <= 6)
  assert.ok(verdicts(speedup, faster, timed(0.9, 0.03, 40)).contradicted! >= 99)
})

test('accuracies that do not change, fall, or change within the margin', () => {
  const same: Rule = { kind: 'no change', document: 0, margin: 1 }
  assert.ok(verdicts(accuracyChange, same, graded(0.001, 0.009)).reproduced! >= 99)
  assert.ok(verdicts(accuracyChange, same, graded(0.05, 0)).contradicted! >= 99)
  assert.ok(verdicts(accuracyChange, same, graded(0.015, 0.03)).undecided! >= 40)
})
