import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Tensor } from '../../../lib/graph/tensor.ts'
import * as nn from '../../../lib/nn/index.ts'
import { foldBatchNorm } from '../../../lib/passes/index.ts'
import { relativeDistance, runGraph, scattered, type Tensors } from '../graph/run.ts'

/** What a layer makes of x. */
async function answer(layer: nn.Layer, x: Tensor, seed = 1): Promise<Tensor> {
  const model = nn.build(layer, { x: { dtype: x.dtype, shape: ['N', ...x.shape.slice(1)] } }, { seed })
  return (await runGraph(model.graph, { x })).output!
}

const close = (actual: Tensor, shape: readonly number[], expected: readonly number[]) => {
  assert.deepEqual(actual.shape, shape)
  assert.ok(relativeDistance(actual.toNumbers(), expected) < 1e-5, `${actual.toNumbers()} is not ${expected}`)
}

const x = Tensor.float32([1, 2, 3], [-4, -1, 0, 0.5, 2, 7])

test('activations are what their formulas say', async () => {
  const sigmoid = (v: number) => 1 / (1 + Math.exp(-v))
  const cases: readonly [nn.Layer, (v: number) => number][] = [
    [nn.relu(), (v) => Math.max(v, 0)],
    [nn.relu6(), (v) => Math.min(Math.max(v, 0), 6)],
    [nn.sigmoid(), sigmoid],
    [nn.tanh(), Math.tanh],
    [nn.silu(), (v) => v * sigmoid(v)],
    [nn.gelu('tanh'), (v) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3)))],
    [nn.hardsigmoid(), (v) => Math.min(Math.max(v / 6 + 0.5, 0), 1)],
    [nn.hardswish(), (v) => v * Math.min(Math.max(v / 6 + 0.5, 0), 1)],
    [nn.leakyRelu(0.1), (v) => (v > 0 ? v : 0.1 * v)],
    [nn.elu(), (v) => (v > 0 ? v : Math.expm1(v))],
    [nn.softplus(), (v) => Math.log1p(Math.exp(v))],
  ]
  for (const [layer, formula] of cases) close(await answer(layer, x), x.shape, x.toNumbers().map(formula))
})

test('layers give the shapes that PyTorch gives', async () => {
  const image = scattered('float32', [2, 4, 8, 8])
  const sequence = scattered('float32', [2, 5, 4])
  const cases: readonly [string, nn.Layer, Tensor, readonly number[]][] = [
    ['conv1d', nn.conv1d(5, 6, 3, { padding: 1, stride: 2 }), sequence, [2, 6, 2]],
    ['depthwise conv2d', nn.conv2d(4, 8, 3, { groups: 4, bias: false }), image, [2, 8, 6, 6]],
    ['convTranspose2d', nn.convTranspose2d(4, 3, 3, { stride: 2, padding: 1, outputPadding: 1 }), image, [2, 3, 16, 16]],
    ['maxPool1d', nn.maxPool1d(2), sequence, [2, 5, 2]],
    ['adaptiveAvgPool2d', nn.adaptiveAvgPool2d([2, 4]), image, [2, 4, 2, 4]],
    ['globalAvgPool', nn.globalAvgPool(), image, [2, 4, 1, 1]],
    ['linear on the last axis', nn.linear(4, 3), sequence, [2, 5, 3]],
    ['embedding', nn.embedding(9, 3), Tensor.of('int64', [2, 4], [0, 1, 2, 3, 8, 7, 6, 5]), [2, 4, 3]],
    ['lstm', nn.lstm(4, 6, { batchFirst: true, numLayers: 2, bidirectional: true }), sequence, [2, 5, 12]],
    ['last state of a gru', nn.gru(4, 6, { batchFirst: true, output: 'last' }), sequence, [2, 6]],
    ['concat', nn.concat([nn.conv2d(4, 2, 1), nn.conv2d(4, 3, 3, { padding: 1 })]), image, [2, 5, 8, 8]],
    ['residual', nn.residual(nn.conv2d(4, 6, 1, { stride: 2 }), nn.conv2d(4, 6, 1, { stride: 2 })), image, [2, 6, 4, 4]],
  ]
  for (const [name, layer, input, shape] of cases) assert.deepEqual((await answer(layer, input)).shape, shape, name)
})

test('normalizations leave mean 0 and variance 1 where they normalize', async () => {
  const image = scattered('float32', [2, 4, 3, 3])
  for (const [layer, runs] of [[nn.groupNorm(2, 4), 18], [nn.layerNorm([4, 3, 3]), 36]] as const) {
    const values = (await answer(layer, image)).toNumbers()
    for (let from = 0; from < values.length; from += runs) {
      const part = values.slice(from, from + runs)
      const mean = part.reduce((a, b) => a + b) / runs
      const variance = part.reduce((sum, v) => sum + (v - mean) ** 2, 0) / runs
      assert.ok(Math.abs(mean) < 1e-5 && Math.abs(variance - 1) < 1e-3, `${mean}, ${variance}`)
    }
  }
})

