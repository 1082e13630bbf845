import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { Dataset } from '../../../lib/data/dataset.ts'
import type { Graph } from '../../../lib/graph/graph.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { Model } from '../../../lib/nn/model.ts'
import { compare, foldConstants, gradually, holdZeros, pipeline, pruneBlocks, pruneColumns, pruneL1, pruneNofM, pruneRandom, quantize, quantizeAware, toIntegers } from '../../../lib/passes/index.ts'
import { fit } from '../../../lib/train/index.ts'
import { Net, types } from './networks.ts'

const weightOf = (graph: Graph, name: string) => graph.initializers.find((value) => value.name === name)!.initializer!
const zerosIn = (graph: Graph, name: string) => weightOf(graph, name).toNumbers().filter((w) => w === 0).length

/** A convolution of 4 channels by 8, and a product of 32 by 5. */
function network(): Graph {
  const net = new Net()
  const y = net.relu(net.conv(net.input([2, 4, 4, 4]), 'conv', 8, { pads: [1, 1, 1, 1] }), 'act')
  const means = net.builder.op('Flatten', [net.builder.op('GlobalAveragePool', [y])])
  return net.output(net.linear(means, 'fc', 5))
}

test('across layers the smallest weights go wherever they are', async () => {
  const graph = network()
  const conv = graph.initializers.find(({ name }) => name === 'conv.weight')!
  conv.initializer = Tensor.float32(conv.initializer!.shape, conv.initializer!.toFloat32().map((w) => w * 100))
  const { graph: pruned } = await pruneL1({ amount: 0.1, scope: 'global' }).apply(graph)
  assert.equal(zerosIn(pruned, 'conv.weight') + zerosIn(pruned, 'fc.weight'), Math.round(0.1 * (288 + 40)))
  assert.ok(zerosIn(pruned, 'fc.weight') > 25)
})

test('by chance: as many, others for another seed, the same for the same', async () => {
  const drawn = await Promise.all([3, 3, 4].map(async (seed) => (await pruneRandom({ amount: 0.5, seed }).apply(network())).graph))
  assert.deepEqual(drawn.map((graph) => zerosIn(graph, 'conv.weight')), [144, 144, 144])
  assert.deepEqual(weightOf(drawn[0]!, 'conv.weight').bytes, weightOf(drawn[1]!, 'conv.weight').bytes)
  assert.notDeepEqual(weightOf(drawn[0]!, 'conv.weight').bytes, weightOf(drawn[2]!, 'conv.weight').bytes)
})

test('2:4 leaves the two largest of every four neighbouring channels', async () => {
  const { graph, changes } = await pruneNofM().apply(network())
  const [before, after] = [network(), graph].map((it) => weightOf(it, 'conv.weight').toNumbers())
  for (let o = 0; o < 8; o++) {
    for (let k = 0; k < 9; k++) {
      const places = [0, 1, 2, 3].map((c) => (o * 4 + c) * 9 + k)
      const kept = places.filter((i) => after![i] !== 0)
      assert.equal(kept.length, 2)
      const smallestKept = Math.min(...kept.map((i) => Math.abs(before![i]!)))
      assert.ok(places.every((i) => kept.includes(i) || Math.abs(before![i]!) <= smallestKept))
    }
  }
  assert.deepEqual(changes.map(({ text }) => text), ['144 of 288 weights set to zero', '20 of 40 weights set to zero'])
  const { refusals } = await pruneNofM({ n: 1, m: 5 }).apply(network())
  assert.deepEqual(refusals.map(({ reason }) => reason), ['its 4 input channels are not groups of 5', 'its 8 input channels are not groups of 5'])
})

