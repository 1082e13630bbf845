import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { mnist } from '../../../lib/data/index.ts'
import type { Graph } from '../../../lib/graph/graph.ts'
import { decodeModel, encodeModel } from '../../../lib/graph/onnx.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { cost } from '../../../lib/measure/cost.ts'
import { accuracy } from '../../../lib/measure/accuracy.ts'
import { sizes } from '../../../lib/measure/size.ts'
import { build } from '../../../lib/nn/build.ts'
import { conv2d, flatten, linear, maxPool2d, relu, sequential } from '../../../lib/nn/layers.ts'
import { Model } from '../../../lib/nn/model.ts'
import { binarize, compare, foldConstants, packWeights, pipeline, pruneL1, quantizeAware, ternarize, toIntegers, type Pass } from '../../../lib/passes/index.ts'
import { fit } from '../../../lib/train/index.ts'
import { Net, noise, types } from './networks.ts'

/** Two convolutions of 9 x 16 and 16 x 32 kernels, and a linear layer. */
function network(): Graph {
  const net = new Net()
  const y = net.relu(net.conv(net.conv(net.input([2, 9, 8, 8]), 'a', 16), 'b', 32), 'act')
  return net.output(net.linear(net.builder.op('Flatten', [net.builder.op('GlobalAveragePool', [y])]), 'fc', 20))
}

const feeds = { x: noise([2, 9, 8, 8]) }
const folded = (pass: Pass) => pipeline([pass, foldConstants({ limit: Infinity })])
const weights = (graph: Graph, name: string) => graph.initializers.find((value) => value.name.startsWith(name) && value.initializer!.shape.length > 1)!.initializer!

test('ternary weights are those of the paper: zero up to 0.7 of the mean, the mean of the others beyond', async () => {
  const before = weights(network(), 'a.weight').toNumbers().slice(0, 81)
  const after = weights((await folded(ternarize()).apply(network())).graph, 'a').toNumbers().slice(0, 81)
  const delta = 0.7 * before.reduce((sum, w) => sum + Math.abs(w), 0) / 81
  const beyond = before.filter((w) => Math.abs(w) > delta)
  const alpha = beyond.reduce((sum, w) => sum + Math.abs(w), 0) / beyond.length
  before.forEach((w, i) => assert.ok(Math.abs(after[i]! - (Math.abs(w) > delta ? Math.sign(w) * alpha : 0)) < 1e-6))
})

test('ternary, binary and sparse weights are stored in 2 bits, 1 bit, and a mask with numbers; the file computes the same, and unpacks to the same', async () => {
  for (const [pass, bits] of [[folded(ternarize()), 2], [folded(binarize()), 1], [pruneL1({ amount: 0.9 }), 4.5]] as const) {
    const { graph } = await pass.apply(network())
    const { graph: packed, changes } = await packWeights().apply(graph)
    assert.equal(changes.length, 3)
    assert.equal((await compare(graph, packed, feeds)).largest, 0)
    const stored = packed.initializers.reduce((sum, { name, initializer }) => sum + (/_(bits|scale|numbers)$/.test(name) ? initializer!.bytes.length : 0), 0)
    const elements = 9 * 9 * 16 + 16 * 9 * 32 + 32 * 20
    assert.ok(stored < (elements * bits) / 8 + 400, `${stored} bytes for ${elements} weights`)
    const { graph: unpacked } = await foldConstants({ limit: Infinity }).apply(packed)
    assert.deepEqual(types(unpacked), types(graph))
    const second = (it: Graph) => it.initializers.find(({ shape }) => String(shape) === '32,16,3,3')!.initializer!.toNumbers().map((w) => w + 0)
    assert.deepEqual(second(unpacked), second(graph))
  }
})

test('packed weights, and those that are folded, keep their names and count as the parameters that they stand for, also in a file that is read again', async () => {
  const model = new Model(network())
  for (const pass of [ternarize(), binarize(), pruneL1({ amount: 0.9 })]) {
    const narrow = await model.apply(folded(pass))
    assert.equal(narrow.parameters, model.parameters, pass.name)
    const packed = await narrow.apply(packWeights())
    assert.deepEqual(packed.changes.map(({ node }) => node), ['a.weight', 'b.weight', 'fc.weight'])
    assert.match(packed.changes[0]!.text, /^(\d bits? a weight|a bit mask and \d+ numbers), 5,184 bytes in [\d,]+$/)
    const read = new Model(decodeModel(encodeModel(packed.graph)))
    for (const it of [packed, read, await read.apply(foldConstants({ limit: Infinity }))]) {
      assert.equal(it.parameters, model.parameters, pass.name)
      assert.equal(cost(it).parameters, model.parameters, pass.name)
    }
    assert.ok(packed.trainable < 100)
    const names = (it: Graph) => it.initializers.map(({ name }) => name).toSorted()
    assert.deepEqual(names((await foldConstants({ limit: Infinity }).apply(packed.graph)).graph), names(narrow.graph))
    assert.ok(packed.graph.nodes('BitShift').every(({ name }) => /^(a|b|fc)\.weight\.bitshift$/.test(name)))
  }
})

