import assert from 'node:assert/strict'
import { test } from 'node:test'
import { correctClass, softTargets } from '../../../lib/data/classes.ts'
import { Dataset } from '../../../lib/data/dataset.ts'
import { DataLoader } from '../../../lib/data/loader.ts'
import { mixup, toFloat } from '../../../lib/data/transforms.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import * as nn from '../../../lib/nn/index.ts'
import { bceWithLogits, crossEntropy, ctc, fit, meanSquaredError, oneStep, sgd, type FitOptions } from '../../../lib/train/index.ts'
import { relativeDistance, scattered } from '../graph/run.ts'
import { blobs, options } from './blobs.ts'

const linear = nn.sequential(nn.flatten(), nn.linear(64, 3))
const settings: FitOptions<number> = { ...options, epochs: 3, optimizer: sgd({ lr: 0.1 }), quiet: true }
const lossesOf = async (more: Partial<FitOptions<number>>) => (await fit(linear, blobs(24), { ...settings, ...more })).losses

test('a cross entropy of class shares, all of them the label\'s, is that of the labels, smoothed or not', async () => {
  const target = (labels: readonly number[]) => softTargets({ labels }, 3)
  for (const loss of [crossEntropy, crossEntropy(), crossEntropy({ labelSmoothing: 0.2 })])
    assert.ok(relativeDistance(await lossesOf({ loss, target }), await lossesOf({ loss })) < 1e-6)
})

test('a target that a cross entropy cannot compare is refused, with what it takes', async () => {
  const refused = (target: (labels: readonly number[]) => Tensor, message: RegExp) => assert.rejects(lossesOf({ target }), message)
  await refused((labels) => Tensor.int64(labels).reshape([labels.length, 1]), /takes labels int64\[N\], or shares of the classes float32\[N, 3\], and the target is int64\[N, 1\]\. Say how labels become it: the option `target`/)
  await refused((labels) => Tensor.float32([labels.length], labels), /and the target is float32\[N\]/)
  await refused((labels) => softTargets({ labels }, 4), /and the target is float32\[N, 4\]/)
  await refused((labels) => Tensor.float32([labels.length, 3], labels.flatMap(() => [0.5, 0.5, 1.5])), /blobs: sample 0 has 1\.5 as a share of its classes, which is from 0 to 1/)
  await refused(() => Tensor.int64([1, 2]), /the target of 1 labels is int64\[2\]: its first axis must count them/)
  assert.throws(() => crossEntropy({ labelSmoothing: 2 }), /crossEntropy: labelSmoothing is a number from 0 to 1, not 2/)
})

test('a squared error takes targets of any type', async () => {
  const ints = (labels: readonly number[]) => Tensor.int64(labels.flatMap((label) => [label, 1, -label])).reshape([labels.length, 3])
  const floats = (labels: readonly number[]) => Tensor.float32([labels.length, 3], ints(labels).toNumbers())
  assert.deepEqual(await lossesOf({ loss: meanSquaredError, target: ints }), await lossesOf({ loss: meanSquaredError, target: floats }))
})

test('an output that does not count the samples is refused: no loss repeats it over them', async () => {
  const pooled: nn.Layer = (scope, x) => scope.builder.reduceMean(linear(scope, x), [0], true)
  const message = /needs an output for each target, and the network's is \[1, 3\] where the target is \[N(, 3)?\]: the first axis of both counts the samples/
  await assert.rejects(fit(pooled, blobs(24), settings), message)
  const target = (labels: readonly number[]) => softTargets({ labels }, 3)
  for (const loss of [crossEntropy, bceWithLogits, meanSquaredError]) await assert.rejects(fit(pooled, blobs(24), { ...settings, loss, target }), message)
})

test('a recurrent layer that takes the samples for times is refused, also where there are as many of both', async () => {
  for (const times of [1, 7, 8]) {
    const series = Dataset.of({ name: 'series', source: 'memory', complete: true, inputs: { x: scattered('float32', [16, times, 5]) }, labels: Array.from({ length: 16 }, (_, i) => i % 3) })
    const reader = (batchFirst: boolean) => nn.sequential(nn.lstm(5, 4, { output: 'last', batchFirst }), nn.linear(4, 3))
    await assert.rejects(fit(reader(false), series, settings), new RegExp(`cross entropy needs an output for each target, and the network's is \\[${times}, 3\\] where the target is \\[N\\].*batchFirst: true`))
    assert.equal((await fit(reader(true), series, { ...settings, epochs: 1 })).losses.length, 2)
  }
})

