import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Graph, Value } from '../../../lib/graph/graph.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { compare, foldBatchNorm, pipeline, quantize, quantizeAware, toIntegers, type PassResult } from '../../../lib/passes/index.ts'
import type { QuantizeOptions } from '../../../lib/passes/quantize.ts'
import { batches, image, network, Net, noise, runtimeOperators, types } from './networks.ts'

const probe = { x: noise(image, 99) }
const quantized = (graph: Graph, options: Omit<QuantizeOptions, 'calibrate'>): Promise<PassResult> => pipeline([foldBatchNorm(), quantize({ calibrate: batches(8), ...options })]).apply(graph)
const storedTypes = (graph: Graph, ending: string) => new Set(graph.initializers.filter(({ name }) => name.endsWith(ending)).map(({ dtype, shape }) => `${dtype} ${shape!.length}`))

const ON_INTEGERS = ['QuantizeLinear', 'QLinearConv', 'MaxPool', 'QLinearConv', 'QLinearConv', 'QLinearAdd', 'QLinearConcat', 'QLinearConv', 'QLinearGlobalAveragePool', 'Flatten', 'QGemm']

const FORMS = (['uint8', 'int8'] as const).flatMap((weightType) => [true, false].flatMap((weightSymmetric) => [true, false].flatMap((perChannel) =>
  [true, false].map((activationSymmetric) => ({ weightType, weightSymmetric, perChannel, activationSymmetric })))))

for (const form of FORMS) {
  const { weightType, weightSymmetric, perChannel, activationSymmetric } = form
  const said = `${weightType} weights${weightSymmetric ? ', symmetric' : ''}, ${perChannel ? 'by channel' : 'one scale for all'}${activationSymmetric ? ', symmetric activations' : ''}`
  test(`${said}: nearly the same result, and the operator form computes what ONNX Runtime makes of the other`, async () => {
    const graph = network()
    const { graph: qdq } = await quantized(graph, form)
    const { graph: operators, refusals } = await quantized(graph, { ...form, format: 'operator' })
    for (const it of [qdq, operators]) {
      const { relative } = await compare(graph, it, probe)
      assert.ok(relative > 0 && relative < 0.05, `the outputs moved by ${relative}`)
      assert.deepEqual(storedTypes(it, `.weight_${weightType}`).size > 0 && storedTypes(it, '.weight_scale'), new Set([`float32 ${perChannel ? 1 : 0}`]))
    }
    assert.ok((await compare(qdq, operators, probe)).relative < 0.01)
    assert.equal(refusals.length, 0)
    assert.deepEqual(types(operators).filter((type) => !['Clip', 'DequantizeLinear'].includes(type)), ON_INTEGERS)
    assert.equal(types(operators).includes('Clip'), activationSymmetric)
    const zeros = operators.initializers.filter(({ name }) => name.endsWith('_zero_point') && !name.includes('.weight')).map(({ initializer }) => initializer!.toNumbers()[0])
    assert.equal(zeros.every((zero) => zero === 128), activationSymmetric)
  })
}

test('the usual form is scales by channel in QuantizeLinear and DequantizeLinear, and says nothing else', async () => {
  const { graph } = await quantized(network(), {})
  const { graph: said } = await quantized(network(), { format: 'qdq', perChannel: true, activationType: 'uint8', activationSymmetric: false, weightType: 'int8', weightSymmetric: true })
  assert.equal((await compare(graph, said, probe)).largest, 0)
  assert.ok(!types(graph).some((type) => type.startsWith('QLinear')))
  assert.deepEqual(storedTypes(graph, '.weight_int8'), new Set(['int8 4', 'int8 2']))
})

test('int8 activations are computed by operators of integers where forced; with uint8 weights there is no kernel, and the refusal says so', async () => {
  const graph = network()
  const forced = await quantized(graph, { format: 'operator', activationType: 'int8', force: true })
  assert.ok((await compare(graph, forced.graph, probe)).relative < 0.05)
  assert.deepEqual(types(forced.graph).filter((type) => type !== 'DequantizeLinear'), ON_INTEGERS)
  const { refusals } = await quantized(graph, { format: 'operator', activationType: 'int8' })
  assert.match(refusals.at(-1)!.reason, /kernels take several times as long on x86: take uint8, or force it$/)
  for (const format of ['qdq', 'operator'] as const) {
    const mixed = await quantized(graph, { format, activationType: 'int8', weightType: 'uint8', force: true })
    assert.equal(mixed.refusals.at(-1)!.reason, 'ONNX Runtime has no kernel for int8 activations and uint8 weights: take uint8 activations, or int8 weights')
    assert.ok(!types(mixed.graph).some((type) => type.startsWith('Q')))
  }
})

