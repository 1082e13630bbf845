import assert from 'node:assert/strict'
import { test } from 'node:test'
import { segments } from '../../../lib/measure/change-point.ts'
import { steady } from '../../../lib/measure/warm-up.ts'
import { times } from './planted.ts'

const cuts = (series: readonly number[]) => segments(series).map(({ from }) => from)

test('a level that changes is cut where it changes', () => {
  assert.deepEqual(cuts([...times(0.04, 0.02, 10, 1), ...times(0.01, 0.02, 10, 2)]), [0, 10])
  assert.deepEqual(cuts([0.2, ...times(0.01, 0.01, 12, 3)]), [0, 1])
  const [{ mean }] = segments([...times(0.04, 0.02, 10, 1), ...times(0.01, 0.02, 10, 2)])
  assert.ok(Math.abs(mean - 0.04) < 0.001)
})

test('noise, equal times and a single outlier are one level', () => {
  const found = Array.from({ length: 50 }, (_, seed) => segments(times(0.01, 0.05, 30, seed)).length)
  assert.ok(found.filter((count) => count === 1).length >= 42, found.join(' '))
  assert.deepEqual(cuts([1, 1, 1, 1]), [0])
  assert.deepEqual(cuts(times(0.01, 0.02, 20, 4).with(9, 0.1)), [0])
  assert.deepEqual(cuts([]), [])
})

test('warm is whose last level has lasted five calls', () => {
  assert.equal(steady([0.04, 0.04, 0.04, 0.01, 0.01, 0.01, 0.01]), false)
  assert.equal(steady([0.04, 0.04, 0.04, 0.01, 0.01, 0.01, 0.01, 0.01]), true)
  assert.equal(steady(Array.from({ length: 12 }, (_, i) => 0.1 * 0.8 ** i)), false)
})
