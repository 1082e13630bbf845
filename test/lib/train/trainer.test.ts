import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { correctClass } from '../../../lib/data/classes.ts'
import { Dataset } from '../../../lib/data/dataset.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import * as nn from '../../../lib/nn/index.ts'
import { adam, bceWithLogits, clipNorm, cosine, crossEntropy, fit, lastFit, mixed, sgd, type FitOptions, type Loss } from '../../../lib/train/index.ts'
import { relativeDistance } from '../graph/run.ts'
import { blobs, network, options, weightsOf } from './blobs.ts'

test('a layer is built for the data, learns it, and is measured on other data', async () => {
  const run = await fit(network(), Promise.resolve(blobs(96)), { ...options, epochs: 12, optimizer: adam({ lr: 0.01 }), validation: blobs(48, { seed: 2 }) })
  assert.equal(run.epochs.length, 12)
  assert.equal(run.losses.length, 12 * 12)
  const { loss, accuracy } = run.epochs.at(-1)!.validation!
  assert.ok(accuracy! > 0.9 && loss! < run.epochs[0]!.validation!.loss!, `${accuracy}, ${loss}`)
  assert.equal(run.ending, 'done')
  assert.equal(lastFit(), run)
})

test('the same seed gives the same bits, another one does not', async () => {
  const trained = async (seed: number) => weightsOf((await fit(network(), blobs(40), { ...options, seed })).model)
  const first = await trained(3)
  assert.deepEqual(await trained(3), first)
  assert.notDeepEqual(await trained(4), first)
})

test('the log opens in danfo.js and in a spreadsheet, and shows itself', async () => {
  const run = await fit(network(), blobs(24), { ...options, validation: blobs(12), schedule: cosine(), metrics: { outputs: (output) => output.shape[0]! } })
  assert.deepEqual(Object.keys(run.rows[0]!), ['epoch', 'step', 'loss', 'lr', 'seconds', 'waiting', 'validation loss', 'validation accuracy', 'validation outputs'])
  assert.deepEqual(run.toDataFrame().shape, [2, 9])
  assert.equal(run.toCsv().split('\n').length, 4)
  const named = await fit(network(), blobs(24), { ...options, validation: blobs(12), metrics: { 'top-1, "x" ': () => 1 } })
  assert.match(named.toCsv(), /,validation accuracy,"validation top-1, ""x"" "\n1,/)
  assert.ok(run.epochs[1]!.lr < run.epochs[0]!.lr && run.epochs[0]!.lr < 1e-3)
  assert.match((run.plot().text), /Training network: 6 steps, loss/)
  assert.match(await run.plot().svg(), /<svg/)
})

test('an epoch tells how long it waited for data, and how long its validation took', async () => {
  const { epochs } = await fit(network(), blobs(24), { ...options, validation: blobs(12), quiet: true })
  for (const { seconds, waiting, validationSeconds } of epochs) assert.ok(waiting > 0 && waiting < seconds && validationSeconds! > 0)
  const fed = await fit(network(), blobs(24), { ...options, workers: 1, quiet: true })
  assert.equal(fed.epochs[0]!.validationSeconds, undefined)
  assert.ok(fed.epochs[0]!.waiting > 0)
})

test('accumulated steps equal steps of the larger batch', async () => {
  const model = nn.build(nn.sequential(nn.flatten(), nn.linear(64, 3)), { x: ['N', 1, 8, 8] }, { seed: 5 })
  const data = blobs(24)
  const of = async (batchSize: number, accumulate?: number) => {
    const run = await fit(model, data, { ...options, epochs: 1, batchSize, optimizer: sgd({ lr: 0.1, momentum: 0.9 }), clip: clipNorm(1), ...(accumulate && { accumulate }) })
    return Object.values(weightsOf(run.model)).flat()
  }
  assert.ok(relativeDistance(await of(4, 3), await of(12)) < 1e-5)
})

