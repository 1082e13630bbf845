import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { Graph } from '../../../lib/graph/graph.ts'
import { encodeModel } from '../../../lib/graph/onnx.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { compare, correctBias, equalize, halfPrecision, quantize } from '../../../lib/passes/index.ts'
import { Histogram } from '../../../lib/passes/histogram.ts'
import { Net, noise, types } from './networks.ts'

const image = [2, 4, 9, 8]
const feeds = { x: noise(image) }
const stored = (graph: Graph, name: string) => graph.initializers.find((value) => value.name === name)!

function network(): Graph {
  const net = new Net()
  const hidden = net.builder.op('MaxPool', [net.relu(net.conv(net.input(image), 'a', 6), 'act')], { kernel_shape: [2, 2] })
  return net.output(net.linear(net.builder.op('Flatten', [net.builder.op('GlobalAveragePool', [net.conv(hidden, 'b', 8)])]), 'fc', 5))
}

test('a range that is cut leaves out what is rare: far outliers, not the bulk', () => {
  const numbers = Float32Array.from({ length: 100_000 }, (_, i) => Math.sin(i) + Math.cos(1.7 * i))
  const histogram = new Histogram([-40, 40])
  for (let i = 0; i < 20; i++) histogram.add(numbers)
  histogram.add(Float32Array.of(-40, 40))
  for (const method of ['percentile', 'entropy', 'mse'] as const) {
    const [low, high] = histogram.cut(method)
    assert.ok(low > -12 && high < 12 && low < -1.7 && high > 1.7, `${method}: ${low} to ${high}`)
  }
})

test('zeros behind a ReLU, however many, cut off nothing of the rest, nor do a handful of numbers each other', () => {
  const positive = Float32Array.from({ length: 20_000 }, (_, i) => Math.max(0, Math.sin(i) + Math.cos(1.7 * i) + Math.sin(0.3 * i)))
  for (const numbers of [positive, Float32Array.of(1, 2, 3, 4)]) {
    const most = numbers.reduce((a, b) => Math.max(a, b))
    for (const method of ['percentile', 'entropy', 'mse'] as const) {
      const histogram = new Histogram([0, most])
      histogram.add(numbers)
      const [low, high] = histogram.cut(method)
      assert.ok(low === 0 && high > 0.9 * most, `${method}: ${low} to ${high} of ${most}`)
    }
  }
})

test('whatever the numbers, 0 lies in the range, and the range in what was seen', () => {
  fc.assert(fc.property(fc.array(fc.float({ min: -100, max: 100, noNaN: true }), { minLength: 1, maxLength: 50 }), fc.constantFrom('percentile', 'entropy', 'mse'), (numbers, method) => {
    const [low, high] = [Math.min(...numbers), Math.max(...numbers)]
    const histogram = new Histogram([low, high])
    histogram.add(Float32Array.from(numbers))
    const [from, to] = histogram.cut(method)
    assert.ok(from <= 0 && to >= 0 && from >= Math.min(low, 0) - 1e-9 && to <= Math.max(high, 0) + 1e-9)
  }))
})

test('each way to find a range quantizes a network; those that cut read the data twice', async () => {
  const graph = network()
  const calibrate = Array.from({ length: 8 }, (_, i) => ({ x: noise(image, i + 2) }))
  const error = async (range: 'average' | 'extremes' | 'percentile' | 'entropy' | 'mse') => (await compare(graph, (await quantize({ calibrate, range }).apply(graph)).graph, feeds)).outputs[0]!.relative
  for (const range of ['average', 'extremes', 'percentile', 'entropy', 'mse'] as const) assert.ok((await error(range)) < 0.1, `${range}: ${await error(range)}`)
  await assert.rejects(quantize({ calibrate: calibrate.values(), range: 'mse' }).apply(graph), /gave 8 batches at first, then 0: mse reads them twice, so give a list or a data set/)
})

test('equalized layers compute the same, with channels of like magnitude', async () => {
  const graph = network()
  const weight = stored(graph, 'a.weight')
  weight.initializer = Tensor.float32(weight.initializer!.shape, weight.initializer!.toFloat32().map((w, i) => w * 10 ** (Math.floor(i / 36) - 3)))
  const { graph: equal, changes, refusals } = await equalize().apply(graph)
  const { outputs } = await compare(graph, equal, feeds)
  assert.ok(outputs[0]!.relative < 1e-5)
  assert.deepEqual(changes.map(({ node }) => node), ['b'])
  assert.match(refusals.map(({ node, reason }) => `${node}: ${reason}`).join('\n'), /a: its input is the input "x"[^]*fc: flatten.* before it does not let a factor through/)
  const most = Array.from({ length: 6 }, (_, c) => Math.max(...stored(equal, 'a.weight').initializer!.take(0, [c]).toNumbers().map(Math.abs)))
  assert.ok(Math.max(...most) / Math.min(...most) < 2000, 'before they were 100,000 apart')
})

