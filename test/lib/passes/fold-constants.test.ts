import assert from 'node:assert/strict'
import { test } from 'node:test'
import { symbol } from '../../../lib/graph/dim.ts'
import { Graph } from '../../../lib/graph/graph.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { compare, foldConstants } from '../../../lib/passes/index.ts'
import { Net, noise, types } from './networks.ts'

test('a chain of constants becomes one initializer with the same result', async () => {
  const net = new Net()
  const x = net.input([2, 3])
  const scale = net.builder.exp(net.builder.transpose(net.builder.mul(net.parameter('a', [3, 2]), 0.5)))
  const graph = net.output(net.builder.mul(x, scale))
  const { graph: folded, changes, refusals } = await foldConstants().apply(graph)
  assert.deepEqual(types(folded), ['Mul'])
  assert.equal(folded.initializers.length, 1)
  assert.equal(changes.length, 3)
  assert.match(changes[0]!.text, /^computed from a, constant/)
  assert.equal(refusals.length, 0)
  assert.equal((await compare(graph, folded, { x: noise([2, 3]) })).largest, 0)
})

test('shape arithmetic is folded where the dimensions are known, and left where they are symbols', async () => {
  const net = new Net()
  const x = net.graph.input('x', 'float32', [symbol('N'), 4, 6])
  const channels = net.builder.gather(net.builder.op('Shape', [x]), net.builder.int64([1]))
  const batch = net.builder.gather(net.builder.op('Shape', [x]), net.builder.int64([0]))
  const shape = net.builder.concat([batch, net.builder.mul(channels, 6)], 0)
  const graph = net.output(net.builder.reshape(x, shape))
  const { graph: folded, changes } = await foldConstants().apply(graph)
  assert.deepEqual(types(folded), ['Shape', 'Gather', 'Concat', 'Reshape'])
  assert.ok(changes.every(({ text }) => text === 'known from shapes'))
  for (const n of [1, 3]) assert.equal((await compare(graph, folded, { x: noise([n, 4, 6]) })).largest, 0)
})

test('arithmetic on sizes as fractions is computed, not guessed', async () => {
  const net = new Net()
  const x = net.input([7, 2])
  const rows = net.builder.cast(net.builder.gather(net.builder.op('Shape', [x]), net.builder.int64([0])), 'float32')
  const twice = net.builder.cast(net.builder.mul(net.builder.div(rows, 2), 2), 'int64')
  const graph = net.output(net.builder.op('Expand', [net.parameter('one', [1]), twice]))
  const { graph: folded } = await foldConstants().apply(graph)
  assert.deepEqual(folded.outputs[0]!.shape, [7])
})

test('Constant nodes become initializers; a constant output keeps its name, and folding again finds nothing', async () => {
  const graph = new Graph()
  const constant = graph.add('Constant', [], { value: noise([2]) }, { outputs: ['c'], types: [{ dtype: 'float32', shape: [2] }] }).output
  graph.addOutput(constant)
  const once = await foldConstants().apply(graph)
  assert.deepEqual(types(once.graph), ['Identity'])
  assert.equal(once.graph.outputs[0]!.name, 'c')
  assert.equal((await compare(graph, once.graph, {})).largest, 0)
  assert.equal((await foldConstants().apply(once.graph)).changes.length, 0)
})

test('a value that a subgraph captures is folded there too', async () => {
  const net = new Net()
  const condition = net.graph.input('condition', 'bool', [])
  const doubled = net.builder.add(net.parameter('a', [2]), net.parameter('b', [2]))
  const branch = (name: string, type: string) => {
    const graph = new Graph(name, net.graph)
    graph.addOutput(graph.add(type, [doubled]).output)
    return graph
  }
  const graph = net.output(net.graph.add('If', [condition], { then_branch: branch('then', 'Neg'), else_branch: branch('else', 'Abs') }, { types: [doubled] }).output)
  const { graph: folded } = await foldConstants().apply(graph)
  assert.deepEqual(types(folded), ['If'])
  for (const value of [0, 1]) assert.equal((await compare(graph, folded, { condition: Tensor.of('bool', [], [value]) })).largest, 0)
})

