import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Dataset } from '../../../lib/data/dataset.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { memory } from '../../../lib/measure/memory.ts'
import * as nn from '../../../lib/nn/index.ts'
import { bceWithLogits, fit, oneStep, type Recompute } from '../../../lib/train/index.ts'
import { blobs, network, options, weightsOf } from './blobs.ts'

/** Ten convolutions of one shape, every other with batch normalization, two of them around a residual: activations outweigh all else. */
const deep = nn.sequential(
  ...Array.from({ length: 4 }, (_, i) => nn.sequential(nn.conv2d(i ? 8 : 1, 8, 3, { padding: 1 }), nn.batchNorm2d(8), nn.relu(), nn.conv2d(8, 8, 3, { padding: 1 }), nn.relu())),
  nn.residual(nn.sequential(nn.conv2d(8, 8, 3, { padding: 1 }), nn.relu(), nn.conv2d(8, 8, 3, { padding: 1 }))),
  nn.dropout(0.3), nn.flatten(), nn.linear(512, 3))

const settings = { ...options, quiet: true, batchSize: 32 }

test('steps that compute again what they do not keep give the same bits', async () => {
  for (const [layers, ways] of [[deep, [true, { segments: 3 }, { memory: 4e6 }]], [network(), [true]]] as const) {
    const trained = async (recompute?: Recompute) => {
      const { model, losses } = await fit(layers, blobs(64), { ...settings, epochs: 1, ...(recompute !== undefined && { recompute }) })
      return { losses, weights: weightsOf(model) }
    }
    const plain = await trained()
    for (const recompute of ways) assert.deepEqual(await trained(recompute), plain, JSON.stringify(recompute))
  }
})

test('a recurrent network\'s gates are computed again too', async () => {
  const [samples, length] = [32, 12]
  const texts = Dataset.of({
    name: 'texts', source: 'memory', complete: true, labels: Array.from({ length: samples }, (_, i) => i % 2), correct: (_, labels) => labels.map(() => true),
    inputs: { tokens: Tensor.int64(Array.from({ length: samples * length }, (_, i) => (i * 7) % 50)).reshape([samples, length]) }, target: (labels) => Tensor.float32([labels.length], labels),
  })
  const reader = nn.models.lstmSentiment({ vocabulary: 50, length, embeddingSize: 8, hiddenSize: 16, dropout: 0.2 })
  const trained = async (recompute: Recompute) => weightsOf((await fit(reader, texts, { ...settings, epochs: 1, batchSize: 16, loss: bceWithLogits, recompute })).model)
  assert.deepEqual(await trained({ segments: 2 }), await trained(false))
})

test('the runtime itself then takes less memory at its peak', async () => {
  const peak = async (recompute: Recompute) => {
    const { graph, feeds } = await oneStep(deep, blobs(64), { ...settings, batchSize: 64, recompute })
    return (await memory(graph, feeds, { device: 'cpu', threads: 1, runs: 1, memoryPattern: false })).peak.bytes
  }
  const [plain, less] = [await peak(false), await peak(true)]
  assert.ok(less < 0.75 * plain, `${less} of ${plain}`)
})

test('a budget that cannot be met is refused with the least that can; numbers that are none such as well', async () => {
  const step = (recompute: Recompute) => oneStep(deep, blobs(64), { ...settings, recompute })
  await assert.rejects(step({ memory: 1000 }), /the activations of this step take [\d.]+ MB, and [\d.]+ MB at least where they are computed again: 1\.00 kB cannot be met\. Take smaller batches/)
  await assert.rejects(step({ segments: 1 }), /recompute takes true, \{ segments \} from 2 on, or \{ memory \} in bytes, not \{"segments":1\}/)
  await assert.rejects(step({ memory: NaN }), RangeError)
})
