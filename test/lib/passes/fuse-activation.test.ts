import assert from 'node:assert/strict'
import { test } from 'node:test'
import { float, type AttributeInput } from '../../../lib/graph/attribute.ts'
import { compare, fuseActivation } from '../../../lib/passes/index.ts'
import { Net, noise, types } from './networks.ts'

const image = [2, 4, 9, 8]

for (const [type, attributes] of Object.entries<Record<string, AttributeInput>>({ Relu: {}, Sigmoid: {}, Tanh: {}, LeakyRelu: { alpha: 0.2 }, HardSigmoid: { alpha: 0.3, beta: 0.4 }, Clip: {} }))
  for (const opset of [13, 21])
    test(`a convolution and ${type} become one node with the same result (operator set ${opset})`, async () => {
      const net = new Net(opset)
      const bounds = type === 'Clip' ? [net.builder.scalar(-0.25, 'float32'), net.builder.scalar(1, 'float32')] : []
      const y = net.conv(net.input(image), 'conv', 6, { pads: [1, 0, 1, 2], strides: [2, 1], group: 2 })
      const graph = net.output(net.builder.op(type, [y, ...bounds], attributes, { name: 'act' }))
      const { graph: fused, changes } = await fuseActivation().apply(graph)
      assert.deepEqual(types(fused), ['FusedConv'])
      assert.deepEqual(changes[0], { pass: 'fuse-activation', node: 'act', text: 'fused into conv' })
      const { largest } = await compare(graph, fused, { x: noise(image) })
      assert.ok(largest < 1e-5, `the outputs moved by ${largest}`)
    })

test('Clip without bounds, with one, and on one-dimensional images', async () => {
  const net = new Net()
  const clipped = net.builder.op('Clip', [net.conv(net.input([1, 2, 20]), 'conv', 3, { kernel: [5] }), null, net.builder.scalar(0.5, 'float32')])
  const open = net.builder.op('Clip', [net.conv(clipped, 'conv2', 3, { kernel: [3] })])
  const graph = net.output(open)
  const { graph: fused } = await fuseActivation().apply(graph)
  assert.deepEqual(types(fused), ['FusedConv', 'FusedConv'])
  assert.ok((await compare(graph, fused, { x: noise([1, 2, 20]) })).largest < 1e-5)
})

test('what cannot be fused is refused with the reason', async () => {
  const net = new Net()
  const x = net.input(image)
  const shared = net.conv(x, 'shared', 4)
  const tanh = net.builder.op('Tanh', [net.conv(x, 'conv', 4)], {}, { name: 'tanh' })
  const limit = net.input([], 'limit')
  const clip = net.builder.op('Clip', [net.conv(x, 'third', 4), limit], {}, { name: 'clip' })
  net.output([net.relu(x, 'first'), net.relu(shared, 'second')].reduce((_, value) => value))
  net.output(net.builder.add(net.builder.add(shared, tanh), clip), 'sum')
  net.output(net.relu(x, 'first_again'), 'early')
  const reasons = async (device: 'cpu' | 'cuda') => Object.fromEntries((await fuseActivation({ device }).apply(net.graph)).refusals.map(({ node, reason }) => [node, reason]))
  assert.deepEqual(await reasons('cpu'), {
    first: 'its input is the input "x", not a convolution or a linear layer without an activation', second: 'shared also feeds add', clip: 'its bounds are not constants', first_again: 'its input is the input "x", not a convolution or a linear layer without an activation',
  })
  assert.equal((await reasons('cuda')).tanh, 'CUDA has FusedConv with Relu only, not Conv with Tanh')
  assert.throws(() => fuseActivation({ device: 'webgpu' as 'cpu' }), /FusedConv on cpu and cuda, not on webgpu/)
})

test('a float attribute that is a whole number stays a float', async () => {
  const net = new Net()
  const graph = net.output(net.builder.op('LeakyRelu', [net.conv(net.input(image), 'conv', 2)], { alpha: float(1) }))
  const { graph: fused } = await fuseActivation().apply(graph)
  assert.ok((await compare(graph, fused, { x: noise(image) })).largest < 1e-5)
})