test('the moving average of the parameters is what the model holds', async () => {
  const model = nn.build(nn.sequential(nn.flatten(), nn.linear(64, 3)), { x: ['N', 1, 8, 8] })
  const settings = { ...options, epochs: 1, optimizer: sgd({ lr: 0.1 }) }
  const begin = Object.values(weightsOf(model)).flat()
  const after = Object.values(weightsOf((await fit(model, blobs(8), settings)).model)).flat()
  const averaged = Object.values(weightsOf((await fit(model, blobs(8), { ...settings, ema: 0.75 })).model)).flat()
  assert.ok(relativeDistance(averaged, begin.map((v, i) => 0.75 * v + 0.25 * after[i]!)) < 1e-6)
})

test('frozen parameters stay, the others move', async () => {
  const model = nn.build(network(), { x: ['N', 1, 8, 8] }).freeze('0')
  const before = weightsOf(model)
  const after = weightsOf((await fit(model, blobs(16), options)).model)
  assert.deepEqual(after['0.weight'], before['0.weight'])
  assert.notDeepEqual(after['6.weight'], before['6.weight'])
  assert.notDeepEqual(after['1.running_mean'], before['1.running_mean'])
})

test('a batch norm that is used twice moves its running statistics twice a step, as in PyTorch', async () => {
  const norm = nn.batchNorm2d(1)
  const model = nn.build((net, x) => nn.sequential(nn.flatten(), nn.linear(64, 3))(net, norm(net.child('norm'), norm(net.child('norm'), x!))), { x: ['N', 1, 8, 8] })
  const data = blobs(8, { pixel: (v) => v + 2 })
  const values = data.batch(8).x!.toNumbers()
  const { model: after } = await fit(model, data, { ...options, epochs: 1, batchSize: 8 })
  const first = 0.1 * (values.reduce((sum, v) => sum + v, 0) / values.length)
  assert.ok(relativeDistance(weightsOf(after)['norm.running_mean']!, [0.9 * first]) < 1e-5)
})

test('batch norms that were trained with fixed statistics are trained further so, unless the batch\'s are asked for; others the other way round', async () => {
  const model = nn.build(nn.sequential(nn.conv2d(1, 4, 3), nn.batchNorm2d(4), nn.relu(), nn.flatten(), nn.linear(144, 3)), { x: ['N', 1, 8, 8] })
  const data = blobs(24, { pixel: (v) => 3 * v + 1 })
  const trained = async (batchNorm?: 'batch' | 'running') => {
    const { model: after, losses: [loss], epochs: [epoch] } = await fit(model, data, { ...options, epochs: 1, batchSize: 24, optimizer: sgd({ lr: 1e-9 }), validation: data, ...(batchNorm && { batchNorm }) })
    return { asUsed: Math.abs(loss! - epoch!.validation!.loss!) < 1e-5, moved: weightsOf(after)['1.running_mean']!.some((v) => v !== 0) }
  }
  assert.deepEqual(await trained(), { asUsed: false, moved: true })
  assert.deepEqual(await trained('running'), { asUsed: true, moved: false })
  model.graph.initializers.find(({ name }) => name === '1.bias')!.initializer = Tensor.float32([4], [0.5, 0, 0.25, 0.125])
  assert.deepEqual(await trained(), { asUsed: true, moved: false })
  assert.deepEqual(await trained('batch'), { asUsed: false, moved: true })
})

