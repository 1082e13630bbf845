import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import { Graph } from '../../../lib/graph/graph.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { load } from '../../../lib/measure/load.ts'
import { replicas } from '../../../lib/measure/replicas.ts'
import { twoLayers } from '../runtime/models.ts'

/** A server that answers one request at a time. */
function server(milliseconds: number): () => Promise<void> {
  let free = Promise.resolve()
  return () => (free = free.then(() => sleep(milliseconds)))
}

test('closed loop: each client waits for its answer, so as many are under way as there are clients', async () => {
  let inside = 0
  let most = 0
  const result = await load(async () => {
    most = Math.max(most, ++inside)
    await sleep(5)
    inside--
  }, { clients: [1, 4], seconds: 0.3 })
  assert.equal(most, 4)
  for (const { level, throughput, latencies } of result.levels) {
    const elapsed = latencies.length / throughput
    const waited = latencies.reduce((total, latency) => total + latency)
    assert.ok(elapsed >= 0.3 && waited <= level * elapsed, `${level} clients waited ${waited} s within ${elapsed} s`)
  }
  assert.match(result.table()['text/plain'], /load +items\/s +p50 +p90 +p95 +p99 +longest.*1 client .*4 clients /s)
})

test('open loop: what arrives faster than it is answered waits, and its wait counts', async () => {
  const { levels: [light, heavy] } = await load(server(10), { rates: [15, 400], seconds: 0.5, seed: 3 })
  assert.ok(light.latencies.length < 20 && heavy.latencies.length > 120)
  // The last of 120 and more, all of which arrived within half a second, is answered when the server has worked for 1.2 s.
  assert.ok(heavy.latencies.at(-1)! > 0.6)
  assert.ok(heavy.throughput < 110)
})

test('replicas run at the same time, each in a thread of its own; a failing run is told', async () => {
  const served = await replicas(twoLayers(16), { x: Tensor.zeros('float32', [2, 16]) }, { count: 2, device: 'cpu', threads: 1 })
  const { levels: [one, four] } = await load(served.run, { clients: [1, 4], seconds: 0.2 })
  assert.equal(one.failed + four.failed, 0)
  assert.ok(one.latencies.length >= 1 && four.latencies.length >= 4)
  await served.close()
  await assert.rejects(served.run(), /no replica is left to run it/)
  const failing = new Graph('failing')
  failing.addOutput(failing.add('Gather', [failing.input('x', 'float32', [4]), failing.input('i', 'int64', [1])]).output, 'y')
  const broken = await replicas(failing, { x: Tensor.zeros('float32', [4]), i: Tensor.int64([9]) }, { count: 1, device: 'cpu' })
  await assert.rejects(broken.run(), /^Error: failing: .*(out of|indices)/)
  await broken.close()
  await assert.rejects(replicas(new Uint8Array(9), {}, { device: 'cpu' }), /not an ONNX model/)
  await assert.rejects(replicas(twoLayers(16), {}, { count: 0 }), /1 replica or more, not 0/)
})

test('what each kind of load leaves out is stated', async () => {
  const text = async (options: object) => (await load(() => 0, { ...options, seconds: 0.01 })).table()['text/plain']
  assert.match(await text({ clients: [1] }), /would have come meanwhile are not made, and not counted\.$/)
  assert.match(await text({ rates: [500] }), /count from the moment they were due: nothing is left out \(no coordinated omission\)\.$/)
})

test('failures are counted and told, and the rest is kept', async () => {
  let calls = 0
  const result = await load(() => {
    if (++calls % 3 === 0) throw new Error('out of plates')
    return sleep(2)
  }, { clients: [2], seconds: 0.1 })
  const [{ failed, failure, latencies }] = result.levels
  assert.equal(failed, Math.floor(calls / 3))
  assert.equal(latencies.length, calls - 1 - failed, 'the first call does not count')
  assert.equal(failure, 'out of plates')
  assert.match(result.table()['text/plain'], /requests failed at clients 2: out of plates\./)
})

test('levels that are none are refused', async () => {
  await assert.rejects(load(() => 0, { clients: [0] }), /not 0/)
  await assert.rejects(load(() => 0, { clients: [1.5] }), /not 1\.5/)
  await assert.rejects(load(() => 0, { rates: [NaN] }), /not NaN/)
})
