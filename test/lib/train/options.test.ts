import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { correctClass } from '../../../lib/data/classes.ts'
import { Dataset } from '../../../lib/data/dataset.ts'
import { DataLoader } from '../../../lib/data/loader.ts'
import { randomCrop, toFloat } from '../../../lib/data/transforms.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import * as nn from '../../../lib/nn/index.ts'
import { halfPrecision, quantize } from '../../../lib/passes/index.ts'
import { adam, adamW, clipNorm, clipValue, constant, cosine, ctc, Fit, fit, lastFit, meanSquaredError, mixed, oneCycle, oneStep, rmsprop, sgd, stepwise, warmUp, type FitOptions } from '../../../lib/train/index.ts'
import { scattered } from '../graph/run.ts'
import { blobs, options } from './blobs.ts'

const linear = nn.sequential(nn.flatten(), nn.linear(64, 3))

/** Options as a cell with type errors may have them. */
type Any = Record<string, unknown>

const trained = (more: Any, data: Dataset<number> = blobs(16)) => fit(linear, data, { ...options, quiet: true, ...more } as unknown as FitOptions<number>)

test('numbers out of their bounds are refused where they are said', () => {
  const cases: readonly [() => unknown, RegExp][] = [
    [() => sgd({ lr: -1 }), /sgd: lr is a number from 0 on, not -1/],
    [() => adam({ lr: NaN }), /adam: lr is a number from 0 on, not NaN/],
    [() => adam({ betas: [0.9, 1.5] }), /adam: betas is a number from 0 to less than 1, not 1\.5/],
    [() => adam({ betas: [0.9] as never }), /adam: betas are two numbers such as \[0\.9, 0\.999\], not \[ 0\.9 \]/],
    [() => adamW({ eps: -1 }), /adamW: eps is a number from 0 on, not -1/],
    [() => rmsprop({ alpha: '0.9' as never }), /rmsprop: alpha is a number from 0 on, not '0\.9'/],
    [() => clipNorm(-1), /clipNorm: maxNorm is a number above 0, not -1/],
    [() => clipValue(0), /clipValue is a number above 0, not 0/],
    [() => stepwise([30, 60]), /stepwise: a milestone is a share of all steps; it is a number from 0 to 1, not 30/],
    [() => oneCycle({ pctStart: 1 }), /oneCycle: pctStart is a number from 0 to less than 1, not 1/],
    [() => warmUp(0.1), /warmUp: its first argument counts steps; it is a whole number from 0 on, not 0\.1/],
    [() => ctc({} as never), /ctc: blank is a whole number from 0 on, not undefined/],
    [() => mixed('float16', { lossScale: -5 }), /lossScale, if not 'dynamic', is a number above 0, not -5/],
    [() => mixed('float16', { allow: ['Convv'] }), /mixed: there is no operator 'Convv': allow and deny take ONNX's names, such as Conv/],
    [() => mixed('float16', { allow: ['Softmax', 'Exp'], deny: ['Exp'] }), /mixed: Exp is in both lists: it computes in 16 bits \(allow\), or in float32 \(deny\)/],
    [() => mixed('float16', { keep: '0' as never }), /mixed: keep is a pattern of nodes' names such as \/\^conv1\/, not '0'/],
    [() => mixed('float8' as never), /mixed: its type is 'float16' or 'bfloat16', not 'float8'/],
  ]
  for (const [make, message] of cases) assert.throws(make, message)
})

test('options that no training can have are refused before the first step', async () => {
  const refused = (more: Any, message: RegExp) => assert.rejects(trained({ ...more, callbacks: { step: () => assert.fail('a step was taken') } }), message)
  await refused({ accumulate: 0 }, /accumulate is a whole number from 1 on, not 0/)
  await refused({ accumulate: 1.5 }, /accumulate is a whole number from 1 on, not 1\.5/)
  await refused({ ema: 2 }, /ema is a number from 0 to less than 1, not 2/)
  await refused({ stepsPerRun: 0 }, /stepsPerRun is a whole number from 1 on, not 0/)
  await refused({ numerics: 'exact' }, /numerics is 'fast' or 'direct', not 'exact'/)
  await refused({ batchNorm: 'batsch' }, /batchNorm is 'batch' or 'running', not 'batsch'/)
  await refused({ seed: 'a' }, /seed is a whole number, not 'a'/)
  await refused({ schedule: cosine }, /a schedule is what a call such as cosine\(\) makes, and answers with a number, not a function \(step 0\)/)
  await refused({ schedule: 'cosine' }, /schedule is a function such as train\.cosine\(\), not 'cosine'/)
  await refused({ optimizer: undefined }, /optimizer is undefined: choose sgd, adam, adamW, rmsprop, or one such as sgd\(/)
  await refused({ optimizer: adam }, /optimizer is the function adam: choose/)
  await refused({ loss: ctc }, /ctc: blank is a whole number from 0 on, not undefined/)
  await refused({ loss: 'crossEntropy' }, /loss is a function such as train\.crossEntropy, not 'crossEntropy'/)
  await refused({ clip: 1 }, /clip is a function such as train\.clipNorm\(1\), not 1/)
  await refused({ clip: clipNorm }, /clipNorm: maxNorm is a number above 0, not/)
  await refused({ metrics: { top2: 'top2' }, validation: blobs(8) }, /metrics: "top2" is a function from a batch's output and labels to a number, not 'top2'/)
  await refused({ metrics: { top2: () => 1 } }, /metrics measure the validation, and there is none: give `validation`/)
  await refused({ metrics: { loss: () => 42 }, validation: blobs(8) }, /metrics: "loss" is measured without being asked for: give yours another name/)
  await refused({ metrics: { top2: () => { throw new Error('boom') } }, validation: blobs(8) }, /the metric "top2" failed: boom/)
  await refused({ metrics: { top2: () => undefined }, validation: blobs(8) }, /the metric "top2" answered with undefined, and a number is wanted/)
  await assert.rejects(oneStep(linear, blobs(16), { ...options, numerics: 'exact' as never }), /numerics is 'fast' or 'direct'/)
  const chosen: nn.Layer = (scope, x) => scope.op('ArgMax', [nn.linear(64, 3)(scope, scope.op('Flatten', [x]))], { axis: 1 })
  await assert.rejects(fit(chosen, blobs(16), options), /cross entropy needs float logits \[N, C\] of 2 classes or more, and the network's output is int64\[N, 1\]/)
})

test('what is no network, no data set or no target is told so', async () => {
  const refused = (model: unknown, data: unknown, more: Any, message: RegExp) => assert.rejects(fit(model as nn.Layer, data as Dataset<number>, { ...options, ...more }), message)
  await refused({ graph: 1 }, blobs(16), {}, /^TypeError: what is trained is a Model or a layer, not \{ graph: 1 \}/)
  await refused(linear, new DataLoader(blobs(16), { batchSize: 8 }), {}, /^TypeError: fit takes a data set and makes its batches itself: give it the loader's `dataset`/)
  await refused(linear, [[1, 2]], {}, /what is trained or validated on is a Dataset, such as Dataset\.of makes, not \[ \[Array\] \]/)
  await refused(linear, blobs(16), { validation: new DataLoader(blobs(16), { batchSize: 8 }) }, /give it the loader's `dataset`/)
  await refused(linear, blobs(16), { target: (labels: number[]) => labels }, /target answers with a Tensor, such as Tensor\.float32\(\[labels\.length, 1\], labels\), not \[ 0 \]/)
  const counts = { ...options, epochs: 1, quiet: true, loss: meanSquaredError, target: (labels: readonly number[]) => Tensor.int64(labels.flatMap((label) => [label, label, label])).reshape([labels.length, 3]) }
  assert.ok((await fit(linear, blobs(16), counts)).losses.every(Number.isFinite), 'whole numbers are approximated too')
})

test('a signal that is aborted before the first step lets none be taken', async () => {
  const { ending, losses, epochs, model } = await trained({ signal: AbortSignal.abort(), callbacks: { step: () => assert.fail('a step was taken') } })
  assert.deepEqual([ending, losses, epochs, model.trainable], ['interrupted', [], [], 195])
})

test('an option that there is not is refused, with the name that was meant', async () => {
  const refused = (more: Any, message: RegExp) => assert.rejects(trained({ ...more, callbacks: { step: () => assert.fail('a step was taken'), ...(more['callbacks'] as object) } }), message)
  await refused({ lr: 4 }, /^TypeError: fit has no option "lr", since that is the optimizer's: say `optimizer: sgd\(\{ lr: 0\.1, momentum: 0\.9 \}\)`/)
  await refused({ verbose: 1 }, /^TypeError: fit has no option "verbose", but epochs, batchSize, optimizer, /)
  await refused({ sheduler: cosine() }, /fit has no option "sheduler": did you mean "schedule"\?/)
  await refused({ batch_size: 4 }, /fit has no option "batch_size": did you mean "batchSize"\?/)
  await refused({ callbacks: { epochs: () => {} } }, /callbacks has no option "epochs": did you mean "epoch"\?/)
  await assert.rejects(trained({ callbacks: () => 'stop' }), /callbacks are functions by name, such as .*, not the function callbacks/)
  await refused({ callbacks: { epoch: 3 } }, /callbacks: epoch is a function such as .*, not 3/)
  await refused({ checkpoint: { path: 'run', evry: 2 } }, /checkpoint has no option "evry": did you mean "every"\?/)
  await refused({ validation: blobs(8), earlyStopping: { patience: 1, delta: 1 } }, /earlyStopping has no option "delta": did you mean "minDelta"\?/)
  await assert.rejects(oneStep(linear, blobs(16), { ...options, momentum: 1 } as never), /fit has no option "momentum"/)
  assert.throws(() => oneCycle({ pct_start: 0.2 } as never), /oneCycle has no option "pct_start": did you mean "pctStart"\?/)
  assert.throws(() => cosine({ min: 0.2 } as never), /cosine has no option "min", but end/)
  assert.throws(() => adam({ learningRate: 1 } as never), /adam has no option "learningRate", but lr, betas, eps, weightDecay/)
  assert.throws(() => sgd({ weight_decay: 1 } as never), /sgd has no option "weight_decay": did you mean "weightDecay"\?/)
  assert.throws(() => mixed('float16', { lossscale: 1 } as never), /mixed has no option "lossscale": did you mean "lossScale"\?/)
})

test('PyTorch\'s defaults go without a word, and its lists of operators are changed one by one', () => {
  assert.deepEqual([sgd().lr, adam().lr, rmsprop().lr], [1e-3, 1e-3, 1e-2])
  const { allow, deny } = mixed('float16', { deny: ['Conv'], allow: ['Softmax'] })
  assert.ok(deny.includes('Conv') && deny.includes('Exp') && !deny.includes('Softmax'))
  assert.ok(allow.includes('Softmax') && allow.includes('Gemm') && !allow.includes('Conv'))
  assert.deepEqual([constant, cosine(), warmUp(3, oneCycle())].map(String), ['constant', 'cosine({ end: 0 })', 'warmUp(3, oneCycle({ pctStart: 0.3, divFactor: 25, finalDivFactor: 10000 }))'])
  for (const steps of [1, 2, 3, 4]) for (let step = 0; step < steps; step++) assert.ok(Number.isFinite(oneCycle({ pctStart: 0.5 })(step, steps)), `step ${step} of ${steps}`)
})

test('a name that is to be kept in float32 and is none is refused, with those that there are', async () => {
  await assert.rejects(trained({ precision: mixed('float16', { keep: /^head/ }) }), /mixed: keep \/\^head\/ is the name of no node of network\. In 16 bits compute 1\./)
})

test('where nothing is left to train, that and the way out are said', async () => {
  const model = nn.build(linear, { x: ['N', 1, 8, 8] })
  await assert.rejects(fit(model.freeze(''), blobs(16), options), /network: there is nothing to train, since all its parameters are frozen: say model\.unfreeze\(\)/)
  const quantized = await model.apply(quantize({ calibrate: blobs(16) }))
  await assert.rejects(fit(quantized, blobs(16), options), /there is nothing to train, since it is quantized, and integers are not learned: train it before, or with passes\.quantizeAware\(\)/)
  await assert.rejects(fit(await model.apply(halfPrecision()), blobs(16), options), /"?1\.weight"? is float16, and what is learned is kept in float32: train before halfPrecision/)
  await assert.rejects(fit(nn.sequential(nn.globalAvgPool(), nn.flatten(), nn.softmax(), (scope, x) => scope.builder.concat([x, x], 1)), blobs(16), options), /there is nothing to train, since it has no parameters/)
})

test('a network is built for what it is trained on: transforms count', async () => {
  const pictures = Dataset.of({
    name: 'pictures', source: 'memory', complete: true, labels: [0, 1, 2, 0], correct: correctClass,
    inputs: { x: Tensor.raw('uint8', [4, 1, 8, 8], Uint8Array.from({ length: 256 }, (_, i) => i)) },
  })
  const run = await fit(nn.sequential(nn.flatten(), nn.linear(36, 3)), pictures, { ...options, batchSize: 4, transforms: [toFloat(), randomCrop({ height: 6, width: 6 })] })
  assert.equal(String(run.model.graph.inputs[0]!.shape), 'N,1,6,6')
  await assert.rejects(fit(run.model, pictures, { ...options, batchSize: 4, transforms: [randomCrop({ height: 6, width: 6 })] }), /network reads "x" as float32\[N, 1, 6, 6\], and the samples of pictures are uint8\[N, 1, 6, 6\]: put toFloat\(\) among its transforms$/)
  await assert.rejects(fit(nn.build(linear, { x: [4, 1, 8, 8] }), blobs(16), options), /network takes batches of 4, and batchSize is 8/)
})

test('a batch norm that would see one value a channel is named before the first step', async () => {
  const norm = nn.sequential(nn.flatten(), nn.linear(64, 4), nn.batchNorm1d(4), nn.linear(4, 3))
  await assert.rejects(fit(norm, blobs(4), { ...options, batchSize: 1 }), /^RangeError: 2 \(BatchNormalization\) has one value a channel in a batch of 1, and one value has no variance: take a larger batchSize, or batchNorm: 'running'/)
  const { model } = await fit(norm, blobs(4), { ...options, epochs: 1, batchSize: 1, batchNorm: 'running', quiet: true })
  assert.ok(model.graph.initializers.every(({ initializer }) => initializer!.toNumbers().every(Number.isFinite)))
  const places = nn.sequential(nn.batchNorm2d(1), nn.flatten(), nn.linear(64, 3))
  assert.equal((await fit(places, blobs(2), { ...options, epochs: 1, batchSize: 1, quiet: true })).losses.length, 2)
})

test('numbers that are approximated are validated by their loss, without an accuracy', async () => {
  const prices = (count: number) => Dataset.of({
    name: 'prices', source: 'memory', complete: true, inputs: { x: scattered('float32', [count, 4]) }, labels: Array.from({ length: count }, (_, i) => i / count),
    target: (labels) => Tensor.float32([labels.length, 1], labels),
  })
  const mae = (output: Tensor, labels: readonly number[]) => output.toNumbers().reduce((sum, v, i) => sum + Math.abs(v - labels[i]!), 0) / labels.length
  const settings = { ...options, epochs: 6, quiet: true, optimizer: adam({ lr: 0.01 }), loss: meanSquaredError, validation: prices(8), metrics: { mae } }
  const run = await fit(nn.linear(4, 1), prices(40), { ...settings, earlyStopping: { patience: 2, metric: 'mae', mode: 'min' } })
  assert.deepEqual(Object.keys(run.epochs[0]!.validation!), ['loss', 'mae'])
  assert.deepEqual([run.ending, run.epochs.length], ['done', 6], 'an error that falls gets better')
  const refused = (earlyStopping: FitOptions<number>['earlyStopping'], message: RegExp) => assert.rejects(fit(nn.linear(4, 1), prices(40), { ...settings, earlyStopping: earlyStopping! }), message)
  await refused({ patience: 2, metric: 'mae' }, /earlyStopping: mode, by which "mae" gets better, is 'min' or 'max', not undefined/)
  await refused({ patience: 2, metric: 'accuracy' }, /earlyStopping: the validation has no "accuracy", but loss, mae/)
})

test('a run that ends within an epoch has it in its log, as a part', async () => {
  const run = await trained({ epochs: 3, callbacks: { step: ({ step }: { step: number }) => (step === 3 ? 'stop' : undefined) } })
  assert.deepEqual(run.epochs.map(({ epoch, step, isPart }) => ({ epoch, step, isPart })), [{ epoch: 1, step: 2, isPart: undefined }, { epoch: 2, step: 3, isPart: true }])
  assert.match(inspect(run), /\n *2 \(part\)/)
  assert.equal(run.rows.length, 2)
})

test('an epoch whose validation fails stays in the log', async () => {
  let calls = 0
  const failing = { late: () => { if (calls++ > 1) throw new Error('boom'); return 1 } }
  await assert.rejects(trained({ epochs: 3, validation: blobs(8), metrics: failing }), /the metric "late" failed: boom/)
  assert.deepEqual(lastFit()!.epochs.map(({ step, validation }) => [step, Object.keys(validation ?? {})]), [[2, ['loss', 'accuracy', 'late']], [4, []]])
  assert.equal(lastFit()!.ending, 'failed')
  assert.match(inspect(lastFit()), /network: 4 steps, ended by an error/)
})

test('a loss that grows far above its first is told once, and in the result; one that jumps for some steps is not', async (t) => {
  const warn = t.mock.method(console, 'warn', () => {})
  const deep = nn.sequential(nn.flatten(), nn.linear(64, 16), nn.relu(), nn.linear(16, 3))
  const wild = (more: Partial<FitOptions<number>> = {}) => fit(deep, blobs(64), { ...options, optimizer: sgd({ lr: 1e6 }), ...more })
  const run = await wild()
  assert.match(inspect(run), /network: 16 steps, diverged$/)
  assert.equal(warn.mock.callCount(), 1)
  assert.match(String(warn.mock.calls[0]!.arguments[0]), /^network: training diverges\. The loss began at 1\.\d+, and \d+ is the median of the last steps up to step 6\. Lower the learning rate, or clip the gradients\.$/)
  assert.ok((await wild({ quiet: true })).hasDiverged)
  assert.ok(!(await wild({ optimizer: 'sgd' })).hasDiverged)
  assert.equal(warn.mock.callCount(), 1)
  const ended = (losses: readonly number[]) => new Fit(run.model, [], losses, 'done', 0).hasDiverged
  assert.deepEqual([[], [1, 99, 99, 1, 1, 1], [0, 1, 0.5, 0.9, 1, 0.8], [2, 20, 21, 19, 20, 22], [-5, 1, 2, 9, 9, 9]].map(ended), [false, false, false, false, false])
  assert.deepEqual([[1, 99, 1, 99, 1, 99], [NaN, 1, 99, 99, 99, 99, NaN, 99], [-5, 50, 51, 52, 53, 54]].map(ended), [true, true, true])
})

test('what is not finite in the validation is named, with its sample', async () => {
  const holed = blobs(24, { name: 'holed', pixel: (v, i) => (i === 64 * 13 + 3 ? NaN : v) })
  await assert.rejects(trained({ validation: holed }), /the validation's loss is NaN: "x" has NaN in sample 13 of holed/)
})

test('steps that a loss scale skips are in the log and in the plot', async () => {
  const loud = blobs(64, { pixel: (v) => v * 1e35 })
  const run = await trained({ epochs: 2, precision: mixed('float16', { keep: /./ }), optimizer: sgd({ lr: 1e-38 }) }, loud)
  const skipped = run.rows.map((row) => row.skipped!)
  assert.equal(skipped[0]! + skipped[1]!, run.skipped)
  assert.ok(skipped[0]! > 0)
  assert.match(run.toCsv(), /^epoch,step,loss,lr,seconds,waiting,skipped\n/)
  assert.match(JSON.stringify(run.plot().spec), /"title":"Skipped steps"/)
  assert.doesNotMatch(JSON.stringify((await trained({})).plot().spec), /Skipped/)
})

test("a network's values may be called as training calls its own; an input or a stored tensor that is, is refused by its name", async () => {
  const reference = (await trained({ validation: blobs(8) })).losses
  for (const output of ['loss', 'target', 'step', 'lr', 'next.step']) {
    const run = await fit(nn.build(linear, { x: ['N', 1, 8, 8] }, { output }), blobs(16), { ...options, quiet: true, schedule: constant, optimizer: adam(), validation: blobs(8) })
    assert.equal(run.model.graph.outputs[0]!.name, output)
    assert.equal(run.losses[0], reference[0])
  }
  await assert.rejects(fit(nn.build(linear, { target: ['N', 1, 8, 8] }), blobs(16), options), /network: "target" is what an input of the network is called, and training has a value of its own under that name\. Give the network's another one\./)
  const named = (name: string): nn.Layer => (scope, x) => scope.builder.add(linear(scope, x), scope.parameter(name, [3], nn.init.zeros))
  await assert.rejects(fit(named('step'), blobs(16), { ...options, optimizer: adam() }), /"step" is what a stored tensor of the network is called/)
  await assert.rejects(fit(named('1.bias.mean'), blobs(16), { ...options, optimizer: adam() }), /"1\.bias\.mean" is what a stored tensor of the network is called/)
})