test('mixed float16 rounds and overflows on the CPU as on a device that computes in it', async () => {
  const scaled = (...factors: readonly number[]) => nn.sequential(...factors.map((factor) => nn.linear(1, 1, { bias: false, weightInit: nn.init.constant(factor) })))
  const lossOf = async (network: nn.Layer, x: number) => {
    const one = Dataset.of({ name: 'one', source: 'memory', complete: true, inputs: { x: Tensor.float32([1, 1], [x]) }, labels: [0] })
    const run = await fit(network, one, { ...options, epochs: 1, batchSize: 1, precision: 'mixed-float16', loss: (graph, output) => graph.op('ReduceMean', [output], { keepdims: 0 }), quiet: true })
    return [run.losses[0], run.skipped]
  }
  assert.equal((await lossOf(scaled(1), 2049))[0], 2048)
  assert.equal((await lossOf(scaled(1, 1), 2049))[0], 2048)
  assert.deepEqual(await lossOf(scaled(1), 70000), [Infinity, 1])
  assert.deepEqual(await lossOf(scaled(300, 0.25), 300), [Infinity, 1], 'between two layers too')
  const conv = nn.sequential((scope, x) => scope.builder.reshape(x, [0, 1, 1, 1]), nn.conv2d(1, 1, 1, { bias: false, weightInit: nn.init.ones }))
  assert.equal((await lossOf(conv, 2049))[0], 2048)
})

test('mixed float16 goes where float32 goes, with a fixed and with a dynamic loss scale', async () => {
  const layers = nn.sequential(nn.conv2d(1, 4, 3), nn.relu(), nn.flatten(), nn.linear(144, 3))
  const losses = async (precision: FitOptions<number>['precision']) => (await fit(layers, blobs(48), { ...options, epochs: 3, precision, optimizer: sgd({ lr: 0.05 }) })).losses
  const exact = await losses('float32')
  for (const precision of ['mixed-float16', mixed('float16', { lossScale: 128 }), mixed('float16', { keep: /^0$/ })] as const)
    assert.ok(relativeDistance(await losses(precision), exact) < 2e-3, `${relativeDistance(await losses(precision), exact)}`)
})

test('a loss scale skips steps whose gradients are not finite, and halves', async () => {
  const loud = blobs(64, { pixel: (v) => v * 1e35 })
  const run = await fit(nn.sequential(nn.flatten(), nn.linear(64, 3)), loud, { ...options, epochs: 1, precision: mixed('float16', { keep: /./ }), optimizer: sgd({ lr: 1e-38 }) })
  assert.ok(run.skipped > 0 && run.skipped < 8, `${run.skipped}`)
  assert.ok(run.losses.every(Number.isFinite))
})

test('a sample that is no number is named under a loss scale too, and the model stays as it was', async () => {
  const holed = blobs(32, { pixel: (v, i) => (i === 64 * 5 + 3 ? NaN : v) })
  for (const precision of ['float32', 'mixed-float16'] as const)
    for (const stepsPerRun of [1, 4]) {
      await assert.rejects(fit(network(), holed, { ...options, seed: 1, stepsPerRun, precision }), /network: the loss is NaN at step 4\. The data holds it: "x" has NaN in sample 5 of blobs\./)
      assert.equal(lastFit()!.losses.length, 3)
      assert.ok(Object.values(weightsOf(lastFit()!.model)).flat().every(Number.isFinite))
    }
})

test('a step that a loss scale skips leaves running statistics as they are', async () => {
  const model = nn.build(network(), { x: ['N', 1, 8, 8] })
  const loud: Loss = (graph, output, target) => graph.mul(crossEntropy(graph, output, target), 1e36)
  const run = await fit(model, blobs(8), { ...options, epochs: 1, loss: loud, precision: 'mixed-float16' })
  assert.equal(run.skipped, 1)
  assert.deepEqual(weightsOf(run.model), weightsOf(model))
})

test('several steps in one run are the same steps', async () => {
  const trained = async (stepsPerRun: number) => {
    const run = await fit(network(), blobs(56), { ...options, stepsPerRun, schedule: cosine() })
    return [...run.losses, ...Object.values(weightsOf(run.model)).flat()]
  }
  const [one, four] = [await trained(1), await trained(4)]
  assert.equal(four.length, one.length)
  assert.ok(relativeDistance(four, one) < 1e-5)
})