test('pixels are told apart, some of them unknown: labels are checked, a batch of none costs nothing', async () => {
  const masks = (unknown: number) => (labels: readonly number[]) => Tensor.int64(labels.flatMap((label) => Array.from({ length: 64 }, (_, i) => (i % 4 ? label : unknown)))).reshape([labels.length, 8, 8])
  const painter = nn.conv2d(1, 3, 3, { padding: 1 })
  const train = (target: (labels: readonly number[]) => Tensor, loss = crossEntropy({ ignoreIndex: 255 })) => fit(painter, blobs(24), { ...settings, loss, target })
  const { losses } = await train(masks(255))
  assert.ok(losses.at(-1)! < losses[0]!)
  await assert.rejects(train(masks(9)), /blobs: sample 0 has the label 9, and the output has 3 classes, 0 to 2/)
  await assert.rejects(train((labels) => Tensor.int64(labels)), /cross entropy takes labels int64\[N, 8, 8\], or shares of the classes float32\[N, 3, 8, 8\], and the target is int64\[N\]/)
  assert.deepEqual((await train((labels) => Tensor.int64(Array<number>(labels.length * 64).fill(255)).reshape([labels.length, 8, 8]))).losses, Array(9).fill(0))
})

test("what a loss's options cannot be is refused", async () => {
  assert.throws(() => crossEntropy({ weight: [1, -1] }), /crossEntropy: weight\[1\] is a number from 0 on, not -1/)
  assert.throws(() => crossEntropy({ ignore_index: 1 } as never), /crossEntropy has no option "ignore_index": did you mean "ignoreIndex"\?/)
  assert.throws(() => bceWithLogits({ weight: 1 } as never), /bceWithLogits has no option "weight": did you mean "posWeight"\?/)
  assert.throws(() => crossEntropy({ ignoreIndex: 0.5 }), /crossEntropy: ignoreIndex is a whole number, not 0\.5/)
  assert.throws(() => bceWithLogits({ posWeight: NaN }), /bceWithLogits: posWeight is a number from 0 on, not NaN/)
  const target = (labels: readonly number[]) => softTargets({ labels }, 3)
  await assert.rejects(lossesOf({ loss: crossEntropy({ weight: [1, 2] }) }), /crossEntropy: weight has 2 numbers, and the output has 3 classes/)
  await assert.rejects(lossesOf({ loss: bceWithLogits({ posWeight: [1, 2] }), target }), /bceWithLogits: posWeight has 2 numbers, and the output has 3 classes/)
  await assert.rejects(lossesOf({ loss: crossEntropy({ ignoreIndex: 1 }), target }), /ignoreIndex is a label, and the target float32\[N, 3\] holds shares of the classes/)
  assert.deepEqual([crossEntropy({ weight: [1, 2], ignoreIndex: 0 }), crossEntropy({ labelSmoothing: 0.1 }), bceWithLogits({ posWeight: 2 }), bceWithLogits()].map(String),
    ['crossEntropy({ weight: [1,2], ignoreIndex: 0 })', 'crossEntropy({ labelSmoothing: 0.1 })', 'bceWithLogits({ posWeight: 2 })', 'bceWithLogits'])
})

