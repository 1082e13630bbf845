import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Graph } from '../../../lib/graph/graph.ts'
import { decodeModel, encodeModel } from '../../../lib/graph/onnx.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import * as nn from '../../../lib/nn/index.ts'
import { compare, foldBatchNorm, fuseActivation, pipeline, quantize, quantizeDynamic } from '../../../lib/passes/index.ts'
import { batches, image, network, Net, noise, runtimeOperators, types } from './networks.ts'

for (const opset of [13, 21])
  test(`between its ends the network runs on integers alone, with nearly the same result (operator set ${opset})`, async () => {
    const graph = network(opset)
    const result = await pipeline([foldBatchNorm(), quantize({ calibrate: batches(8) })]).apply(graph)
    assert.deepEqual(await runtimeOperators(result.graph), [
      'QuantizeLinear', 'QLinearConv', 'MaxPool', 'QLinearConv', 'QLinearConv', 'QLinearAdd', 'QLinearConcat', 'QLinearConv', 'QLinearGlobalAveragePool', 'Flatten', 'QGemm',
    ])
    const { relative } = await compare(graph, result.graph, { x: noise(image, 99) })
    assert.ok(relative > 0 && relative < 0.05, `the outputs moved by ${relative}`)
    assert.deepEqual(result.graph.outputs.map(({ name }) => name), ['y'])
    assert.deepEqual(result.changes.filter(({ text }) => text === 'stays in uint8').map(({ node }) => node), ['pool', 'add', 'concat', 'globalaveragepool', 'flatten'])
    assert.match(result.changes.find(({ node }) => node === 'conv2')!.text, /^int8 weights by channel, uint8 input with scale 0\.\d+ and zero point 0$/)
  })

test('activations are not fused into quantized convolutions, and fused convolutions are not quantized', async () => {
  const small = await pipeline([foldBatchNorm(), quantize({ calibrate: batches(2) }), fuseActivation()]).apply(network())
  assert.deepEqual(types(small.graph).filter((type) => type === 'FusedConv'), [])
  assert.match(small.refusals[0]!.reason, /^conv1 is quantized, and ONNX Runtime merges them by itself$/)
  const fused = await pipeline([foldBatchNorm(), fuseActivation(), quantize({ calibrate: batches(2) })]).apply(network())
  assert.equal(fused.refusals.find(({ node }) => node === 'conv1')!.reason, 'an activation is fused into it: quantize first, and fuse what is left')
})

test('weights are stored in int8 and biases in int32: the file takes about a quarter', async () => {
  const net = new Net()
  const y = net.conv(net.conv(net.input([1, 32, 8, 8]), 'a', 128), 'b', 128)
  const graph = net.output(y)
  const { graph: small } = await quantize({ calibrate: batches(2, [1, 32, 8, 8]) }).apply(graph)
  const stored = (name: string) => small.initializers.find((value) => value.name === name)?.initializer?.dtype
  assert.deepEqual(['a.weight_int8', 'b.weight_int8', 'a.bias_int32', 'a.weight'].map(stored), ['int8', 'int8', 'int32', undefined])
  assert.ok(encodeModel(small).length < 0.28 * encodeModel(graph).length)
})

test('a matrix product with a bias, with rows of more dimensions, and alone', async () => {
  const build = (shape: readonly number[], then: (net: Net, y: ReturnType<Net['input']>) => ReturnType<Net['input']>) => {
    const net = new Net()
    const x = net.input(shape)
    return net.output(then(net, net.builder.matmul(x, net.parameter('w', [16, 10]))))
  }
  const cases: [readonly number[], string[], Parameters<typeof build>[1]][] = [
    [[6, 16], ['QuantizeLinear', 'MatMulIntegerToFloat'], (_, y) => y],
    [[6, 16], ['QuantizeLinear', 'QGemm', 'DequantizeLinear'], (net, y) => net.builder.add(y, net.parameter('b', [10]))],
    [[6, 16], ['QuantizeLinear', 'QGemm', 'MatMulIntegerToFloat'], (net, y) => net.builder.matmul(net.relu(net.builder.add(y, net.parameter('b', [10])), 'relu'), net.parameter('w2', [10, 3]))],
    [[2, 3, 16], ['QuantizeLinear', 'Reshape', 'QGemm', 'Reshape', 'DequantizeLinear'], (net, y) => net.builder.add(y, net.parameter('b', [10]))],
  ]
  for (const [shape, expected, then] of cases) {
    const graph = build(shape, then)
    const { graph: small } = await quantize({ calibrate: batches(4, shape) }).apply(graph)
    assert.deepEqual(await runtimeOperators(small), expected)
    const { relative } = await compare(graph, small, { x: noise(shape, 99) })
    assert.ok(relative < 0.05, `the outputs moved by ${relative}`)
  }
})

