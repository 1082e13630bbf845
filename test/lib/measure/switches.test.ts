import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { mnist } from '../../../lib/data/index.ts'
import { sampleFeeds } from '../../../lib/measure/sample-feeds.ts'
import { switches } from '../../../lib/measure/switches.ts'
import { pipelined, throughput } from '../../../lib/measure/throughput.ts'
import { build } from '../../../lib/nn/build.ts'
import { conv2d, flatten, linear, maxPool2d, relu, sequential } from '../../../lib/nn/layers.ts'

const model = build(sequential(conv2d(1, 16, 3, { padding: 1 }), relu(), maxPool2d(2), conv2d(16, 16, 3, { padding: 1 }), relu(), flatten(), linear(16 * 196, 10)), { x: ['N', 1, 28, 28] }, { name: 'small', output: 'logits' })
const feedsOf = (batch: number) => sampleFeeds([{ name: 'x', dtype: 'float32', shape: [batch, 1, 28, 28] }])

test('a model is run in every way that changes no result, with latency and peak memory in one table', async () => {
  const found = await switches(model, feedsOf(2), { device: 'cpu', seconds: 0.3, only: ['no arena', 'no memory pattern', 'Winograd', 'operator by operator'] })
  assert.deepEqual(found.rows.map(({ name }) => name), ['as usual', 'no memory pattern', 'no arena', 'Winograd', 'operator by operator'])
  const [usual, pattern, arena, , eager] = found.rows
  assert.ok(usual!.peak! > 2 * 16 * 784 * 4 && pattern!.peak! > 0 && usual!.growth! > 0)
  assert.deepEqual([arena!.peak, eager!.peak, eager!.growth], [null, null, null], 'what nobody tells is not made up')
  assert.ok(found.rows.includes(found.fastest))
  assert.match(inspect(found), /^run +time +times as fast +peak memory +the process grew by/)
  await assert.rejects(switches(model, feedsOf(2), { device: 'cpu', only: ['magic'] }), /there is no way "magic" to run small, only .*2 operators at once, /)
})

test('throughput is swept over batch sizes and sessions, and over threads that prepare the input', async () => {
  const found = await throughput(model, feedsOf, { batches: [1, 4], sessions: [1, 2], seconds: 0.05, repeats: 1 })
  assert.deepEqual(found.rows.map(({ setting }) => setting), ['batch 1, 1 session', 'batch 4, 1 session', 'batch 1, 2 sessions', 'batch 4, 2 sessions'])
  assert.ok(found.rows.every(({ samples }) => samples['samples/s']!.every((rate) => rate > 0)))
  await assert.rejects(throughput(model, () => ({}), { batches: [1], sessions: [1], seconds: 0.05, repeats: 1 }), /the input "x" is missing/)
  const prepared = await pipelined(model, (await mnist({ train: false })).take(64), { batch: 16, workers: [0, 1], repeats: 1, device: 'cpu' })
  assert.deepEqual(prepared.rows.map(({ setting }) => setting), [0, 1])
})
