import assert from 'node:assert/strict'
import { test } from 'node:test'
import type * as TensorFlow from '@tensorflow/tfjs'
import { fromLayers, tensorflow, toLayers } from '../../../lib/bridge/index.ts'
import { sizeOf, Tensor } from '../../../lib/graph/tensor.ts'
import { adaptiveAvgPool2d, avgPool2d, batchNorm2d, build, conv2d, embedding, flatten, globalAvgPool, gru, linear, lstm, maxPool2d, models, relu, residual, sequential, sigmoid, silu } from '../../../lib/nn/index.ts'
import { Model } from '../../../lib/nn/model.ts'
import { random } from '../../../lib/random.ts'
import { Session } from '../../../lib/runtime/session.ts'
import { relativeDistance } from '../graph/run.ts'

const tf = tensorflow()
const { layers } = tf
const BATCH = 3

/** Weights without a pattern; variances are positive. */
function scramble(model: TensorFlow.LayersModel): TensorFlow.LayersModel {
  const source = random(5)
  model.setWeights(model.getWeights().map((weight) => tf.tensor(Float32Array.from({ length: weight.size }, () => 0.1 + source.next() / 2 - (weight.rank > 1 ? 0.35 : 0)), weight.shape)))
  return model
}

/** Noise, or whole numbers below 7 for what looks up. */
function sample(shape: readonly (number | null)[], isWhole: boolean): TensorFlow.Tensor {
  const source = random(9)
  const dims = shape.map((size) => size ?? BATCH)
  return tf.tensor(Array.from({ length: sizeOf(dims) }, () => (isWhole ? source.below(7) : 2 * source.next() - 1)), dims, isWhole ? 'int32' : 'float32')
}

/** What hone computes of TensorFlow's own inputs, whose images have their channels last. */
async function computed(model: Model, inputs: readonly TensorFlow.Tensor[]): Promise<number[][]> {
  const session = await Session.create(model.graph, { device: 'cpu' })
  const feeds = session.inputs.map(({ name, dtype }, i) => [name, Tensor.of(dtype, inputs[i]!.shape, Array.from(inputs[i]!.dataSync()))] as const)
  const results = await session.run(Object.fromEntries(feeds))
  return session.outputs.map(({ name }) => results[name]!.toNumbers())
}

async function assertEqual(model: TensorFlow.LayersModel, isWhole = false): Promise<void> {
  const inputs = model.inputs.map(({ shape }) => sample(shape, isWhole))
  const expected = [model.predict(inputs)].flat().map((tensor) => Array.from(tensor.dataSync()))
  const hone = fromLayers(model, { layout: 'NHWC' })
  const found = await computed(hone, inputs)
  assert.equal(found.length, expected.length)
  found.forEach((values, i) => assert.ok(relativeDistance(values, expected[i]!) < 1e-5, `to hone: ${relativeDistance(values, expected[i]!)}`))

  const back = toLayers(fromLayers(model))
  const returned = [back.predict(inputs)].flat().map((tensor) => Array.from(tensor.dataSync()))
  returned.forEach((values, i) => assert.ok(relativeDistance(values, expected[i]!) < 1e-5, `and back: ${relativeDistance(values, expected[i]!)}`))
}

const chains: Readonly<Record<string, () => TensorFlow.layers.Layer[]>> = {
  'convolutions of every kind, padded and dilated': () => [
    layers.conv2d({ inputShape: [9, 10, 3], filters: 4, kernelSize: 3, padding: 'same', strides: 2, activation: 'relu' }), layers.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, padding: 'same' }),
    layers.separableConv2d({ filters: 5, kernelSize: [2, 3], activation: 'tanh' }), layers.zeroPadding2d({ padding: [[2, 1], [0, 3]] }), layers.conv2d({ filters: 3, kernelSize: 2, dilationRate: 2, useBias: false }),
    layers.flatten(), layers.dense({ units: 4, activation: 'softmax' }),
  ],
  'poolings and normalizations': () => [
    layers.maxPooling2d({ inputShape: [8, 7, 3], poolSize: 3, strides: 2, padding: 'same' }), layers.batchNormalization({ scale: false }), layers.averagePooling2d({ poolSize: 2, strides: 1, padding: 'same' }),
    layers.upSampling2d({ size: [2, 3] }), layers.batchNormalization(), layers.layerNormalization(), layers.globalAveragePooling2d({}), layers.batchNormalization(),
  ],
  'activations': () => [
    layers.dense({ inputShape: [6], units: 8, activation: 'elu' }), layers.dense({ units: 8, activation: 'hardSigmoid' }), layers.leakyReLU({ alpha: 0.2 }), layers.dense({ units: 8, activation: 'softplus' }),
    layers.activation({ activation: 'selu' }), layers.reLU({ maxValue: 0.6 }), layers.dense({ units: 5, activation: 'softsign' }), layers.softmax(),
  ],
  'recurrent layers': () => [layers.lstm({ inputShape: [5, 3], units: 4, returnSequences: true }), layers.dropout({ rate: 0.3 }), layers.gru({ units: 6, recurrentActivation: 'sigmoid', returnSequences: true }), layers.dense({ units: 3 }), layers.lstm({ units: 2, recurrentActivation: 'sigmoid' })],
  'shapes': () => [layers.reshape({ inputShape: [12], targetShape: [2, 3, 2] }), layers.conv2d({ filters: 3, kernelSize: 1 }), layers.permute({ dims: [3, 1, 2] }), layers.reshape({ targetShape: [6, 3] }), layers.permute({ dims: [2, 1] }), layers.flatten(), layers.dense({ units: 2 })],
}