test('training stops early where the validation is no better, and keeps the best epoch', async () => {
  const lies = blobs(24, { seed: 9, told: (label) => (label + 1) % 3 })
  const settings = { ...options, optimizer: adam({ lr: 0.01 }) }
  const run = await fit(network(), blobs(48), { ...settings, epochs: 40, validation: lies, earlyStopping: { patience: 2 } })
  assert.equal(run.ending, 'early')
  const losses = run.epochs.map(({ validation }) => validation!.loss!)
  const best = losses.indexOf(Math.min(...losses)) + 1
  assert.equal(run.epochs.length, best + 2)
  const again = await fit(network(), blobs(48), { ...settings, epochs: best })
  assert.deepEqual(weightsOf(run.model), weightsOf(again.model))
})

test('a signal or a callback ends training after a step, and the model is kept', async () => {
  const abort = new AbortController()
  const run = await fit(network(), blobs(80), { ...options, signal: abort.signal, callbacks: { step: ({ step }) => { if (step === 3) abort.abort() } } })
  assert.equal(run.ending, 'interrupted')
  assert.equal(run.losses.length, 3)
  const stopped = await fit(network(), blobs(80), { ...options, callbacks: { step: ({ step }) => (step === 3 ? 'stop' : undefined) } })
  assert.equal(stopped.ending, 'callback')
  assert.deepEqual(weightsOf(stopped.model), weightsOf(run.model))
})

test('a loss that is no number: the data, the parameter or the layer is named, and the last good model is kept', async () => {
  const good = blobs(24)
  const holed = blobs(24, { pixel: (v, i) => (i === 64 * 5 + 3 ? NaN : v) })
  await assert.rejects(fit(network(), holed, { ...options, batchSize: 24 }), /network: the loss is NaN at step 1\. The data holds it: "x" has NaN in sample 5 of blobs\./)
  await assert.rejects(fit(nn.sequential(nn.flatten(), nn.linear(64, 3)), good, { ...options, epochs: 9, optimizer: sgd({ lr: 1e38 }) }), /the loss is NaN at step \d+\. ("1\.weight" is not finite since the step before|1 \(Gemm\) is the first whose output is not finite)/)
  assert.ok(Object.values(weightsOf(lastFit()!.model)).flat().length > 0)
  const log: nn.Layer = (scope, x) => scope.op('Log', [scope.builder.neg(x)])
  await assert.rejects(fit(nn.sequential(nn.flatten(), nn.linear(64, 3), nn.relu(), log), good, options), /3 \(Log\) is the first whose output is not finite/)
})

test('a token without a row in the embedding is refused before the first step, with its sample', async () => {
  const words = (tokens: readonly number[]) => Dataset.of({ name: 'texts', source: 'memory', complete: true, labels: [0, 1, 2], inputs: { tokens: Tensor.int64(tokens).reshape([3, 2]) }, correct: correctClass })
  const model = nn.build((net, tokens) => nn.sequential(nn.embedding(5, 4), nn.flatten(), nn.linear(8, 3))(net, net.builder.transpose(net.builder.transpose(tokens, [1, 0]), [1, 0])), { tokens: { dtype: 'int64', shape: ['N', 2] } }, { name: 'reader' })
  await fit(model, words([0, 1, 2, 3, 4, 0]), { ...options, epochs: 1, batchSize: 3 })
  await assert.rejects(fit(model, words([0, 1, 2, 5, 4, 0]), { ...options, batchSize: 3 }), /texts: sample 1 has the token 5 in "tokens", and 0\.weight of reader has 5 rows, 0 to 4/)
  await assert.rejects(fit(model, words([0, 1, 2, 3, 4, -1]), { ...options, batchSize: 3 }), /texts: sample 2 has the token -1 in "tokens"/)
})

