import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { Dataset } from '../../../lib/data/dataset.ts'
import { lprnet as plates } from '../../../lib/data/lprnet.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { accuracy } from '../../../lib/measure/accuracy.ts'
import { lprnet } from '../../../lib/nn/models/lprnet.ts'
import { publishedWeights } from '../../../lib/nn/weights.ts'
import { Session } from '../../../lib/runtime/session.ts'
import { useData } from '../data/folder.ts'
import { identity } from '../runtime/models.ts'

/** Seven samples that a model which answers what it is asked gets right, but for the third and the last. */
const seven = Dataset.of<number>({
  name: 'seven',
  source: 'memory',
  complete: true,
  inputs: { x: Tensor.float32([7, 1], [0, 1, -2, 3, 4, 5, -6]) },
  labels: [0, 1, 2, 3, 4, 5, 6],
  correct: (output, labels) => labels.map((label, i) => output.data[i] === label),
})

test('each sample counts, those of the last, smaller batch too', async () => {
  const session = await Session.create(identity('float32', ['N', 1]), { device: 'cpu' })
  const result = await accuracy(session, seven, { batch: 3 })
  assert.deepEqual(result.samples, [true, true, false, true, true, true, false])
  assert.equal(result.value, 5 / 7)
  assert.ok(result.interval.low < result.value && result.value < result.interval.high)
  assert.match(String(result), /^71\.4 % \(95 % interval .* to .*\): 5 of 7 right, 3 a run$/)
  assert.equal(inspect(result), String(result), 'console.log prints no list of samples')
  assert.deepEqual((await session.run({ x: Tensor.float32([1, 1], [8]) })).y.toNumbers(), [8], "the caller's session is still open")
  await session.release()
})

test('a model that takes a fixed number of samples is right as often: what fills its last run up is left out', async () => {
  const half: string[] = []
  for (const fixed of [1, 4, 100]) {
    const session = await Session.create(identity('float32', [fixed, 1]), { device: 'cpu' })
    const result = await accuracy(session, seven, { quiet: true })
    assert.deepEqual([result.batch, result.samples], [fixed, [true, true, false, true, true, true, false]])
    await assert.rejects(accuracy(session, seven, { batch: 5 }), new RegExp(`takes ${fixed} samples a run, not 5\\. Ask for as many`))
    half.push(String(result))
    await session.release()
  }
  assert.match(half[1]!, /5 of 7 right, 4 a run$/)
})

test('numbers that are approximated have no accuracy, and the error says what to do', async () => {
  const prices = Dataset.of<number>({ name: 'prices', source: 'memory', complete: true, inputs: { x: Tensor.float32([2, 1], [1, 2]) }, labels: [1, 2] })
  const session = await Session.create(identity('float32', ['N', 1]), { device: 'cpu' })
  await assert.rejects(accuracy(session, prices, { quiet: true }), /prices: its labels are approximated, .+ there is no accuracy\. Compare a loss/)
  await session.release()
})

test('nothing to count, and a batch that is none, are refused', async () => {
  const session = await Session.create(identity('float32', ['N', 1]), { device: 'cpu' })
  await assert.rejects(accuracy(session, seven.take(0)), /seven: no samples, so no accuracy/)
  await assert.rejects(accuracy(session, seven, { batch: 0 }), /a whole number of samples from 1 on, not 0/)
  await session.release()
})

test('LPRNet with the published weights reads 900 plates of 1,000 in batches of 100, and 894 one at a time', async (t) => {
  useData(t, undefined)
  const net = lprnet({ weights: publishedWeights('lprnet') })
  const hundred = await accuracy(net, await plates(), { device: 'cpu' })
  assert.equal(hundred.value, 0.9)
  const single = await accuracy(net, await plates(), { device: 'cpu', batch: 1 })
  assert.equal(single.value, 0.894)
  assert.equal(single.batch, 1)
})
