import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Dataset } from '../../../lib/data/dataset.ts'
import { decodeModel, encodeModel } from '../../../lib/graph/onnx.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import * as nn from '../../../lib/nn/index.ts'
import { random } from '../../../lib/random.ts'
import { adam, bceWithLogits, clipNorm, fit, sgd, type FitOptions, type Optimizer } from '../../../lib/train/index.ts'
import { written } from '../../../lib/train/preparation.ts'
import { relativeDistance } from '../graph/run.ts'
import { weightsOf } from './blobs.ts'

const VOCABULARY = 40
/** Words from here on stand in no review. */
const UNSEEN = 30

/** Reviews of six words; those with an even first word are good. */
function reviews(count: number): Dataset<number> {
  const source = random(3)
  const words = Array.from({ length: count * 6 }, () => source.below(UNSEEN))
  return Dataset.of({
    name: 'reviews', source: 'memory', complete: true, labels: Array.from({ length: count }, (_, i) => 1 - (words[i * 6]! % 2)),
    inputs: { tokens: Tensor.of('int64', [count, 6], words) }, correct: (output, labels) => output.toNumbers().map((v, i) => v > 0 === (labels[i] === 1)),
  })
}

const model = nn.models.lstmSentiment({ vocabulary: VOCABULARY, length: 6, embeddingSize: 5, hiddenSize: 7, seed: 2 })
const options: FitOptions<number> = {
  epochs: 3, batchSize: 8, optimizer: sgd({ lr: 0.5 }), loss: bceWithLogits, device: 'cpu', threads: 1, target: (labels) => Tensor.float32([labels.length], Float32Array.from(labels)),
}

test('without memory of former steps, moving the touched rows alone is the same training: by itself with plain SGD', async () => {
  const settings = { ...options, clip: clipNorm(0.5) }
  const dense = await fit(model, reviews(32), { ...settings, lazyEmbeddings: false })
  const lazy = await fit(model, reviews(32), { ...settings, lazyEmbeddings: true })
  assert.ok(relativeDistance(lazy.losses, dense.losses) < 1e-6)
  for (const [name, values] of Object.entries(weightsOf(dense.model))) assert.ok(relativeDistance(weightsOf(lazy.model)[name]!, values) < 1e-5, name)

  const rows = async (optimizer: Optimizer, more: Partial<FitOptions<number>> = {}) => {
    const { step } = await written(model, reviews(32), { ...options, optimizer, ...more })
    return step.outputs.some(({ name }) => name === 'rows.embedding.weight')
  }
  assert.ok(await rows(sgd({ lr: 0.5 })))
  for (const optimizer of [sgd({ momentum: 0.9 }), sgd({ weightDecay: 0.1 }), adam()]) assert.ok(!(await rows(optimizer)))
  for (const more of [{ accumulate: 2 }, { ema: 0.9 }, { lazyEmbeddings: false }]) assert.ok(!(await rows(sgd(), more)))
})

test('Adam forgets nothing of the rows that a step does not read, and learns; the model given stays as it is', async () => {
  const before = weightsOf(model)
  const run = await fit(model, reviews(64), { ...options, epochs: 25, optimizer: adam({ lr: 0.02 }), lazyEmbeddings: true, validation: reviews(64) })
  assert.ok(run.epochs.at(-1)!.validation!.accuracy! > 0.95, `${run.epochs.at(-1)!.validation!.accuracy}`)
  const after = weightsOf(run.model)['embedding.weight']!
  const unseen = (values: readonly number[]) => values.slice(UNSEEN * 5)
  assert.deepEqual(unseen(after), unseen(before['embedding.weight']!))
  assert.notDeepEqual(after.slice(0, UNSEEN * 5), before['embedding.weight']!.slice(0, UNSEEN * 5))
  assert.deepEqual(weightsOf(model), before)
})

test('a model from a file, wherever its table lies in there, stays as it is, and learns as the one that was written', async () => {
  const { losses } = await fit(model, reviews(32), { ...options, lazyEmbeddings: false })
  const bytes = encodeModel(model.graph)
  for (const offset of [0, 1, 2, 3]) {
    const file = Buffer.alloc(bytes.length + offset)
    file.set(bytes, offset)
    const read = new nn.Model(decodeModel(file.subarray(offset)))
    const run = await fit(read, reviews(32), { ...options, lazyEmbeddings: true })
    assert.ok(relativeDistance(run.losses, losses) < 1e-6, `${offset}: ${run.losses} instead of ${losses}`)
    assert.deepEqual(weightsOf(read), weightsOf(model))
  }
})

test('gradients of touched rows cannot be accumulated, and rows that are not read have no moving average', async () => {
  await assert.rejects(fit(model, reviews(32), { ...options, lazyEmbeddings: true, ema: 0.5 }), /the average of a table moves with every step, also where its rows do not: leave out ema, or lazyEmbeddings/)
  await assert.rejects(fit(model, reviews(32), { ...options, lazyEmbeddings: true, accumulate: 2 }), /gradients of touched rows cannot be accumulated/)
})