for (const [name, make] of Object.entries(chains))
  test(`a sequential model of ${name} gives the same here, and brought back`, () => assertEqual(scramble(tf.sequential({ layers: make() }))))

test('sequences of images, one-dimensional convolutions and poolings give the same here', async () => {
  const model = scramble(tf.sequential({ layers: [layers.conv1d({ inputShape: [11, 2], filters: 4, kernelSize: 3, padding: 'same', strides: 2 }), layers.maxPooling1d({ poolSize: 2 }), layers.averagePooling1d({ poolSize: 2, strides: 1 }), layers.globalMaxPooling1d()] }))
  const inputs = [sample([null, 11, 2], false)]
  const [found] = await computed(fromLayers(model), inputs)
  assert.ok(relativeDistance(found!, Array.from((model.predict(inputs) as TensorFlow.Tensor).dataSync())) < 1e-5)
})

test('what is looked up by whole numbers is fed with int64, as the data sets of hone have it', async () => {
  const model = scramble(tf.sequential({ layers: [layers.embedding({ inputDim: 7, outputDim: 4, inputLength: 5 }), layers.lstm({ units: 3 })] }))
  assert.equal(fromLayers(model).graph.inputs[0]!.dtype, 'int64')
  await assertEqual(model, true)
})

test('a functional model with branches, a shared layer, a model within it and two outputs gives the same', async () => {
  const [a, b] = [tf.input({ shape: [6, 6, 2] }), tf.input({ shape: [6, 6, 2] })]
  const shared = layers.conv2d({ filters: 3, kernelSize: 3, padding: 'same' })
  const inner = tf.sequential({ layers: [layers.conv2d({ inputShape: [6, 6, 3], filters: 3, kernelSize: 1 }), layers.batchNormalization()] })
  const [left, right] = [shared.apply(a), shared.apply(b)] as TensorFlow.SymbolicTensor[]
  const sum = layers.add().apply([inner.apply(left!) as TensorFlow.SymbolicTensor, right!]) as TensorFlow.SymbolicTensor
  const joined = layers.concatenate({ axis: -1 }).apply([sum, layers.multiply().apply([left!, right!]) as TensorFlow.SymbolicTensor]) as TensorFlow.SymbolicTensor
  const head = layers.dense({ units: 4 }).apply(layers.globalMaxPooling2d({}).apply(joined)) as TensorFlow.SymbolicTensor
  const model = scramble(tf.model({ inputs: [a, b], outputs: [head, sum] }))
  await assertEqual(model)
  const filters = fromLayers(model).graph.initializers.filter(({ name }) => name === `${shared.name}.weight`)
  assert.equal(filters.length, 1, 'shared weights stand once')
})

test("frozen layers stay frozen, and images come in as hone's data sets have them unless TensorFlow's layout is asked for", () => {
  const model = tf.sequential({ layers: [layers.conv2d({ inputShape: [8, 8, 1], filters: 2, kernelSize: 3, name: 'stem', trainable: false }), layers.flatten(), layers.dense({ units: 2, name: 'head' })] })
  const { graph } = fromLayers(model)
  assert.deepEqual(graph.parameters.map(({ name }) => name), ['head.weight', 'head.bias'])
  assert.deepEqual(graph.initializers.filter(({ frozen }) => frozen).map(({ name }) => name), ['stem.weight', 'stem.bias'])
  assert.deepEqual([graph, fromLayers(model, { layout: 'NHWC' }).graph].map(({ inputs: [x] }) => x!.shape!.slice(1)), [[1, 8, 8], [8, 8, 1]])
})

test('frozen parameters are layers that TensorFlow.js does not train, and come back frozen', () => {
  const { graph } = build(sequential({ conv: conv2d(1, 2, 3), norm: batchNorm2d(2), words: flatten(), table: linear(8, 4), head: linear(4, 2) }), { x: ['N', 1, 4, 4] })
  const model = toLayers(new Model(graph).freeze(/^(conv|norm|table)/))
  assert.deepEqual(model.layers.filter(({ trainable, weights }) => weights.length && !trainable).map(({ name }) => name), ['conv', 'norm', 'table'])
  assert.deepEqual(fromLayers(model).graph.parameters.map(({ name }) => name), ['head.weight', 'head.bias'])
  assert.ok(toLayers(build(linear(3, 2), { x: ['N', 3] }).freeze('bias')).layers.some(({ trainable, weights }) => weights.length && trainable), 'a layer of which a part is frozen is trained')
  const times = build(sequential({ first: linear(3, 4), second: linear(4, 2) }), { x: ['N', 5, 3] }).freeze('first')
  assert.deepEqual(fromLayers(toLayers(times)).graph.parameters.map(({ shape }) => String(shape)), ['2,4', '2'])
})