test('parameters are named by position, or by the keys of a record', () => {
  const model = nn.build(nn.sequential({ stem: nn.sequential(nn.linear(3, 4), nn.relu()), head: nn.linear(4, 2, { bias: false }) }), { x: ['N', 3] })
  assert.deepEqual(model.graph.parameters.map(String), ['stem.0.weight', 'stem.0.bias', 'head.weight'])
})

test('a network of several inputs is written as a function', async () => {
  const model = nn.build((net, a, b) => net.builder.add(nn.linear(2, 3)(net.child('left'), a!), b!), { a: ['N', 2], b: ['N', 3] })
  const feeds: Tensors = { a: Tensor.zeros('float32', [1, 2]), b: Tensor.float32([1, 3], [1, 2, 3]) }
  const bias = model.graph.parameters[1]!.initializer!.toNumbers()
  close((await runGraph(model.graph, feeds)).output!, [1, 3], [1, 2, 3].map((v, i) => v + bias[i]!))
})

test('frozen parameters stay frozen in a file, and thaw', () => {
  const model = nn.build(nn.sequential(nn.linear(3, 4), nn.linear(4, 2)), { x: ['N', 3] }).freeze('0')
  assert.deepEqual(model.graph.parameters.map(String), ['1.weight', '1.bias'])
  const path = join(tmpdir(), `hone-frozen-${process.pid}.onnx`)
  model.write(path)
  const back = nn.Model.read(path)
  assert.deepEqual([back.parameters, back.trainable], [26, 10])
  assert.equal(back.unfreeze().trainable, 26)
  assert.throws(() => model.freeze('10'), /no parameter is called 10\. There are 0\.weight, 0\.bias/)
})

test('a layer that does not fit is named, with the one that would', () => {
  const build = (layer: nn.Layer, shape: readonly (number | string)[]) => () => nn.build(layer, { x: shape })
  assert.throws(build(nn.sequential(nn.conv2d(3, 8, 3), nn.conv2d(4, 8, 3)), ['N', 3, 9, 9]), /^Error: 1: its input \[N, 8, 7, 7\] has 8 channels, and 4 are expected; did you mean conv2d\(8, 8, 3\)\?/)
  assert.throws(build(nn.linear(3, 2), ['N', 5]), /the first layer: its input \[N, 5\] has 5 features, and 3 are expected; did you mean linear\(5, 2\)/)
  assert.throws(build(nn.embedding(3, 2), ['N', 5]), /an embedding looks up whole numbers, and its input is float32/)
  const bytes = { dtype: 'uint8', shape: ['N', 1, 2, 2] } as const
  assert.throws(() => nn.build(nn.sequential(nn.flatten(), nn.linear(4, 3)), { x: bytes }), /^Error: 1: its input is uint8, and its weights are float32\. .+ 8-bit pictures become that by toFloat\(\)/)
  assert.throws(build(nn.sequential(nn.linear(3, 2), nn.softmax(7)), ['N', 3]), /^Error: 1: its input \[N, 2\] has no axis 7/)
  assert.throws(build(nn.logSoftmax(-3), ['N', 3]), /the first layer: its input \[N, 3\] has no axis -3/)
  assert.throws(build(nn.adaptiveAvgPool2d(3), ['N', 2, 8, 8]), /windows of one size cannot divide its input \[N, 2, 8, 8\] into 3x3 parts/)
  assert.throws(() => nn.dropout(1), /dropout drops a share from 0 to less than 1, not 1/)
  assert.throws(() => nn.groupNorm(3, 4), /4 channels do not make 3 groups/)
  const image = ['N', 8, 6, 6]
  assert.throws(build(nn.sequential(nn.conv2d(8, 8, 3), nn.batchNorm2d(16)), image), /^Error: 1: its input \[N, 8, 4, 4\] has 8 channels, and 16 are expected; did you mean batchNorm2d\(8\)\?/)
  assert.throws(build(nn.batchNorm1d(7), ['N', 8]), /did you mean batchNorm1d\(8\)\?/)
  assert.throws(build(nn.layerNorm(7), ['N', 8]), /has 8 features, and 7 are expected; did you mean layerNorm\(8\)\?/)
  assert.throws(build(nn.layerNorm([8, 6, 5]), image), /did you mean layerNorm\(\[8, 6, 6\]\)\?/)
  assert.throws(build(nn.groupNorm(3, 9), image), /has 8 channels, and 9 are expected; did you mean groupNorm\(3, 8\)\?/)
})

