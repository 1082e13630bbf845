import assert from 'node:assert/strict'
import { test } from 'node:test'
import { symbol } from '../../../lib/graph/dim.ts'
import { memory } from '../../../lib/measure/memory.ts'
import { batchSymbol, sampleFeeds } from '../../../lib/measure/sample-feeds.ts'
import { lprnet } from '../../../lib/nn/models/lprnet.ts'
import { Session } from '../../../lib/runtime/session.ts'
import { crossEntropy } from '../../../lib/train/loss.ts'
import { sgd } from '../../../lib/train/optimizer.ts'
import { trainingStep } from '../../../lib/train/step.ts'
import { cost } from '../../../lib/measure/cost.ts'
import { network } from './networks.ts'

test('inputs of every type and size are made up, and a model takes them', async () => {
  const session = await Session.create(lprnet({ seed: 1 }), { device: 'cpu' })
  const symbolName = batchSymbol(session.inputs)!
  const feeds = sampleFeeds(session.inputs, { [symbolName]: 3 })
  const [plates] = Object.values(feeds)
  assert.deepEqual(plates.shape, [3, 3, 24, 94])
  assert.ok(plates.toNumbers().every((x) => x >= -1 && x < 1) && new Set(plates.toNumbers()).size > 1000)
  assert.deepEqual((await session.run(feeds))[session.outputs[0].name].shape, [3, 68, 18])
  await session.release()
  const made = sampleFeeds([{ name: 'i', dtype: 'int64', shape: ['T', 2] }, { name: 's', dtype: 'string', shape: [2] }, { name: 'h', dtype: 'float16', shape: [2] }], { T: 4 })
  assert.deepEqual([made.i.shape, made.i.toNumbers().some(Boolean), made.s.strings, made.h.dtype], [[4, 2], false, ['', ''], 'float16'])
})

test('sizes that fit nothing are refused', () => {
  const inputs = [{ name: 'x', dtype: 'float32', shape: ['N', 4] }] as const
  assert.throws(() => sampleFeeds(inputs, { M: 2 }), /there is no dimension "M", only "N"/)
  assert.throws(() => sampleFeeds(inputs, { N: 1.5 }), /the dimension N is a whole number from 1 on, not 1\.5/)
  assert.equal(batchSymbol([{ name: 'x', dtype: 'float32', shape: [1, 4] }]), undefined)
})

test('a training step has its cost, and its memory is measured as an inference is', async () => {
  const forward = network('small', (net, x) => net.linear(net.globalPool(net.relu(net.conv(x, 8, 3, { pad: 1 }))), 10))
  const step = trainingStep(forward, { loss: crossEntropy, optimizer: sgd({ lr: 0.1 }), target: { dtype: 'int64', shape: [symbol('N')] } })
  const [inference, training] = [cost(forward, { N: 2 }), cost(step, { N: 2 })]
  assert.ok(Number(training.macs) >= 2 * Number(inference.macs))
  assert.ok(training.peak!.bytes > inference.peak!.bytes)
  const session = await Session.create(step, { device: 'cpu' })
  const measured = await memory(step, sampleFeeds(session.inputs, { N: 2 }), { device: 'cpu', graphOptimization: 'disabled', runs: 1 })
  await session.release()
  assert.ok(measured.operators.length > 5 && measured.operators.some(({ name }) => name === measured.peak.owner))
  assert.ok(measured.peak.bytes > inference.peak!.bytes)
})
