import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { sweep } from '../../../lib/measure/sweep.ts'

test('every setting is measured once a round, in an order that changes, and keeps its samples', async () => {
  const order: number[] = []
  const found = await sweep([0, 1, 2, 4, 8], (workers, seed) => {
    order.push(workers)
    return { seconds: 10 - workers + seed / 100, waiting: workers }
  }, { repeats: 4, seed: 3 })
  const rounds = Array.from({ length: 4 }, (_, round) => order.slice(5 * round, 5 * round + 5))
  for (const round of rounds) assert.deepEqual(round.toSorted((a, b) => a - b), [0, 1, 2, 4, 8])
  assert.ok(new Set(rounds.map(String)).size > 1, 'the order changes')
  assert.deepEqual(found.at(4).map((s) => s.toFixed(2)), ['6.03', '6.04', '6.05', '6.06'])
  assert.deepEqual(found.over([2, 3, 8], 'waiting'), [[2, 2, 2, 2], [], [8, 8, 8, 8]])
  assert.deepEqual([found.least(), found.least('waiting')], [8, 0])
  assert.match(inspect(found), /setting +seconds +waiting\n.*\n0 +10\.0 \(10\.0 to 10\.1\) +0\n.*4 samples each/s)
})

test('a measurement may answer several samples, such as the epochs of a run', async () => {
  const found = await sweep([1, 2], (setting, seed) => ({ seconds: [setting, setting + seed], loss: seed }), { repeats: 2, seed: 5 })
  assert.deepEqual([found.at(2), found.at(2, 'loss')], [[2, 7, 2, 8], [5, 6]])
  await assert.rejects(sweep([1], () => ({ seconds: [1, NaN] })), /answered seconds = 1,NaN/)
})

test('what is no setting, no value or no number is refused by name', async () => {
  const found = await sweep(['a', 'b'], async () => ({ seconds: 1 }), { repeats: 1 })
  assert.throws(() => found.at('c' as 'a'), /the setting c was not measured, only a, b/)
  assert.throws(() => found.at('a', 'bytes'), /the sweep has no "bytes", only seconds/)
  await assert.rejects(sweep([1], () => ({ loss: NaN })), /the setting 1 answered loss = NaN, and that is no measurement/)
  await assert.rejects(sweep([], () => ({})), /a sweep needs settings/)
  await assert.rejects(sweep([1], () => ({}), { repeats: 0 }), /1 time or more, not 0/)
})