test('blocks go whole', async () => {
  await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), fc.double({ min: 0, max: 1, noNaN: true }), async (rows, columns, amount) => {
    const { graph } = await pruneBlocks({ amount, block: [rows, columns], include: ['fc'] }).apply(network())
    const weights = weightOf(graph, 'fc.weight').toNumbers()
    const blocks = new Map<string, number[]>()
    weights.forEach((w, i) => {
      const key = `${Math.floor(Math.floor(i / 8) / rows)},${Math.floor((i % 8) / columns)}`
      blocks.set(key, [...(blocks.get(key) ?? []), w])
    })
    const gone = [...blocks.values()].filter((block) => block.every((w) => w === 0)).length
    assert.equal(weights.filter((w) => w === 0).length, [...blocks.values()].filter((block) => block.every((w) => w === 0)).flat().length)
    assert.ok(Math.abs(gone - amount * blocks.size) <= 0.5 || (gone === 0 && (1 - amount) * blocks.size <= 0.5))
  }), { numRuns: 30 })
})

test('zeros stay zeros while the network learns, and are folded into the weights after', async () => {
  const pruned = await new Model(network()).apply(pipeline([pruneL1({ amount: 0.5 }), holdZeros()]))
  const data = Dataset.of({ name: 'noise', source: 'the test', complete: true, inputs: { x: Tensor.float32([8, 4, 4, 4], Array.from({ length: 512 }, (_, i) => Math.sin(i * i))) }, labels: [0, 1, 2, 3, 4, 0, 1, 2], correct: (_, labels) => labels.map(() => true) })
  const run = await fit(pruned, data, { epochs: 2, batchSize: 2, optimizer: 'adam' })
  const trained = await run.model.apply(foldConstants())
  const moved = trained.graph.initializers.map(({ initializer }) => initializer!).filter(({ shape }) => shape.length > 1)
  assert.deepEqual(types(trained.graph), ['Conv', 'Relu', 'GlobalAveragePool', 'Flatten', 'Gemm'])
  assert.deepEqual(moved.map((tensor) => tensor.toNumbers().filter((w) => w === 0).length).toSorted(), [144, 20])
  assert.notDeepEqual(moved.find(({ size }) => size === 288)!.bytes, weightOf(pruned.graph, 'conv.weight').bytes)
})

test('held zeros stay zeros through quantization-aware training and in the integers after it; a static quantization merges the masks', async () => {
  const x = Tensor.float32([2, 4, 4, 4], Array.from({ length: 128 }, (_, i) => Math.sin(i * i)))
  const net = new Model(network())
  for (const prune of [pruneL1({ amount: 0.5 }), pruneColumns({ amount: 0.5 })]) {
    const pruned = await net.apply(prune)
    const held = await pruned.apply(holdZeros())
    const aware = await held.apply(quantizeAware({ calibrate: [{ x }] }))
    assert.deepEqual([aware.refusals.length, types(aware.graph).filter((type) => type === 'Mul').length], [0, 2])
    const zeros = (graph: Graph) => graph.initializers.flatMap(({ initializer }) => (initializer!.dtype === 'int8' && initializer!.size > 40 ? [initializer!.toNumbers().filter((w) => w === 0).length] : []))
    for (const whole of [await aware.apply(toIntegers()), await held.apply(quantize({ calibrate: [{ x }] }))]) {
      assert.ok(whole.changes.some(({ text }) => text === 'its zeros are held no more: the mask is merged into it'))
      assert.ok(zeros(whole.graph).length === 1 && zeros(whole.graph)[0]! >= 144, `${zeros(whole.graph)}`)
      assert.ok((await compare(pruned.graph, whole.graph, { x })).relative < 0.05)
    }
  }
})

test('gradual amounts rise quickly, then slowly, to the whole', () => {
  const amounts = gradually(0.8, 4)
  assert.equal(amounts.at(-1), 0.8)
  assert.deepEqual(amounts.map((a) => a.toFixed(3)), ['0.463', '0.700', '0.788', '0.800'])
  assert.throws(() => gradually(1.2, 4), /shares from 0 to 1, not 1.2/)
})

test('patterns that make no sense are refused', () => {
  assert.throws(() => pruneNofM({ n: 4, m: 4 }), /n and m are whole numbers with 1 <= n < m, not 4 and 4/)
  assert.throws(() => pruneBlocks({ amount: 0.5, block: [0, 4] }), /block is two whole numbers from 1 on, not \[0,4\]/)
  assert.throws(() => pruneRandom({ amount: 2 }), /pruneRandom: amount is a share from 0 to 1, not 2/)
})