test('arguments that make no layer are refused where it is written', () => {
  assert.throws(() => nn.conv2d(3, 8, 3, { groups: 2 }), /conv2d: groups must divide both numbers of channels, and 2 does not divide 3/)
  assert.throws(() => nn.convTranspose2d(4, 9, 3, { groups: 2 }), /convTranspose2d: groups .* 2 does not divide 9/)
  assert.throws(() => nn.conv2d(3, 8, 3, { stride: [1, 0] }), /conv2d: stride is a whole number from 1 on, not 0/)
  assert.throws(() => nn.conv1d(3, -8, 3), /conv1d: outChannels is a whole number from 1 on, not -8/)
  assert.throws(() => nn.conv2d(3, 8, undefined!), /conv2d: kernelSize is a whole number from 1 on, not undefined/)
  assert.throws(() => nn.conv2d(3, 8, 3, { padding: -1 }), /conv2d: padding is a whole number from 0 on, not -1/)
  assert.throws(() => nn.maxPool2d(2, { stride: 0 }), /MaxPool: stride is a whole number from 1 on, not 0/)
  assert.throws(() => nn.maxPool2d(2, { padding: 2 }), /MaxPool: padding is at most half of the kernel's size 2, not 2/)
  assert.throws(() => nn.avgPool2d([5, 3], { padding: 2 }), /AveragePool: padding is at most half of the kernel's size 3, not 2/)
  assert.throws(() => nn.batchNorm2d(3, { eps: -1 }), /batchNorm: eps is a number from 0 on, not -1/)
  assert.throws(() => nn.batchNorm2d(3, { momentum: 7 }), /batchNorm: momentum is a number from 0 to 1, not 7/)
  assert.throws(() => nn.leakyRelu(NaN), /leakyRelu: negativeSlope is a number, not NaN/)
  assert.throws(() => nn.softmax(1.5), /Softmax: axis is a whole number, not 1\.5/)
  assert.throws(() => nn.linear(2.5, 1), /linear: inFeatures is a whole number from 1 on, not 2\.5/)
  assert.throws(() => nn.lstm(4, 0), /lstm: hiddenSize is a whole number from 1 on, not 0/)
  for (const size of [7.5, 0, NaN]) assert.throws(() => nn.build(nn.relu(), { x: ['N', size] }), new RegExp(`input "x": a dimension is a whole number from 1 on, not ${size}`))
  assert.throws(() => nn.build(nn.linear(2, 1), { x: ['N', 2] }, { seed: 'a' as never }), /seed is a whole number, not 'a'/)
})

test('a layer that is written twice under one name has its parameters once; two layers of one name are refused', async () => {
  const shared = nn.sequential(nn.linear(3, 3), nn.batchNorm1d(3))
  const model = nn.build((net, a, b) => net.builder.add(shared(net.child('twin'), a!), shared(net.child('twin'), b!)), { a: ['N', 3], b: ['N', 3] })
  assert.deepEqual(model.graph.initializers.map(({ name }) => name), ['twin.0.weight', 'twin.0.bias', 'twin.1.weight', 'twin.1.bias', 'twin.1.running_mean', 'twin.1.running_var'])
  const a = scattered('float32', [4, 3])
  const { output } = await runGraph(model.graph, { a, b: a })
  const once = await runGraph(nn.build((net, x) => shared(net.child('twin'), x!), { a: ['N', 3] }).graph, { a })
  close(output!, [4, 3], once.output!.toNumbers().map((value) => 2 * value))
  for (const second of [nn.linear(4, 4), nn.linear(4, 2)])
    assert.throws(() => nn.build((net, x) => second(net, nn.linear(4, 4)(net, x!)), { x: ['N', 4] }), /two layers have a parameter "weight"\. Write each under a name of its own, such as layer\(net\.child\('second'\), x\); to share it, make the layer once and write that again/)
})

test('what was not called is named', async () => {
  const build = (...layers: readonly unknown[]) => () => nn.build(nn.sequential(...(layers as nn.Layer[])), { x: ['N', 3] })
  assert.throws(build(nn.linear(3, 8), nn.relu), /^TypeError: 1: a layer is what a call such as relu\(\) makes, not the function relu/)
  assert.throws(() => nn.build(nn.residual(nn.relu as unknown as nn.Layer), { x: ['N', 3] }), /a layer is what a call such as relu\(\) makes/)
  const uncalled = foldBatchNorm as unknown as ReturnType<typeof foldBatchNorm>
  await assert.rejects(nn.build(nn.linear(3, 2), { x: ['N', 3] }).apply(uncalled), /apply takes what a call such as foldBatchNorm\(\) makes, not the function foldBatchNorm/)
  // @ts-expect-error: a function that makes a pass has an `apply` too, but is none
  void (() => nn.build(nn.linear(3, 2), { x: ['N', 3] }).apply(foldBatchNorm))
})

test('a pattern with the flag g freezes all that it names', () => {
  const model = nn.build(nn.sequential(nn.linear(3, 4), nn.linear(4, 2)), { x: ['N', 3] })
  assert.equal(model.freeze(/weight/g).trainable, 6)
})