test('a dead channel keeps its bias, and one with tiny weights does not overflow', async () => {
  const net = new Net()
  const graph = net.output(net.conv(net.input([1, 1, 4, 4]), 'conv', 3, { kernel: [1, 1] }))
  const put = (name: string, tensor: Tensor) => (graph.initializers.find((value) => value.name === name)!.initializer = tensor)
  put('conv.weight', Tensor.float32([3, 1, 1, 1], [0, 1e-12, 0.5]))
  put('conv.bias', Tensor.float32([3], [0.7, -0.4, 0.1]))
  const { graph: small } = await quantize({ calibrate: batches(3, [1, 1, 4, 4]) }).apply(graph)
  assert.ok((await compare(graph, small, { x: noise([1, 1, 4, 4]) })).largest < 0.02)
})

test('a shared weight, a captured activation and an output in the middle: what reads float32 still does', async () => {
  const net = new Net()
  const x = net.input([1, 4, 8, 8])
  const weight = net.parameter('shared', [4, 4, 3, 3])
  const pads = [1, 1, 1, 1]
  const a = net.conv(x, 'a', 4, { weight, pads })
  net.output(a, 'middle')
  const condition = net.graph.input('condition', 'bool', [])
  const branch = (name: string, type: string) => {
    const graph = new Graph(name, net.graph)
    graph.addOutput(graph.add(type, [a]).output)
    return graph
  }
  const chosen = net.graph.add('If', [condition], { then_branch: branch('then', 'Neg'), else_branch: branch('else', 'Abs') }, { types: [a] }).output
  net.output(net.builder.add(net.builder.add(net.conv(a, 'b', 4, { weight, pads }), x), chosen))
  const feeds = batches(4, [1, 4, 8, 8]).map((feed) => ({ ...feed, condition: Tensor.of('bool', [], [1]) }))
  const { graph: small, changes } = await quantize({ calibrate: feeds, range: 'extremes' }).apply(net.graph)
  assert.equal(changes.length, 2)
  const { outputs } = await compare(net.graph, small, feeds[0]!)
  assert.deepEqual(outputs.map(({ output }) => output), ['middle', 'y'])
  for (const { output, relative } of outputs) assert.ok(relative < 0.05, `${output} moved by ${relative}`)
})

test('the range of an activation is the average of the batches, or their extremes; batches may come one by one or from a data set', async () => {
  const net = new Net()
  const graph = net.output(net.builder.matmul(net.input([1, 2]), net.parameter('w', [2, 2])))
  const feeds = [10, 20, 90].map((top) => ({ x: Tensor.float32([1, 2], [-top / 10, top]) }))
  async function* arriving() {
    yield* feeds
  }
  const dataset = { batches: (size: number) => (size === 1 ? feeds.map((inputs) => ({ inputs })) : []) }
  const scale = async (options: object) => {
    const { graph: small } = await quantize({ calibrate: feeds, ...options }).apply(graph)
    return small.initializers.find(({ name }) => name === 'x_scale')!.initializer!.toNumbers()[0]
  }
  for (const calibrate of [feeds, arriving(), dataset]) assert.equal(await scale({ calibrate }), Math.fround(44 / 255))
  assert.equal(await scale({ range: 'extremes' }), Math.fround(99 / 255))
})

test('what cannot be quantized is refused with the reason', async () => {
  const net = new Net()
  const x = net.input([1, 4, 8, 8])
  const computed = net.conv(x, 'computed', 4, { weight: net.builder.op('Neg', [net.parameter('w', [4, 4, 3, 3])]) })
  const up = net.builder.op('ConvTranspose', [computed, net.parameter('up.weight', [4, 4, 3, 3])], {}, { name: 'up' })
  net.output(net.builder.matmul(up, up))
  const { refusals, changes } = await quantize({ calibrate: batches(1, [1, 4, 8, 8]) }).apply(net.graph)
  assert.equal(changes.length, 0)
  assert.deepEqual(refusals.map(({ node, reason }) => [node, reason]), [
    ['computed', 'its weight is not a constant'], ['up', 'ONNX Runtime has no 8-bit kernel for it'], ['matmul', 'its second operand is not a constant'],
  ])
  const old = await quantize({ calibrate: batches(1) }).apply(network(12))
  assert.equal(old.refusals.length, 5)
  assert.equal(old.refusals[0]!.reason, 'scales by channel need operator set 13 or newer, and the graph has 12')
})