test('a Relu between symmetric activations is told to compute in float32, unless in the operator form', async () => {
  const told = async (format: 'qdq' | 'operator') => (await quantized(network(), { format, activationSymmetric: true })).refusals.map(({ node }) => node)
  assert.deepEqual(await told('qdq'), ['relu1', 'relu2', 'relu3'])
  assert.deepEqual(await told('operator'), [])
})

test('scales by channel need operator set 13, one scale for all only 10', async () => {
  const old = (perChannel: boolean) => quantized(network(12), { perChannel })
  assert.equal((await old(true)).refusals.at(-1)!.reason, 'scales by channel need operator set 13 or newer, and the graph has 12')
  const { graph } = await old(false)
  assert.ok((await compare(network(12), graph, probe)).relative < 0.05)
})

test('7 bits of int8 weights use the levels from -63 to 63', async () => {
  const { graph } = await quantized(network(), { reduceRange: true })
  const levels = graph.initializers.filter(({ name }) => name.endsWith('.weight_int8')).flatMap(({ initializer }) => [...initializer!.toNumbers()])
  assert.deepEqual([Math.min(...levels), Math.max(...levels)], [-63, 63])
  assert.ok((await compare(network(), graph, probe)).relative < 0.05)
  assert.throws(() => quantize({ calibrate: [], weightType: 'uint8', reduceRange: true }), /reduceRange is for int8 weights/)
})

test('weights that are all of one sign have all levels of an asymmetric form: the error halves', async () => {
  const net = new Net()
  const graph = net.output(net.linear(net.input([8, 32]), 'fc', 16))
  const weight = graph.initializers.find(({ name }) => name === 'fc.weight')!
  weight.initializer = Tensor.float32([16, 32], weight.initializer!.toFloat32().map(Math.abs))
  const rounding = async (weightSymmetric: boolean) => {
    const { graph: small } = await quantize({ calibrate: batches(4, [8, 32]), weightSymmetric, format: 'operator' }).apply(graph)
    const named = (ending: string) => small.initializers.find(({ name }) => name === `fc.weight${ending}`)!.initializer!.toNumbers()
    const [levels, scales, zeros] = ['_int8', '_scale', '_zero_point'].map(named) as [number[], number[], number[]]
    return Math.max(...levels.map((q, i) => Math.abs((q - zeros[Math.floor(i / 32)]!) * scales[Math.floor(i / 32)]! - weight.initializer!.toNumbers()[i]!)))
  }
  assert.ok((await rounding(false)) < 0.6 * (await rounding(true)))
})

