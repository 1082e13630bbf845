import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { Builder } from '../../../../lib/graph/builder.ts'
import { formatShape, symbol } from '../../../../lib/graph/dim.ts'
import { Graph } from '../../../../lib/graph/graph.ts'
import { HONE, MICROSOFT } from '../../../../lib/graph/operator.ts'
import { operatorOf } from '../../../../lib/graph/ops/index.ts'
import { sizeOf, Tensor, type DataType } from '../../../../lib/graph/tensor.ts'
import { relativeDistance, runGraph, scattered, type OperatorCase } from '../run.ts'
import { checkShapes } from '../shapes.ts'

const f = (...shape: number[]) => scattered('float32', shape)
const scale = (value = 0.1) => Tensor.scalar('float32', value)
const zero = (dtype: DataType = 'uint8', value = 0) => Tensor.scalar(dtype, value)
const q = (dtype: DataType, ...shape: number[]) => Tensor.of(dtype, shape, Array.from({ length: sizeOf(shape) }, (_, i) => (i * 37) % 100))
const floats = (...values: number[]) => Tensor.float32([values.length], values)
const microsoft = { options: { domain: MICROSOFT } }

test('quantized operators have the shape and type that ONNX Runtime gives', async () => {
  const cases: (OperatorCase & { open?: boolean })[] = [
    { type: 'QuantizeLinear', inputs: [f(2, 3, 4), scale(), zero('int8')] },
    { type: 'QuantizeLinear', inputs: [f(2, 3, 4), scale()] },
    { type: 'QuantizeLinear', inputs: [f(2, 3, 4), floats(1, 2, 3, 4), Tensor.of('uint8', [4], [1, 2, 3, 4])], attributes: { axis: -1 } },
    { type: 'QuantizeLinear', inputs: [f(2, 3), scale()], attributes: { output_dtype: 3 } },
    { type: 'DequantizeLinear', inputs: [q('uint8', 2, 3), scale(), zero('uint8', 7)] },
    { type: 'DynamicQuantizeLinear', inputs: [f(2, 3, 4)], options: { outputs: 3 } },
    { type: 'ConvInteger', inputs: [q('uint8', 2, 3, 7, 6), q('uint8', 4, 3, 3, 3), zero(), zero()], attributes: { pads: [1, 1, 1, 1], strides: [2, 2] } },
    { type: 'MatMulInteger', inputs: [q('uint8', 5, 2, 3), q('int8', 3, 4), zero(), zero('int8')] },
    { type: 'QLinearConv', inputs: [q('uint8', 2, 3, 7, 6), scale(), zero(), q('int8', 4, 3, 3, 3), scale(), zero('int8'), scale(), zero(), Tensor.of('int32', [4], [1, 2, 3, 4])] },
    { type: 'QLinearMatMul', inputs: [q('uint8', 5, 2, 3), scale(), zero(), q('uint8', 3, 4), scale(), zero(), scale(), zero()] },
    { type: 'FusedConv', inputs: [f(2, 3, 5, 5), f(4, 3, 3, 3), f(4)], attributes: { activation: 'Relu', pads: [1, 1, 1, 1] }, open: true, ...microsoft },
    { type: 'FusedMatMul', inputs: [f(5, 3, 2), f(5, 4, 3)], attributes: { transA: 1, transB: 1 }, ...microsoft },
    { type: 'FusedMatMul', inputs: [f(2, 5, 3), f(5, 3, 4)], attributes: { transBatchA: 1 }, ...microsoft },
    { type: 'FusedGemm', inputs: [f(2, 3), f(4, 3), f(4)], attributes: { transB: 1, activation: 'Relu' }, ...microsoft },
    { type: 'QLinearAdd', inputs: [q('uint8', 2, 3), scale(), zero(), q('uint8', 3), scale(), zero(), scale(), zero()], ...microsoft },
    { type: 'QLinearSigmoid', inputs: [q('uint8', 2, 3), scale(), zero(), scale(), zero()], ...microsoft },
    { type: 'QLinearLeakyRelu', inputs: [q('uint8', 2, 3), scale(), zero(), scale(), zero()], attributes: { alpha: 0.1 }, ...microsoft },
    { type: 'QLinearAveragePool', inputs: [q('uint8', 2, 3, 6, 7), scale(), zero(), scale(), zero()], attributes: { kernel_shape: [2, 3], strides: [2, 1] }, ...microsoft },
    { type: 'QLinearAveragePool', inputs: [q('uint8', 2, 6, 7, 3), scale(), zero(), scale(), zero()], attributes: { kernel_shape: [2, 3], strides: [2, 1], channels_last: 1 }, ...microsoft },
    { type: 'QLinearGlobalAveragePool', inputs: [q('uint8', 2, 3, 6, 7), scale(), zero(), scale(), zero()], attributes: { channels_last: 0 }, ...microsoft },
    { type: 'QLinearConcat', inputs: [scale(), zero(), q('uint8', 2, 3), scale(), zero(), q('uint8', 2, 4), scale(), zero()], attributes: { axis: 1 }, ...microsoft },
  ]
  for (const c of cases) await checkShapes(c)
})