test('int8 activations are refused unless forced', async () => {
  const options = { calibrate: batches(2), activationType: 'int8' } as const
  const { refusals, changes } = await quantize(options).apply(network())
  assert.equal(changes.length, 0)
  assert.equal(refusals.length, 5)
  assert.match(refusals[0]!.reason, /leaves additions, .+ in float32 on x86: take uint8, or force it$/)
  const forced = await quantize({ ...options, force: true }).apply(network())
  assert.equal(forced.refusals.length, 0)
  assert.ok((await compare(network(), forced.graph, { x: noise(image, 99) })).relative < 0.05)
})

test('options and calibration data that cannot be are told before anything is done', async () => {
  assert.throws(() => quantize({} as Parameters<typeof quantize>[0]), /calibrate takes some batches of inputs, or a data set/)
  assert.throws(() => quantize({ calibrate: [], activationType: 'int4' as 'int8' }), /activationType is 'uint8' or 'int8', not 'int4'/)
  assert.throws(() => quantize({ calibrate: [], batch: 0 }), /batch is a whole number/)
  assert.throws(() => quantize({ calibrate: [], range: 'median' as 'average' }), /range is 'average' or 'extremes' or 'percentile' or 'entropy' or 'mse', not 'median'/)
  await assert.rejects(quantize({ calibrate: [] }).apply(network()), /^Error: calibration: there is no data$/)
  await assert.rejects(quantize({ calibrate: batches(1), exclude: ['conv9'] }).apply(network()), /there is no layer "conv9" with a weight; there are conv1, /)
  await assert.rejects(quantize({ calibrate: [{ plate: noise(image), mask: noise(image) }] }).apply(network()), /the input "x" is missing: "x" is wanted, and there is "plate", "mask"$/)
  await assert.rejects(quantize({ calibrate: batches(1)[0] as unknown as [] }).apply(network()), /^TypeError: calibration: a data set is wanted, or a list of batches: \[data\.batch\(100\)\] for one of them$/)
  const broken = [{ x: Tensor.float32(image, noise(image).toFloat32().map((v, i) => (i === 7 ? Infinity : v))) }]
  const spoilt = batches(2)
  ;(spoilt[1]!.x.data as Float32Array)[7] = NaN
  await assert.rejects(quantize({ calibrate: spoilt }).apply(network()), /^Error: calibration: "x" holds NaN in batch 2$/)
  await assert.rejects(quantize({ calibrate: broken }).apply(network()), /^Error: calibration: "x" took the value Infinity, which has no place on a scale/)
})

test('dynamic quantization takes products, and refuses convolutions unless forced', async () => {
  const graph = network()
  const result = await quantizeDynamic().apply(graph)
  assert.deepEqual(result.changes.map(({ node }) => node), ['fc'])
  assert.equal(result.refusals.length, 4)
  assert.match(result.refusals[0]!.reason, /ConvInteger is slower than its float32 convolution: calibrate \(quantize\), or force it$/)
  assert.ok((await runtimeOperators(result.graph)).includes('DynamicQuantizeMatMul'))
  const forced = await quantizeDynamic({ force: true }).apply(graph)
  assert.equal(forced.refusals.length, 0)
  assert.equal(types(forced.graph).filter((type) => type === 'ConvInteger').length, 4)
  const weights = forced.graph.initializers.filter(({ name }) => name.endsWith('_int8'))
  assert.deepEqual(weights.map(({ dtype }) => dtype), Array(5).fill('int8'))
  for (const { graph: small } of [result, forced]) {
    const { relative } = await compare(graph, small, { x: noise(image, 99) })
    assert.ok(relative > 0 && relative < 0.05, `the outputs moved by ${relative}`)
  }
})

test('dynamic quantization of one-dimensional convolutions, batched products and transposed weights', async () => {
  const shape = [2, 4, 20]
  const net = new Net(13)
  const y = net.conv(net.input(shape), 'conv', 6, { kernel: [3], pads: [1, 1] })
  const graph = net.output(net.builder.matmul(net.relu(y, 'relu'), net.parameter('w', [20, 7])))
  const { graph: small } = await quantizeDynamic({ force: true }).apply(graph)
  assert.ok((await compare(graph, small, { x: noise(shape) })).relative < 0.05)
})

test('integers count as the parameters that they stand for, none of them trainable, also in a file that is read again', async () => {
  const model = nn.build(nn.sequential(nn.conv2d(3, 8, 3), nn.relu(), nn.flatten(), nn.linear(8 * 36, 5)), { x: [1, 3, 8, 8] })
  for (const pass of [quantize({ calibrate: batches(2, [1, 3, 8, 8]) }), quantizeDynamic({ force: true })]) {
    const { graph } = await pass.apply(model.graph)
    const { parameters, trainable } = new nn.Model(decodeModel(encodeModel(graph)))
    assert.deepEqual([parameters, trainable], [model.parameters, 0])
  }
})
