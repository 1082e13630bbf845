import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Graph } from '../../../lib/graph/graph.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { compare, foldBatchNorm } from '../../../lib/passes/index.ts'
import { Net, noise, types } from './networks.ts'

const image = [2, 4, 9, 8]
const feeds = { x: noise(image) }

async function folded(graph: Graph, expected: readonly string[]) {
  const result = await foldBatchNorm().apply(graph)
  assert.deepEqual(types(result.graph), expected)
  const { largest } = await compare(graph, result.graph, feeds)
  assert.ok(largest < 1e-5, `the outputs moved by ${largest}`)
  return result
}

test('a batch norm goes into the convolution before it, with and without bias; the weight stays trainable under its name', async () => {
  for (const bias of [true, false]) {
    const net = new Net()
    const graph = net.output(net.norm(net.conv(net.input(image), 'conv', 6, { bias }), 'bn'))
    const before = graph.copy()
    const { graph: after, changes } = await folded(graph, ['Conv'])
    assert.deepEqual([...changes], [{ pass: 'fold-batch-norm', node: 'bn', text: 'folded into conv' }])
    assert.deepEqual(after.parameters.map(({ name }) => name), ['conv.weight', 'conv.bias'])
    assert.deepEqual(after.outputs.map(({ name }) => name), ['y'])
    assert.deepEqual(types(graph), types(before), 'the given graph stays as it is')
    assert.equal(graph.parameters.length, before.parameters.length)
  }
})

test('grouped, depthwise and transposed convolutions and Gemm fold as well', async () => {
  for (const group of [2, 4]) {
    const net = new Net()
    await folded(net.output(net.norm(net.conv(net.input(image), 'conv', 8, { group, pads: [1, 1, 1, 1] }), 'bn')), ['Conv'])
  }
  for (const group of [1, 2]) {
    const net = new Net()
    const y = net.builder.op('ConvTranspose', [net.input(image), net.parameter('weight', [4, 6 / group, 3, 3])], { group, strides: [2, 2] }, { name: 'up' })
    await folded(net.output(net.norm(y, 'bn')), ['ConvTranspose'])
  }
  for (const transB of [0, 1]) {
    const net = new Net()
    const x = net.builder.op('Flatten', [net.input(image)])
    const y = net.builder.op('Gemm', [x, net.parameter('weight', transB ? [5, 288] : [288, 5]), net.parameter('bias', [1, 5])], { transB, alpha: 0.5, beta: 0.25 }, { name: 'fc' })
    await folded(net.output(net.norm(y, 'bn')), ['Flatten', 'Gemm'])
  }
})

test('convolutions that share a weight each get their own, and an unfolded one keeps what it had', async () => {
  const net = new Net()
  const x = net.input(image)
  const weight = net.parameter('shared', [4, 4, 3, 3])
  const pads = [1, 1, 1, 1]
  const [a, b, c] = ['a', 'b', 'c'].map((name) => net.conv(x, name, 4, { weight, pads }))
  const sum = net.builder.add(net.builder.add(net.norm(a!, 'bn_a'), net.norm(b!, 'bn_b')), c!)
  const { graph } = await folded(net.output(sum), ['Conv', 'Conv', 'Conv', 'Add', 'Add'])
  assert.equal(graph.parameters.filter(({ name }) => name.startsWith('shared')).length, 3)
})

test('a residual block folds, and its outputs keep their names', async () => {
  const net = new Net()
  const pads = [1, 1, 1, 1]
  const x = net.input(image)
  const inner = net.relu(net.norm(net.conv(x, 'conv1', 4, { pads }), 'bn1'), 'relu1')
  const graph = net.output(net.builder.add(net.norm(net.conv(inner, 'conv2', 4, { pads }), 'bn2'), x))
  await folded(graph, ['Conv', 'Relu', 'Conv', 'Add'])
})

test('what cannot be folded is refused with the reason, and nothing changes', async () => {
  const cases: [string, RegExp, (net: Net) => void][] = [
    ['its input is not a convolution', /^its input is the input "x", not a convolution$/, (net) => net.output(net.norm(net.input(image), 'bn'))],
    ['the convolution feeds another node', /^conv also feeds relu$/, (net) => {
      const y = net.conv(net.input(image), 'conv', 4)
      net.output(net.builder.add(net.norm(y, 'bn'), net.relu(y, 'relu')))
    }],
    ['the convolution is an output', /^conv also feeds the output "features"$/, (net) => {
      const y = net.conv(net.input(image), 'conv', 4)
      net.output(net.norm(y, 'bn'))
      net.output(y, 'features')
    }],
    ['a subgraph captures the convolution', /^conv also feeds inner$/, (net) => {
      const y = net.conv(net.input(image), 'conv', 4)
      const normed = net.norm(y, 'bn')
      const branch = (name: string) => {
        const graph = new Graph(name, net.graph)
        graph.addOutput(graph.add('Neg', [y], {}, { name: name === 'then' ? 'inner' : 'inner' }).output)
        return graph
      }
      const condition = net.graph.input('condition', 'bool', [])
      net.output(net.builder.add(normed, net.graph.add('If', [condition], { then_branch: branch('then'), else_branch: branch('else') }, { types: [y] }).output))
    }],
    ['the weight is computed', /^the weight of conv is not a constant$/, (net) => {
      const x = net.input(image)
      const weight = net.builder.op('Neg', [net.parameter('w', [4, 4, 3, 3])])
      net.output(net.norm(net.conv(x, 'conv', 4, { weight }), 'bn'))
    }],
    ['the weight is an input with a default', /^the weight of conv is not a constant$/, (net) => {
      const weight = net.input([4, 4, 3, 3], 'w')
      net.graph.store('w', noise([4, 4, 3, 3]))
      net.output(net.norm(net.conv(net.input(image), 'conv', 4, { weight }), 'bn'))
    }],
    ['a variance is negative', /^its variance is not positive$/, (net) => {
      net.output(net.norm(net.conv(net.input(image), 'conv', 4), 'bn'))
      net.graph.initializers.find(({ name }) => name === 'bn.variance')!.initializer = Tensor.float32([4], [1, -1, 1, 1])
    }],
    ['training mode', /^it is in training mode/, (net) => {
      net.output(net.norm(net.conv(net.input(image), 'conv', 4), 'bn')).nodes('BatchNormalization')[0]!.set('training_mode', 1)
    }],
  ]
  for (const [name, reason, build] of cases) {
    const net = new Net()
    build(net)
    const result = await foldBatchNorm().apply(net.graph)
    assert.deepEqual(types(result.graph), types(net.graph), name)
    assert.equal(result.changes.length, 0, name)
    assert.equal(result.refusals.length, 1, name)
    assert.equal(result.refusals[0]!.node, 'bn')
    assert.match(result.refusals[0]!.reason, reason, name)
  }
})
