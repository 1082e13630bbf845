import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { pruneBlocks, pruneColumns, pruneL1, pruneRandom } from '../../../lib/passes/index.ts'
import { Net, noise, types } from './networks.ts'

const weightOf = (net: { graph: Net['graph'] }, name: string) => net.graph.initializers.find((value) => value.name === name)!

function convolution(weights: readonly number[]) {
  const net = new Net()
  net.output(net.conv(net.input([1, 1, 4, 4]), 'conv', 1, { kernel: [1, weights.length], bias: false }))
  weightOf(net, 'conv.weight').initializer = Tensor.float32([1, 1, 1, weights.length], weights)
  return net.graph
}

async function pruned(weights: readonly number[], amount: number): Promise<readonly number[]> {
  const { graph } = await pruneL1({ amount }).apply(convolution(weights))
  return weightOf({ graph }, 'conv.weight').initializer!.toNumbers()
}

test('the smallest magnitudes become zero, as many as torch.nn.utils.prune.l1_unstructured takes', async () => {
  assert.deepEqual(await pruned([3, -1, 2, -4], 0.5), [3, 0, 0, -4])
  assert.deepEqual(await pruned([3, -1, 2, -4], 0), [3, -1, 2, -4])
  // Python's round(0.5), round(1.5) and round(2.5) are 0, 2 and 2
  assert.deepEqual(await pruned([1, 2], 0.25), [1, 2])
  assert.deepEqual(await pruned([1, 2, 3], 0.5), [0, 0, 3])
  assert.deepEqual(await pruned([1, 2, 3, 4], 0.625), [0, 0, 3, 4])
  assert.deepEqual(await pruned([1, -1, 1, 1], 0.5), [0, 0, 1, 1])
})

test('a layer of which nothing would be left stays as it is, and the refusal names it', async () => {
  for (const pass of [pruneL1({ amount: 1 }), pruneRandom({ amount: 1 }), pruneBlocks({ amount: 1 }), pruneColumns({ amount: 1 })]) {
    const { graph, changes, refusals } = await pass.apply(convolution([3, -1, 2, -4]))
    assert.deepEqual(weightOf({ graph }, 'conv.weight').initializer!.toNumbers(), [3, -1, 2, -4])
    assert.deepEqual([changes.length, refusals[0]!.node], [0, 'conv'], pass.name)
    assert.match(refusals[0]!.reason, /would be left: prune less of it$/)
  }
})

test('no weight that stays is smaller than one that went', async () => {
  await fc.assert(fc.asyncProperty(fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 4 }), fc.double({ min: 0, max: 1, noNaN: true }), async (weights, amount) => {
    const result = await pruned(weights, amount)
    const gone = weights.filter((_, i) => result[i] === 0).map(Math.abs)
    const stayed = weights.filter((_, i) => result[i] !== 0).map(Math.abs)
    assert.ok(Math.max(0, ...gone) <= Math.min(Infinity, ...stayed))
    assert.ok(result.every((w, i) => w === 0 || w === Math.fround(weights[i]!)))
  }), { numRuns: 50 })
})

test('each layer is pruned by itself, biases stay, and the changes count', async () => {
  const net = new Net()
  const flat = net.builder.op('Flatten', [net.conv(net.input([1, 2, 6, 6]), 'conv', 10)])
  net.output(net.builder.matmul(net.linear(flat, 'fc', 20), net.parameter('head', [20, 5])))
  const { graph, changes } = await pruneL1({ amount: 0.2 }).apply(net.graph)
  assert.deepEqual(changes.map(({ node, text }) => [node, text]), [
    ['conv', '36 of 180 weights set to zero'], ['fc', '640 of 3,200 weights set to zero'], ['matmul', '20 of 100 weights set to zero'],
  ])
  const zeros = (name: string) => weightOf({ graph }, name).initializer!.toNumbers().filter((w) => w === 0).length
  assert.deepEqual(['conv.weight', 'fc.weight', 'head', 'conv.bias', 'fc.bias'].map(zeros), [36, 640, 20, 0, 0])
  assert.deepEqual(graph.parameters.length, 5)
  assert.equal(weightOf(net, 'conv.weight').initializer!.toNumbers().includes(0), false, 'the given graph keeps its weights')
})

test('layers are chosen by name, and an unknown name is told', async () => {
  const net = new Net()
  net.output(net.conv(net.conv(net.input([1, 2, 8, 8]), 'a', 2), 'b', 2))
  const touched = async (options: object) => (await pruneL1({ amount: 0.5, ...options }).apply(net.graph)).changes.map(({ node }) => node)
  assert.deepEqual(await touched({ include: ['a'] }), ['a'])
  assert.deepEqual(await touched({ exclude: ['a'] }), ['b'])
  await assert.rejects(touched({ include: ['c'] }), /^Error: prune-l1: there is no layer "c" with a weight; there are a, b$/)
})

test('a weight that two layers share is pruned once; one that is read otherwise is copied', async () => {
  const net = new Net()
  const x = net.input([1, 2, 8, 8])
  const weight = net.parameter('shared', [2, 2, 3, 3])
  net.output(net.conv(net.conv(x, 'a', 2, { weight }), 'b', 2, { weight }))
  const together = await pruneL1({ amount: 0.5 }).apply(net.graph)
  assert.equal(together.changes.length, 2)
  assert.equal(weightOf(together, 'shared').initializer!.toNumbers().filter((w) => w === 0).length, 18)
  const alone = await pruneL1({ amount: 0.5, include: ['a'] }).apply(net.graph)
  assert.deepEqual(alone.graph.parameters.map(({ name }) => name).filter((name) => name.startsWith('shared')), ['shared', 'shared_2'])
  assert.equal(weightOf(alone, 'shared').initializer!.toNumbers().includes(0), false)
})

test('computed weights and amounts that are no share are refused', async () => {
  const net = new Net()
  net.output(net.conv(net.input([1, 2, 8, 8]), 'conv', 2, { weight: net.builder.op('Neg', [net.parameter('w', [2, 2, 3, 3])]) }))
  const { refusals, graph } = await pruneL1({ amount: 0.5 }).apply(net.graph)
  assert.equal(refusals[0]!.reason, 'its weight "neg_out" is not a constant')
  assert.deepEqual(types(graph), ['Neg', 'Conv'])
  for (const amount of [-0.1, 1.5, NaN, '0.2' as unknown as number]) assert.throws(() => pruneL1({ amount }), /^RangeError: pruneL1: amount is a share from 0 to 1, not /)
  assert.equal((await pruneL1({ amount: 0.5 }).apply(convolution(noise([4]).toNumbers()))).refusals.length, 0)
})