test('products, and a Clip, in the operator form: with a bias, with rows of more dimensions, and one behind the other', async () => {
  const cases: readonly [readonly number[], readonly string[], (net: Net, x: Value) => Value][] = [
    [[6, 16], ['QuantizeLinear', 'MatMulIntegerToFloat'], (net, x) => net.builder.matmul(x, net.parameter('w', [16, 10]))],
    [[2, 3, 16], ['QuantizeLinear', 'QLinearMatMul', 'MatMulIntegerToFloat'], (net, x) => net.builder.matmul(net.builder.matmul(x, net.parameter('w', [16, 10])), net.parameter('w2', [10, 3]))],
    [[6, 16], ['QuantizeLinear', 'MatMulIntegerToFloat', 'Add', 'Relu', 'QuantizeLinear', 'MatMulIntegerToFloat'],
      (net, x) => net.builder.matmul(net.relu(net.builder.add(net.builder.matmul(x, net.parameter('w', [16, 10])), net.parameter('b', [10])), 'relu'), net.parameter('w2', [10, 3]))],
    [[6, 16], ['QuantizeLinear', 'QGemm', 'QGemm'], (net, x) => net.linear(net.relu(net.linear(x, 'fc1', 12), 'relu'), 'fc2', 4)],
    [[2, 4, 6, 6], ['QuantizeLinear', 'QLinearConv', 'Clip', 'QLinearConv', 'DequantizeLinear'],
      (net, x) => net.conv(net.builder.op('Clip', [net.conv(x, 'a', 4), net.builder.scalar(0.5, 'float32'), net.builder.scalar(2, 'float32')], {}, { name: 'clip' }), 'b', 3)],
  ]
  for (const [shape, expected, build] of cases) {
    const net = new Net()
    const graph = net.output(build(net, net.input(shape)))
    const feeds = { x: noise(shape, 99) }
    const options = { calibrate: [...batches(4, shape), feeds], range: 'extremes' } as const
    const { graph: operators } = await quantize({ ...options, format: 'operator' }).apply(graph)
    assert.deepEqual(types(operators), expected)
    assert.deepEqual((await runtimeOperators(operators)).filter((type) => type === 'Conv' || type === 'MatMul' || type === 'Gemm'), [])
    const moved = (await compare(graph, operators, feeds)).relative
    assert.ok(moved < 0.05, `${expected} moved by ${moved}`)
    const apart = (await compare((await quantize(options).apply(graph)).graph, operators, feeds)).relative
    assert.ok(apart < 0.01, `${expected} is ${apart} from the other form`)
  }
})

test('what has no operator of integers between its scales computes in float32, and is refused; what lies beyond the reach of 8 bits is not spoken of', async () => {
  const net = new Net()
  const pads = [1, 1, 1, 1]
  const a = net.conv(net.input([1, 4, 6, 6]), 'a', 4, { pads })
  const sum = net.builder.add(net.conv(net.relu(a, 'relu'), 'b', 4, { pads }), a)
  const graph = net.output(net.builder.mul(net.builder.op('Tanh', [net.conv(sum, 'c', 4, { pads })]), 2))
  const calibrate = batches(4, [1, 4, 6, 6])
  const { graph: operators, refusals } = await quantize({ calibrate, format: 'operator' }).apply(graph)
  assert.deepEqual(refusals.map(({ node, reason }) => [node, reason]), [['relu', 'ONNX Runtime has no operator for it that reads and writes uint8 of different scales: it computes in float32']])
  assert.deepEqual(types(operators).filter((type) => !type.endsWith('eLinear')), ['QLinearConv', 'Relu', 'QLinearConv', 'QLinearAdd', 'QLinearConv', 'Tanh', 'Mul'])
  const { relative } = await compare((await quantize({ calibrate }).apply(graph)).graph, operators, calibrate[0]!)
  assert.ok(relative < 0.01, `it is ${relative} from the other form`)
})

test('what was trained with fake quantization is written in operators, too; what was not is refused', async () => {
  const graph = network()
  const aware = await pipeline([foldBatchNorm(), quantizeAware({ calibrate: batches(8) })]).apply(graph)
  const { graph: operators } = await toIntegers({ format: 'operator' }).apply(aware.graph)
  assert.deepEqual(types(operators).filter((type) => type !== 'DequantizeLinear'), ON_INTEGERS)
  assert.ok((await compare(graph, operators, probe)).relative < 0.05)
  const { changes, refusals } = await toIntegers().apply(graph)
  assert.equal(changes.length, 0)
  assert.deepEqual(refusals.map(({ reason }) => reason), Array(5).fill('it was not trained with fake quantization: apply quantizeAware, then fit'))
})

test('weights that are tiny beside their bias compute the same in fake quantization as in the integers after it', async () => {
  for (const factor of [1e-6, 1e-30]) {
    const net = new Net()
    const graph = net.output(net.conv(net.relu(net.conv(net.input(image), 'first', 8), 'act'), 'last', 4, { kernel: [1, 1] }))
    const weight = graph.initializers.find(({ name }) => name === 'first.weight')!
    weight.initializer = Tensor.float32(weight.initializer!.shape, weight.initializer!.toFloat32().map((w) => w * factor))
    const aware = await quantizeAware({ calibrate: batches(2) }).apply(graph)
    for (const form of [aware, await toIntegers().apply(aware.graph)]) {
      const { relative } = await compare(graph, form.graph, { x: noise(image) })
      assert.ok(relative < 0.02, `${factor}: ${relative}`)
    }
  }
})