test('results that would swell the file, random numbers and unknown operators are refused with the reason', async () => {
  const net = new Net()
  const big = net.builder.op('ConstantOfShape', [net.builder.int64([1024, 1024])])
  const dice = net.graph.add('RandomNormal', [], { shape: [2] }, { name: 'dice', types: [{ dtype: 'float32', shape: [2] }] }).output
  const own = net.graph.add('Secret', [net.parameter('a', [2])], {}, { domain: 'custom', name: 'secret', types: [{ dtype: 'float32', shape: [2] }] }).output
  for (const [i, value] of [big, dice, own].entries()) net.output(value, `y${i}`)
  const { graph, refusals } = await foldConstants().apply(net.graph)
  assert.deepEqual(types(graph), ['ConstantOfShape', 'RandomNormal', 'Secret'])
  assert.deepEqual(refusals.map(({ reason }) => reason), [
    'its result would take 4194304 bytes, more than the limit of 1048576', 'it draws random numbers',
    'hone does not know custom.Secret, nor whether it always gives the same result',
  ])
  assert.deepEqual(types((await foldConstants({ limit: 2 ** 23 }).apply(net.graph)).graph).toSorted(), ['Identity', 'RandomNormal', 'Secret'])
  assert.throws(() => foldConstants({ limit: -1 }), /^RangeError: foldConstants: limit/)
})

test('what ONNX Runtime has no kernel for is refused, and the rest is folded', async () => {
  const net = new Net()
  const strange = net.builder.op('Sigmoid', [net.builder.tensor(Tensor.of('bfloat16', [2], [1, 2]))], {}, { name: 'strange' })
  const fine = net.builder.exp(net.parameter('a', [2]))
  net.output(strange, 's')
  net.output(net.builder.add(fine, net.input([2])))
  const { graph, refusals } = await foldConstants().apply(net.graph)
  assert.deepEqual(types(graph).toSorted(), ['Add', 'Sigmoid'])
  assert.match(refusals[0]!.reason, /^ONNX Runtime cannot compute it: /)
})

test('a chain of a thousand constants is one run', async () => {
  const net = new Net()
  let value = net.builder.tensor(Tensor.float32([4], [1, 2, 3, 4]), 'start')
  for (let i = 0; i < 1000; i++) value = net.builder.mul(value, 1.001)
  const { graph, changes } = await foldConstants().apply(net.output(net.builder.add(net.input([4]), value)))
  assert.deepEqual([changes.length, types(graph)], [1000, ['Add']])
  assert.ok(graph.initializers.length === 1, 'what only the others read is not stored')
})

test('the largest int64, with which exporters say "to the end", is folded as it is, and not as the smallest', async () => {
  const net = new Net()
  const x = net.input([3, 4])
  const last = net.builder.tensor(Tensor.of('int64', [], [2n ** 63n - 1n]), 'last')
  const end = net.builder.unsqueeze(last, [0])
  // 2^63 - 1 - (2^63 - 4), which JavaScript's numbers hold as 0
  const rows = net.builder.sub(end, net.builder.tensor(Tensor.of('int64', [1], [2n ** 63n - 4n]), 'before'))
  net.output(net.builder.op('Slice', [x, net.builder.int64([1]), end, net.builder.int64([1]), net.builder.int64([2])]))
  net.output(net.builder.op('Slice', [x, net.builder.int64([0]), rows, net.builder.int64([0])]), 'rows')
  const { graph } = await foldConstants().apply(net.graph)
  assert.deepEqual(types(graph), ['Slice', 'Slice'])
  const outputs = await compare(net.graph, graph, { x: noise([3, 4]) })
  assert.equal(outputs.largest, 0)
  assert.deepEqual(graph.outputs.map(({ shape }) => shape), [[3, 2], [3, 4]])
  assert.throws(() => Tensor.of('int64', [1], [2 ** 63]), /^RangeError: 9223372036854775808 is outside the numbers of int64$/)
})
