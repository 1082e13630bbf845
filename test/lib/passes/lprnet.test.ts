import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lprnet as plates } from '../../../lib/data/lprnet.ts'
import type { Graph } from '../../../lib/graph/graph.ts'
import { lprnet } from '../../../lib/nn/models/index.ts'
import { publishedWeights } from '../../../lib/nn/weights.ts'
import * as passes from '../../../lib/passes/index.ts'
import { Session } from '../../../lib/runtime/session.ts'
import { types } from './networks.ts'

const data = await plates()
const { graph } = lprnet({ weights: publishedWeights('lprnet') })
const simplify = passes.pipeline([passes.foldConstants(), passes.foldBatchNorm(), passes.removeIdentities()])

async function correct(network: Graph): Promise<number> {
  const session = await Session.create(network, { device: 'cpu', spinning: false })
  let count = 0
  for (const { inputs, labels } of data.take(200).batches(100)) {
    const { logits } = await session.run(inputs)
    count += data.correct(logits!, labels).filter(Boolean).length
  }
  await session.release()
  return count
}

const feeds = data.batch(10)

test('every batch norm of LPRNet folds, every convolution but the last fuses with its activation, and the logits stay', async () => {
  const folded = await simplify.apply(graph)
  assert.deepEqual(folded.refusals, [])
  assert.ok((await passes.compare(graph, folded.graph, feeds)).relative < 1e-5)
  const fused = await passes.fuseActivation().apply(folded.graph)
  assert.deepEqual(fused.refusals, [])
  assert.deepEqual(types(fused.graph).filter((type) => /Conv|Relu|Batch|Dropout/.test(type)), [...Array<string>(15).fill('FusedConv'), 'Conv'])
  assert.ok((await passes.compare(graph, fused.graph, feeds)).relative < 1e-5)
})

test('blocked pooling leaves the logits as they are; the mean per sample makes plates independent of each other', async () => {
  const blocked = await passes.blockPooling({ block: 4 }).apply(graph)
  assert.deepEqual(blocked.changes.map(({ text }) => text), Array(3).fill('1 x 5 blocks of 4 x 4 outputs'))
  assert.ok((await passes.compare(graph, blocked.graph, feeds)).relative < 1e-6)
  const apart = await passes.meanPerSample({ epsilon: 1e-8 }).apply(blocked.graph)
  assert.equal(apart.changes.length, 4)
  const one = { plate: feeds.plate!.take(0, [3]) }
  assert.ok((await passes.compare(graph, apart.graph, one)).relative < 1e-5)
  assert.ok((await passes.compare(graph, apart.graph, feeds)).relative > 1e-3)
})

test('int8 reads nearly as many plates as float32', async () => {
  const folded = (await simplify.apply(graph)).graph
  const expected = await correct(graph)
  const fixed = await passes.quantize({ calibrate: data.slice(200, 300) }).apply(folded)
  assert.deepEqual(fixed.refusals, [])
  assert.equal(fixed.changes.filter(({ text }) => text.startsWith('int8 weights')).length, 16)
  const dynamic = await passes.quantizeDynamic({ force: true }).apply(folded)
  for (const { graph: small } of [fixed, dynamic]) assert.ok(Math.abs((await correct(small)) - expected) <= 6)
})