test('biases make up for what rounded weights shift', async () => {
  const graph = network()
  const rough = graph.copy()
  for (const name of ['a.weight', 'b.weight', 'fc.weight']) {
    const value = stored(rough, name)
    value.initializer = Tensor.float32(value.initializer!.shape, value.initializer!.toFloat32().map((w) => Math.floor(w * 3) / 3))
  }
  const calibrate = Array.from({ length: 6 }, (_, i) => ({ x: noise(image, i + 2) }))
  const { graph: corrected, changes } = await correctBias({ reference: graph, calibrate }).apply(rough)
  assert.equal(changes.length, 3)
  const [before, after] = await Promise.all([rough, corrected].map(async (it) => (await compare(graph, it, feeds)).outputs[0]!.relative))
  assert.ok(after! < before! / 3, `${before} became ${after}`)
})

test('half precision: weights in 16 bits, the same outputs nearly, delicate operators and chosen layers in float32', async () => {
  const graph = network()
  const { graph: half, changes } = await halfPrecision({ keep: /^fc/, device: 'cuda' }).apply(graph)
  assert.deepEqual([stored(half, 'a.weight').dtype, stored(half, 'b.bias').dtype, stored(half, 'fc.weight').dtype], ['float16', 'float16', 'float32'])
  assert.ok(changes.some(({ text }) => text === 'computes in float16'))
  assert.ok((await compare(graph, half, feeds)).outputs[0]!.relative < 0.01)
  assert.equal(half.outputs[0]!.dtype, 'float32')
})

test('on a device without fast kernels for the type the layers are refused, and only stored in it: half the size, and a network that runs', async () => {
  const graph = network()
  for (const options of [{}, { dtype: 'bfloat16' }, { dtype: 'bfloat16', device: 'webgpu' }] as const) {
    const { dtype = 'float16', device = 'cpu' }: { dtype?: string; device?: string } = options
    const { graph: half, changes, refusals } = await halfPrecision({ keep: /^fc/, ...options }).apply(graph)
    assert.deepEqual(refusals.map(({ node, reason }) => [node, reason]), ['a', 'b'].map((node) => [node, `ONNX Runtime has no fast ${dtype} kernel for it on ${device}: its weights are stored so, and it computes in float32`]))
    assert.deepEqual([...new Set(changes.map(({ text }) => text))], [`stored in ${dtype}`])
    assert.deepEqual([stored(half, 'a.weight').dtype, stored(half, 'fc.weight').dtype], [dtype, 'float32'])
    assert.ok((await compare(graph, half, feeds)).outputs[0]!.relative < (dtype === 'float16' ? 0.001 : 0.01))
  }
  assert.throws(() => halfPrecision({ device: 'gpu' as 'cuda' }), /halfPrecision: device is 'cpu' or 'webgpu' or 'cuda' or 'tensorrt', not 'gpu'/)
})

test('stored in 16 bits alone, a network takes half the room and computes in float32', async () => {
  const net = new Net()
  const graph = net.output(net.linear(net.input([2, 300]), 'fc', 300))
  const { graph: half } = await halfPrecision({ storageOnly: true }).apply(graph)
  assert.deepEqual(types(half), ['Cast', 'Cast', 'Gemm'])
  assert.ok(encodeModel(half).length < 0.51 * encodeModel(graph).length)
  assert.ok((await compare(graph, half, { x: noise([2, 300]) })).outputs[0]!.relative < 1e-3)
  const large = net.graph.copy()
  stored(large, 'fc.bias').initializer = Tensor.float32([300], Array(300).fill(1e6))
  assert.match((await halfPrecision({ storageOnly: true }).apply(large)).refusals[0]!.reason, /it holds numbers beyond 65,504, which float16 has not/)
})

test('bfloat16 is written in the first operator set whose convolutions take it, and refused in a file far older', async () => {
  const made = await halfPrecision({ dtype: 'bfloat16', device: 'cuda' }).apply(network())
  assert.equal(made.graph.opsets.get(''), 22)
  const old = new Net(17)
  const refused = await halfPrecision({ dtype: 'bfloat16', device: 'cuda' }).apply(old.output(old.conv(old.input(image), 'a', 6)))
  assert.deepEqual(refused.changes.length, 0)
  assert.match(refused.refusals[0]!.reason, /operator set 22/)
})
