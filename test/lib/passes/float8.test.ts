import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeModel } from '../../../lib/graph/onnx.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { compare, float8 } from '../../../lib/passes/index.ts'
import { Net, noise } from './networks.ts'

const image = [2, 4, 9, 8]
const feeds = { x: noise(image) }

function network(opset?: number) {
  const net = new Net(opset)
  const hidden = net.relu(net.conv(net.input(image), 'a', 32), 'act')
  const pooled = net.builder.op('Flatten', [net.builder.op('GlobalAveragePool', [net.conv(hidden, 'b', 64)])])
  return net.output(net.builder.op('MatMul', [net.linear(pooled, 'fc', 50), net.parameter('last.weight', [50, 7])], {}, { name: 'last' }))
}

test('weights take a quarter of the room, with a scale for each output channel, and outputs hardly move', async () => {
  const graph = network()
  const { graph: small, changes } = await float8().apply(graph)
  assert.deepEqual(changes.map(({ node }) => node), ['a', 'b', 'fc', 'last'])
  assert.ok(encodeModel(small).length < 0.32 * encodeModel(graph).length, `${encodeModel(small).length} of ${encodeModel(graph).length} bytes`)
  const moved = (await compare(graph, small, feeds)).relative
  assert.ok(moved > 0 && moved < 0.08, `outputs moved by ${moved}`)
  const coarse = (await compare(graph, (await float8({ dtype: 'float8e5m2' }).apply(graph)).graph, feeds)).relative
  assert.ok(coarse > moved && coarse < 0.2, `${moved} against ${coarse}`)
})

test('what layers read is rounded too where there is data, and each number is one of the type\'s', async () => {
  const graph = network()
  const { graph: rounded, changes } = await float8({ calibrate: [feeds], exclude: ['a'] }).apply(graph)
  assert.ok(changes.some(({ node, text }) => node === 'act_out' && /^rounded to float8e4m3fn with scale \d/.test(text)))
  const moved = (await compare(graph, rounded, feeds)).relative
  assert.ok(moved > 0 && moved < 0.1, `outputs moved by ${moved}`)
})

test('an old file, a weight that is not finite and options that make no sense are refused', async () => {
  assert.match((await float8().apply(network(17))).refusals[0]!.reason, /operator set 19 is the first to know float8e4m3fn, and the graph has 17/)
  const graph = network()
  graph.parameters[0]!.initializer = Tensor.float32([32, 4, 3, 3], new Float32Array(1152).fill(Infinity))
  assert.match((await float8().apply(graph)).refusals[0]!.reason, /its weight "a\.weight" holds a number that is not finite/)
  assert.throws(() => float8({ dtype: 'float8e3m4' as 'float8e5m2' }), /dtype is float8e4m3fn or float8e5m2, not float8e3m4/)
  assert.throws(() => float8({ scale: 'row' as 'tensor' }), /scale is 'channel' or 'tensor', not row/)
  await assert.rejects(float8({ include: ['nobody'] }).apply(network()), /there is no layer "nobody"/)
})
