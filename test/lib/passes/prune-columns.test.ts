import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Dataset } from '../../../lib/data/dataset.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { conv2d, embedding, flatten, linear, lstm, relu, sequential } from '../../../lib/nn/layers.ts'
import { build, models, type Model } from '../../../lib/nn/index.ts'
import { foldConstants, heldAtZero, holdZeros, pipeline, pruneColumns } from '../../../lib/passes/index.ts'
import { roundHalfToEven } from '../../../lib/passes/rounding.ts'
import { adam, bceWithLogits, fit, sgd } from '../../../lib/train/index.ts'

type AnyModel = Model<unknown, unknown>
const stored = ({ graph }: AnyModel, name: string) => graph.initializers.find((value) => value.name === name)!.initializer!
/** Numbers of the columns of a matrix [rows, columns] that are zero from top to bottom. */
const zeroColumns = (tensor: Tensor) => {
  const width = tensor.shape.at(-1)!
  const data = tensor.toFloat32()
  return Array.from({ length: width }, (_, c) => c).filter((c) => data.every((w, i) => i % width !== c || w === 0))
}

const reader = () => models.lstmSentiment({ vocabulary: 30, length: 5, embeddingSize: 10, hiddenSize: 8, seed: 3 })
const masking = pipeline([pruneColumns({ amount: 0.5 }), holdZeros()])
const MATRICES = { 'embedding.weight': 5, 'lstm.weight_ih_l0': 5, 'lstm.weight_hh_l0': 4, 'lstm.weight_ih_l1': 4, 'lstm.weight_hh_l1': 4, 'fc.weight': 4 }

/** Texts of five words; a text with word 7 in it is positive. */
const texts = Dataset.of({
  name: 'texts', source: 'the test', complete: true,
  inputs: { tokens: Tensor.of('int64', [64, 5], Array.from({ length: 320 }, (_, i) => (i % 10 === 3 ? 7 : (i * 13) % 7) + (i % 3 ? 0 : 8))) },
  labels: Array.from({ length: 64 }, (_, i) => i % 2), target: (labels) => Tensor.float32([labels.length], labels), correct: (logits, labels) => labels.map((label, i) => logits.toFloat32()[i] > 0 === (label === 1)),
})

test('the columns of smallest norm become zero, as many as the amount says, and the others stay as they are', async () => {
  const column = fc.array(fc.double({ min: -10, max: 10, noNaN: true, noDefaultInfinity: true }), { minLength: 3, maxLength: 3 })
  await fc.assert(fc.asyncProperty(fc.array(column, { minLength: 2, maxLength: 9 }), fc.double({ min: 0, max: 1, noNaN: true }), async (columns, amount) => {
    fc.pre(roundHalfToEven(amount * columns.length) < columns.length)
    const weights = Float32Array.from({ length: 3 * columns.length }, (_, i) => columns[i % columns.length][Math.floor(i / columns.length)])
    const net = build(linear(columns.length, 3), { x: ['N', columns.length] }, { weights: new Map([['weight', Tensor.float32([3, columns.length], weights)], ['bias', Tensor.zeros('float32', [3])]]) })
    const pruned = stored(await net.apply(pruneColumns({ amount })), 'weight').toFloat32()
    const norm = (c: number) => Math.fround([0, 1, 2].reduce((sum, r) => sum + weights[r * columns.length + c] ** 2, 0))
    const gone = columns.map((_, c) => c).filter((c) => [0, 1, 2].every((r) => pruned[r * columns.length + c] === 0) && norm(c) > 0)
    const kept = columns.map((_, c) => c).filter((c) => !gone.includes(c) && norm(c) > 0)
    assert.ok(kept.every((c) => [0, 1, 2].every((r) => pruned[r * columns.length + c] === weights[r * columns.length + c])))
    assert.ok(Math.max(0, ...gone.map(norm)) <= Math.min(Infinity, ...kept.map(norm)))
    assert.ok(columns.length - kept.length >= Math.floor(amount * columns.length - 0.5) && gone.length <= Math.ceil(amount * columns.length + 0.5))
  }), { numRuns: 60 })
})

test('convolutions lose what they read, embeddings their dimensions, recurrent layers both', async () => {
  const net = build(sequential(conv2d(4, 6, 3), relu(), flatten(), linear(24, 2)), { x: ['N', 4, 4, 4] })
  const pruned = stored(await net.apply(pruneColumns({ amount: 0.25, exclude: [net.graph.nodes('Gemm')[0].name] })), '0.weight').toFloat32()
  assert.equal(pruned.filter((w) => w === 0).length, 6 * 9)
  assert.equal(Array.from({ length: 4 }, (_, c) => c).filter((c) => pruned.every((w, i) => Math.floor(i / 9) % 4 !== c || w === 0)).length, 1)
  const words = await reader().apply(pruneColumns({ amount: 0.5 }))
  for (const [name, count] of Object.entries(MATRICES)) assert.equal(zeroColumns(stored(words, name)).length, count, name)
  assert.match(String(words.changes[0].text), /5 of 10 columns of "embedding.weight" stay/)
})

test('masked columns stay zero while the network learns, everything else moves', async () => {
  for (const optimizer of [adam({ lr: 0.01 }), sgd({ lr: 0.1, momentum: 0.9 })])
    for (const lazyEmbeddings of [false, true]) {
      const masked = await reader().apply(masking)
      const { model, losses } = await fit(masked, texts, { epochs: 4, batchSize: 8, optimizer, loss: bceWithLogits, device: 'cpu', lazyEmbeddings, quiet: true })
      assert.ok(losses.at(-1)! < losses[0])
      for (const name of Object.keys(MATRICES)) {
        assert.deepEqual(zeroColumns(stored(model, name)), zeroColumns(stored(masked, name)), name)
        assert.notDeepEqual(stored(model, name).bytes, stored(masked, name).bytes, name)
      }
      const session = await model.session()
      const alone = await (await model.apply(foldConstants())).session()
      const [one, other] = [await session.run(texts.batch(4)), await alone.run(texts.batch(4))]
      assert.deepEqual(one.logits.toNumbers(), other.logits.toNumbers())
      await Promise.all([session.release(), alone.release()])
    }
})

test('the sentiment LSTM under masks of 90 % of its columns has exactly 3,528,662 parameters left', async () => {
  const net = models.lstmSentiment({ length: 4 })
  const masked = await net.apply(pipeline([pruneColumns({ amount: 0.9 }), holdZeros()]))
  assert.equal(masked.trainable - heldAtZero(masked), 3_528_662)
  assert.equal(heldAtZero(net), 0)
})

test('zeros of an embedding that are not whole columns cannot be held, and the refusal says so', async () => {
  const rows = Float32Array.from({ length: 12 }, (_, i) => (i === 5 ? 0 : i + 1))
  const net = build(sequential(embedding(4, 3), lstm(3, 2)), { tokens: { dtype: 'int64', shape: [2, 'N'] } }).graph
  net.initializers.find(({ name }) => name === '0.weight')!.initializer = Tensor.float32([4, 3], rows)
  const { refusals } = await holdZeros().apply(net)
  assert.match(refusals.map(({ reason }) => reason).join('\n'), /"0\.weight" has zeros that are not whole columns\n.*has no zeros/)
})