test('the work of a quantized convolution is that of the convolution', () => {
  const b = new Builder(new Graph())
  const x = b.graph.input('x', 'uint8', [symbol('N'), 3, 8, 8])
  const [s, z] = [b.tensor(scale()), b.tensor(zero())]
  const y = b.op('QLinearConv', [x, s, z, b.tensor(q('int8', 16, 3, 3, 3)), s, b.tensor(zero('int8')), s, z], { pads: [1, 1, 1, 1] })
  const node = y.producer!
  const { macs } = operatorOf(node)!.cost!(node.inputs.map((v) => v!), node)
  assert.equal(String(macs), `${16 * 8 * 8 * 3 * 9}*N`)
})

test('scales of each channel belong to the channels of their tensor', () => {
  const b = new Builder(new Graph())
  const weight = b.tensor(q('int8', 4, 3, 3, 3))
  const scales = b.tensor(floats(1, 2, 3, 4))
  const y = b.op('DequantizeLinear', [weight, scales, b.tensor(Tensor.zeros('int8', [4]))], { axis: 0 })
  const links = operatorOf(y.producer!)!.coupling!(y.producer!)
  assert.deepEqual(links.find(({ a }) => a.value === scales)!.b, { value: weight, axis: 0 })
  assert.ok(links.some(({ a, b: end }) => a.value === weight && a.axis === 0 && end.value === y))
})

/** The fake quantization of x, and its gradient for an arriving dy. */
async function fake(x: Tensor, s: Tensor, z: Tensor, dy: Tensor): Promise<{ y: number[]; dx: number[] }> {
  const graph = new Graph()
  const b = new Builder(graph)
  const input = graph.input('x', 'float32', x.shape)
  const y = b.op('FakeQuantize', [input, b.tensor(s), b.tensor(z)], { axis: 1 }, { domain: HONE })
  assert.equal(formatShape(y.shape), formatShape(x.shape))
  const node = y.producer!
  const [dx] = operatorOf(node)!.gradient!({ graph: b, node, inputs: node.inputs.map((v) => v!), outputs: [y], gradients: [b.tensor(dy)], wants: (i) => i === 0 })
  graph.addOutput(y, 'y')
  graph.addOutput(dx!, 'dx')
  const real = await runGraph(graph, { x })
  return { y: real['y']!.toNumbers(), dx: real['dx']!.toNumbers() }
}

test('fake quantization rounds to the grid, saturates at its ends, and its gradient passes where it did not saturate', async () => {
  const x = Tensor.float32([1, 2, 3], [-1.26, 0.24, 100, -0.6, 0.3, 12.6])
  const dy = f(1, 2, 3)
  const { y, dx } = await fake(x, floats(0.5, 0.1), Tensor.of('int8', [2], [0, 2]), dy)
  assert.ok(relativeDistance(y, [-1.5, 0, 63.5, -0.6, 0.3, 12.5]) < 1e-6, `${y}`)
  assert.ok(relativeDistance(dx, dy.toNumbers().map((d, i) => (i === 2 || i === 5 ? 0 : d))) === 0, `${dx}`)
})

test('fake quantization moves a value that is in range by at most half a step', async () => {
  await fc.assert(fc.asyncProperty(fc.double({ min: -3, max: 3, noNaN: true }), fc.double({ min: 0.05, max: 1, noNaN: true }), fc.integer({ min: 60, max: 190 }), async (value, step, point) => {
    const [x, s] = [Math.fround(value), Math.fround(step)]
    const { y, dx } = await fake(Tensor.float32([1, 1], [x]), scale(s), zero('uint8', point), Tensor.float32([1, 1], [1]))
    const inside = Math.round(x / s) + point >= 0 && Math.round(x / s) + point <= 255
    assert.equal(dx[0], inside ? 1 : 0)
    if (inside) assert.ok(Math.abs(y[0]! - x) <= s / 2 + 1e-5)
  }), { numRuns: 30 })
})

test('a zero point that is not of a quantized type is refused', () => {
  const b = new Builder(new Graph())
  const x = b.graph.input('x', 'float32', [2, 3])
  assert.throws(() => b.op('FakeQuantize', [x, b.tensor(scale()), b.tensor(scale())], {}, { domain: HONE }), /its zero point is float32; a quantized type is one of int8, uint8/)
})