const networks: Readonly<Record<string, () => Model>> = {
  'the MNIST network': () => models.mnistCnn(),
  'a residual block': () => build(sequential(
    residual(sequential(conv2d(2, 4, 3, { stride: 2, padding: 1, bias: false }), batchNorm2d(4), relu(), conv2d(4, 4, 3, { padding: 1, groups: 4 })), conv2d(2, 4, 1, { stride: 2 })), relu(), globalAvgPool(), flatten(), linear(4, 3),
  ), { x: ['N', 2, 8, 8] }),
  "a ResNet's stem, whose pooling is padded on all sides, and means that count their padding": () => build(sequential(
    conv2d(2, 3, 7, { stride: 2, padding: 3 }), relu(), maxPool2d(3, { stride: 2, padding: 1 }), conv2d(3, 4, 1), avgPool2d(3, { stride: 2, padding: 1 }), avgPool2d(3, { stride: 1, padding: 1 }), flatten(), linear(16, 2),
  ), { x: ['N', 2, 15, 14] }),
  'squeezed channels that scale an image': () => build((net, x) => {
    const squeezed = sequential(globalAvgPool(), conv2d(3, 2, 1), silu(), conv2d(2, 3, 1), sigmoid())(net.child('squeeze'), x)
    return sequential(adaptiveAvgPool2d(2), flatten())(net.child('head'), net.builder.mul(x, squeezed))
  }, { x: ['N', 3, 6, 6] }),
  'tokens through an embedding and an LSTM': () => build((net, tokens) => {
    const words = embedding(7, 4)(net.child('words'), net.builder.transpose(tokens, [1, 0]))
    return linear(5, 2)(net.child('head'), lstm(4, 5, { numLayers: 2, output: 'last' })(net.child('lstm'), words))
  }, { tokens: { dtype: 'int64', shape: ['N', 6] } }),
}

for (const [name, make] of Object.entries(networks))
  test(`${name} gives the same as layers of TensorFlow.js`, async () => {
    const { graph } = make()
    const model = toLayers(graph)
    const inputs = model.inputs.map(({ shape, dtype }) => sample(shape, dtype === 'int32'))
    const session = await Session.create(graph, { device: 'cpu' })
    const fed = inputs.map((tensor) => (tensor.rank === 4 ? tensor.transpose([0, 3, 1, 2]) : tensor))
    const results = await session.run(Object.fromEntries(session.inputs.map(({ name: input, dtype }, i) => [input, Tensor.of(dtype, fed[i]!.shape, Array.from(fed[i]!.dataSync()))])))
    const expected = results[session.outputs[0]!.name]!.toNumbers()
    const found = Array.from((model.predict(inputs) as TensorFlow.Tensor).dataSync())
    assert.ok(relativeDistance(found, expected) < 1e-5, `${relativeDistance(found, expected)}`)
  })

test('what has no counterpart is refused by the name of the layer or the node, with the reason', () => {
  const one = (layer: TensorFlow.layers.Layer) => tf.sequential({ layers: [layer] })
  assert.throws(() => fromLayers(one(layers.conv3d({ inputShape: [4, 4, 4, 1], filters: 1, kernelSize: 2, name: 'volume' }))), /^Error: volume \(Conv3D\): this layer has no counterpart in hone$/)
  assert.throws(() => fromLayers(one(layers.conv2d({ inputShape: [1, 4, 4], filters: 1, kernelSize: 2, dataFormat: 'channelsFirst', name: 'stem' }))), /^Error: stem \(Conv2D\): its data format is channelsFirst/)
  assert.throws(() => fromLayers(one(layers.lstm({ inputShape: [4, 4], units: 2, goBackwards: true, name: 'back' }))), /^Error: back \(LSTM\): "goBackwards" has no counterpart$/)
  const pooled = build(sequential({ conv: conv2d(1, 2, 3), pool: maxPool2d(3, { stride: 2, padding: 1 }), flatten: flatten() }), { x: ['N', 1, 10, 10] })
  assert.throws(() => toLayers(pooled), /^Error: pool \(MaxPool\): it pads by 1, 1, 1, 1, which is not TensorFlow's "same", and zeros would change what it finds: put it behind a relu$/)
  const gated = build(gru(3, 4, { batchFirst: true, output: 'last' }), { x: ['N', 5, 3] })
  assert.throws(() => toLayers(gated), /GRU\): its reset gate acts after the product, as in PyTorch/)
})