test('what cannot be trained is refused before the first step', async () => {
  const refused = (layer: nn.Layer | nn.Model, data: Dataset<number>, more: Partial<FitOptions<number>>, message: RegExp) => assert.rejects(fit(layer, data, { ...options, ...more }), message)
  await refused(network(), blobs(4), {}, /blobs: 4 samples do not fill a batch of 8/)
  await refused(network(), blobs(9, { labels: (i) => (i === 7 ? 3 : 0) }), { loss: crossEntropy({ labelSmoothing: 0.1 }) }, /blobs: sample 7 has the label 3/)
  await refused(network(), blobs(9), { validation: blobs(4, { name: 'others', told: () => 4 }) }, /others: sample 0 has the label 4, and the output has 3 classes/)
  await refused(network(), blobs(9, { labels: (i) => (i === 7 ? 3 : 0) }), {}, /blobs: sample 7 has the label 3, and the output has 3 classes, 0 to 2/)
  await refused(nn.models.mnistCnn(), blobs(9), {}, /mnist_cnn reads "x" as float32\[N, 1, 28, 28\], and the samples of blobs are float32\[N, 1, 8, 8\]/)
  await refused(nn.models.lprnet(), blobs(9), {}, /lprnet reads "plate" as float32\[N, 3, 24, 94\], and the samples of blobs are float32\[N, 1, 8, 8\]/)
  await refused(network(), blobs(9), { optimizer: 'adamm' as 'adam' }, /there is no optimizer "adamm": choose sgd, adam, adamW, rmsprop/)
  await refused(network(), blobs(9), { precision: 'float8' as 'float32' }, /there is no precision "float8"/)
  await refused(network(), blobs(9), { precision: 'mixed-bfloat16' }, /mixed-bfloat16 is not possible on cpu: ONNX Runtime has bfloat16 kernels for CUDA only/)
  await refused(network(), blobs(9), { loss: bceWithLogits }, /binary cross entropy needs a target of the output's shape \[N, 3\], not \[N\]/)
  await refused(network(), blobs(9), { earlyStopping: { patience: 1 } }, /earlyStopping looks at "loss" of the validation, and there is none: give `validation`/)
  await refused(network(), blobs(0, { name: 'nothing' }), {}, /nothing holds no samples/)
  await refused(network(), blobs(9), { epochs: 0 }, /epochs is a whole number from 1 on, not 0/)
})

test('a network that PyTorch exported is trained further: what reads its tensors tells the weights from other constants', async () => {
  const exported = nn.Model.read(join(import.meta.dirname, '../../../../test/lib/passes/fixtures/plain-11.onnx'))
  const { x } = blobs(48).batch(48)
  const coloured = Dataset.of({ name: 'coloured blobs', source: 'memory', complete: true, labels: blobs(48).labels, inputs: { x: Tensor.float32([48, 3, 8, 8], x!.take(1, [0, 0, 0]).toFloat32()) }, correct: correctClass })
  const { epochs, model } = await fit(exported, coloured, { ...options, epochs: 8, batchSize: 2, optimizer: adam({ lr: 0.01 }) })
  assert.ok(epochs.at(-1)!.loss < 0.5 * epochs[0]!.loss, epochs.map(({ loss }) => loss).join(', '))
  assert.deepEqual([exported.parameters, model.parameters, exported.freeze('6').trainable], [516, 516, 516 - 292])
})

test('an exported network is trained whatever its input is called, and with as many samples as it takes', async () => {
  const exported = nn.build(nn.sequential(nn.flatten(), nn.linear(64, 3)), { 'serving_default': [4, 1, 8, 8] }, { name: 'exported' })
  const { losses, epochs } = await fit(exported, blobs(12), { ...options, epochs: 2, batchSize: 4, validation: blobs(8) })
  assert.ok(losses.length === 6 && epochs[1]!.validation!.loss! > 0)
  await assert.rejects(fit(exported, blobs(12), { ...options, epochs: 1, batchSize: 6 }), /exported takes batches of 4, and batchSize is 6/)
  await assert.rejects(fit(exported, blobs(12), { ...options, epochs: 1, batchSize: 4, validation: blobs(9) }), /9 samples do not fill batches of 4, which exported takes\. Validate with a multiple of 4\./)
})