test('targets out of a loss\'s range are refused before the first step', async () => {
  const one = (values: readonly number[]) => (labels: readonly number[]) => Tensor.float32([labels.length, 3], labels.flatMap((label) => values.map((value) => value * label)))
  await assert.rejects(lossesOf({ loss: bceWithLogits, target: one([1, 0.5, 7]) }), /blobs: sample 1 has 7 as a target, which is from 0 to 1/)
  await assert.rejects(lossesOf({ loss: meanSquaredError, target: one([1, 0.5, Infinity]) }), /blobs: sample 0 has the target NaN/)
  await assert.rejects(lossesOf({ loss: bceWithLogits }), /needs a target of the output's shape \[N, 3\], not \[N\]\. Say how labels become it: the option `target`/)
})

/** Bytes of two colours, in two classes. */
const pictures = Dataset.of({
  name: 'pictures', source: 'memory', complete: true, labels: [0, 1, 2, 0, 1, 2, 0, 1], transforms: [toFloat()], correct: correctClass,
  inputs: { x: Tensor.raw('uint8', [8, 1, 8, 8], Uint8Array.from({ length: 512 }, (_, i) => ((i * 37) % 251) + (i % 2))) },
})

test('mix-up blends the targets as it blends the pictures', async () => {
  const blended = { ...settings, epochs: 2, transforms: [toFloat(), mixup({ alpha: 1 })] }
  for (const loss of [crossEntropy, crossEntropy({ labelSmoothing: 0.1 })]) {
    const { losses } = await fit(linear, pictures, { ...blended, loss })
    const model = nn.build(linear, { x: ['N', 1, 8, 8] })
    // a linear layer before softmax, by hand: −Σ share·log softmax(W·x + b)
    const { feeds } = await oneStep(linear, pictures, { ...blended, loss })
    const [weight, bias, x, target] = [...model.graph.parameters.map(({ initializer }) => initializer!), feeds.x!, feeds.target!].map((tensor) => tensor.toNumbers())
    assert.deepEqual(feeds.target!.shape, [8, 3])
    const { value: batch } = await new DataLoader(pictures, { batchSize: 8, shuffle: true, transforms: blended.transforms }).epoch(0).next()
    assert.deepEqual(target, softTargets(batch!, 3).toNumbers())
    assert.ok(target!.some((share) => share > 0.05 && share < 0.95), 'some samples are blended')
    const smoothing = loss === crossEntropy ? 0 : 0.1
    const each = Array.from({ length: 8 }, (_, n) => {
      const logits = bias!.map((b, c) => b + x!.slice(64 * n, 64 * (n + 1)).reduce((sum, v, i) => sum + v * weight![64 * c + i]!, 0))
      const norm = Math.log(logits.reduce((sum, z) => sum + Math.exp(z), 0))
      return logits.reduce((sum, z, c) => sum - ((1 - smoothing) * target![3 * n + c]! + smoothing / 3) * (z - norm), 0)
    })
    assert.ok(Math.abs(losses[0]! - each.reduce((a, b) => a + b) / 8) < 1e-5, `${losses[0]}`)
  }
})

test('mix-up goes with a target of one\'s own, and a validation sees whole labels; what cannot be blended is refused', async () => {
  const blended = { ...settings, transforms: [toFloat(), mixup()] }
  const target = (labels: readonly number[]) => softTargets({ labels }, 3)
  const [told, given] = [await fit(linear, pictures, { ...blended, target, validation: pictures }), await fit(linear, pictures, { ...blended, validation: pictures })]
  assert.ok(relativeDistance(told.losses, given.losses) < 1e-6)
  assert.ok(Math.abs(told.epochs[2]!.validation!.loss! - given.epochs[2]!.validation!.loss!) < 1e-6)
  const binary = await fit(linear, pictures, { ...blended, loss: bceWithLogits, target: (labels) => Tensor.int64(labels.flatMap((label) => [0, 1, 2].map((c) => Number(c === label)))).reshape([labels.length, 3]) })
  assert.ok(binary.losses.every((loss) => loss > 0 && loss < 2))
  const sequences = nn.sequential(nn.conv2d(1, 5, [8, 1]), (scope, x) => scope.builder.op('Squeeze', [x, scope.builder.int64([2])]))
  await assert.rejects(fit(sequences, pictures, { ...blended, loss: ctc({ blank: 4 }), target: (labels) => Tensor.int64(labels).reshape([labels.length, 1]) }),
    /mixup blends targets, and this loss cannot blend int64 ones: take another, such as crossEntropy, or leave mixup out/)
})

test('CTC: labels that are no class, the blank, or too long are refused with their sample; an empty one counts as one long', async () => {
  const words = (labels: readonly (readonly number[])[]) => Dataset.of({
    name: 'words', source: 'memory', complete: true, inputs: { x: scattered('float32', [labels.length, 3, 6]) }, labels, correct: (_, some) => some.map(() => true),
    target: (some) => Tensor.of('int64', [some.length, 8], some.flatMap((label) => Array.from({ length: 8 }, (_, i) => label[i] ?? -1))),
  })
  const train = async (labels: readonly (readonly number[])[], blank = 4) =>
    (await fit(nn.conv1d(3, 5, 1), words(labels), { ...settings, epochs: 1, batchSize: labels.length, loss: ctc({ blank }) } as FitOptions<readonly number[]>)).losses[0]!
  assert.ok((await train([[0, 1, 2, 3, 0, 1], []])) > 0)
  await assert.rejects(train([[0, 1], [2, 9]]), /words: sample 1 has 9 in its label, where the classes are 0 to 4 without the blank 4, and -1 stands behind them only/)
  await assert.rejects(train([[0, 4, 1]]), /words: sample 0 has 4 in its label/)
  await assert.rejects(train([[0, -1, 1]]), /words: sample 0 has -1 in its label/)
  await assert.rejects(train([[0, 0, 0, 0]]), /sample 0 has a label of 4 that takes 7 times \(a blank stands between equal ones\), and the output has 6/)
  await assert.rejects(train([[0]], 40), /ctc: blank is 40, and the output has 5 classes, 0 to 4/)
  await assert.rejects(async () => train([[0]], -1), /ctc: blank is a whole number from 0 on, not -1/)
})