test('packing is exact for any weights that have such a form', async () => {
  const levels = fc.constantFrom([-1, 1], [-1, 0, 1], [0, 0, 0, 0, 0, 0, 0.3, -7])
  await fc.assert(fc.asyncProperty(levels, fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 512, max: 1500 }), async (values, seed, size) => {
    const net = new Net()
    const weight = net.graph.parameter('w', Tensor.float32([1, size], Array.from({ length: size }, (_, i) => values[(i * seed * 7919) % 1009 % values.length]!)))
    const graph = net.output(net.builder.mul(net.input([1, size]), weight))
    const { graph: packed } = await packWeights().apply(graph)
    assert.equal((await compare(graph, packed, { x: noise([1, size]) })).largest, 0)
  }), { numRuns: 20 })
})

test('weights that take all their bits stay, and say so', async () => {
  const { changes, refusals } = await packWeights().apply(network())
  assert.equal(changes.length, 0)
  assert.deepEqual([...new Set(refusals.map(({ reason }) => reason))], ['its numbers take all their bits'])
})

test('a network trained with 8 bits, ternary or binary weights reads digits as well as in float32, from a file of the size it claims', async () => {
  const [train, exam] = [(await mnist()).take(1500), (await mnist({ train: false })).take(1000)]
  const start = build(sequential({
    conv1: conv2d(1, 8, 5, { padding: 2 }), relu1: relu(), pool1: maxPool2d(2), conv2: conv2d(8, 16, 5, { padding: 2 }), relu2: relu(), pool2: maxPool2d(2), flat: flatten(), fc: linear(16 * 49, 10),
  }), { x: ['N', 1, 28, 28] }, { name: 'digits', output: 'logits', seed: 1 })
  const trained = async (model: Model, epochs: number) => (await fit(model, train, { epochs, batchSize: 50, optimizer: 'adam', seed: 1 })).model
  const plain = await trained(start, 3)
  const float32 = (await accuracy(plain, exam)).value
  const ends = { exclude: ['conv1'] }
  for (const [pass, finish, share] of [
    [quantizeAware({ calibrate: train.take(100), batch: 50 }), toIntegers(), 0.4],
    [ternarize(ends), pipeline([foldConstants({ limit: Infinity }), packWeights()]), 0.25],
    [binarize(ends), pipeline([foldConstants({ limit: Infinity }), packWeights()]), 0.2],
  ] as const) {
    const tuned = await trained(await plain.apply(pass), 1)
    const finished = await tuned.apply(finish)
    const [before, after] = [(await accuracy(tuned, exam)).value, (await accuracy(finished, exam)).value]
    assert.ok(Math.abs(after - before) <= 0.005, `${pass.name}: ${before} in training, ${after} stored`)
    assert.ok(after > float32 - 0.03, `${pass.name}: ${after}, float32 ${float32}`)
    assert.ok(encodeModel(finished.graph).length < share * (await sizes(plain)).dense, `${pass.name}: ${encodeModel(finished.graph).length} bytes`)
  }
})

for (const opset of [11, 13, 17])
  test(`few bits run in a file of operator set ${opset}, whose reductions are written otherwise`, async () => {
    const net = new Net(opset)
    const graph = net.output(net.conv(net.input([1, 2, 5, 5]), 'a', 3))
    for (const pass of [ternarize(), binarize()]) assert.ok((await compare((await pass.apply(graph)).graph, (await folded(pass).apply(graph)).graph, { x: noise([1, 2, 5, 5]) })).largest < 1e-5)
    const { changes, refusals } = await quantizeAware({ calibrate: [{ x: noise([1, 2, 5, 5]) }] }).apply(graph)
    assert.equal(changes.length > 0, opset >= 13)
    assert.equal(refusals.some(({ reason }) => reason.includes('operator set 13')), opset < 13)
  })
