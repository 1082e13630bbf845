import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { Dataset } from '../../../lib/data/dataset.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { batchNorm2d, conv2d, flatten, linear, relu, sequential } from '../../../lib/nn/layers.ts'
import { build } from '../../../lib/nn/build.ts'
import { correctBias, foldBatchNorm, fuseActivation, optimize, pruneChannels, quantize, sensitivities, taylor, ternarize, tune } from '../../../lib/passes/index.ts'

const model = build(sequential(conv2d(1, 8, 3, { padding: 1 }), batchNorm2d(8), relu(), flatten(), linear(8 * 16, 3)), { x: ['N', 1, 4, 4] }, { name: 'small', output: 'logits' })
const data = Dataset.of({
  name: 'noise', source: 'the test', complete: true,
  inputs: { x: Tensor.float32([12, 1, 4, 4], Array.from({ length: 192 }, (_, i) => Math.sin(i * i))) }, labels: Array.from({ length: 12 }, (_, i) => i % 3),
  correct: (output, labels) => labels.map((label, i) => output.toNumbers().slice(3 * i, 3 * i + 3).every((x, _, row) => x <= row[label]!)),
})

test('each pass is a row: what the network stores, computes, needs, how fast and how right it is, and how far it moved', async () => {
  const result = await optimize(model, [foldBatchNorm(), fuseActivation(), pruneChannels({ amount: 0.5 })], { data, batch: 4, seconds: 0.2 })
  assert.deepEqual(result.stages.map(({ name }) => name), ['base', 'fold-batch-norm', 'fuse-activation', 'prune-channels'])
  const [base, folded, , pruned] = result.stages
  assert.equal(base!.difference, 0)
  assert.ok(folded!.difference < 1e-5 && folded!.parameters === base!.parameters - 16)
  assert.equal(folded!.accuracy!.value, base!.accuracy!.value)
  assert.ok(pruned!.bytes.dense < folded!.bytes.dense && Number(pruned!.macs) === Number(base!.macs) / 2)
  assert.ok(pruned!.difference > 0 && pruned!.latency.median > 0 && pruned!.peak! < base!.peak!)
  assert.equal(result.model.graph, pruned!.model.graph)
  assert.deepEqual(result.changes.map(({ pass }) => pass), ['fold-batch-norm', 'fuse-activation', 'prune-channels'])
  const text = inspect(result)
  assert.match(text, /^stage +changed +refused +parameters +multiply-adds +stored +sparse +compressed +peak memory\n[^]+\n\nstage +time +samples a second +times as fast +accuracy +difference\n/)
  assert.match(text, /\nbase .+µs\) .+ k \(.+ - .+ k\) +1 /)
  for (const line of text.split('\n')) assert.ok(line.length <= 120, line)
})

test('without data nothing is said of accuracy; one pass need not be a list; what a budget asks for and does not get is told', async () => {
  const result = await optimize(model, foldBatchNorm(), { seconds: 0.05, budget: { bytes: 100, latency: 1e-9 } })
  assert.equal(result.stages[1]!.accuracy, null)
  assert.equal(result.unmet.length, 2)
  assert.match(result.unmet.join(' '), /^A run takes .*, and .* were allowed\. The file has .*, and 100 B were allowed\.$/)
  assert.doesNotMatch(inspect(result), /accuracy/)
})

test('a loss of accuracy that nothing could judge is refused before anything is done', async () => {
  const options = { seconds: 0.05, budget: { loss: 0.01 } }
  await assert.rejects(optimize(model, foldBatchNorm(), options), /optimize: budget\.loss is judged by data, and there is none\. Give data, or leave loss out\./)
  const heights = Dataset.of({ name: 'heights', source: 'the test', complete: true, inputs: { x: Tensor.zeros('float32', [4, 1, 4, 4]) }, labels: [1.5, 2, 3, 4] })
  await assert.rejects(optimize(model, foldBatchNorm(), { ...options, data: heights }), /there is no accuracy of heights/)
  assert.equal((await optimize(model, foldBatchNorm(), { data: heights, seconds: 0.05 })).stages[0]!.accuracy, null)
})

test('a network with a fixed first axis and an input of another name than the data has is optimized, searched and judged like any other', async () => {
  const layers = sequential(conv2d(1, 8, 3, { padding: 1 }), batchNorm2d(8), relu(), flatten(), linear(8 * 16, 3))
  const exported = build(layers, { picture: [5, 1, 4, 4] }, { name: 'exported', output: 'logits' })
  const result = await optimize(exported, [pruneChannels({ amount: 0.5, criterion: taylor({ data }) }), foldBatchNorm(), quantize({ calibrate: data })], { data, seconds: 0.05, budget: { loss: 1 } })
  assert.equal(result.stages[0]!.accuracy!.samples.length, 12)
  assert.match(inspect(result), /Runs of 5 samples/)
  assert.equal(result.changes[0]!.pass, 'prune-channels')
  assert.ok((await tune(exported, { data, seconds: 0.05, trials: 3, amounts: [] })).trials.every(({ right }) => right.length === 12))
  assert.ok((await sensitivities(exported, { data })).rows.length > 1)
  const ternary = await exported.apply(ternarize())
  assert.ok((await ternary.apply(correctBias({ reference: exported.graph, calibrate: data }))).changes.length > 0)
  await assert.rejects(optimize(exported, [], { data: data.take(0) }), /noise holds no samples/)
  await assert.rejects(optimize(exported, [], { data, batch: 2 }), /exported takes 5 samples a run, not 2/)
})
