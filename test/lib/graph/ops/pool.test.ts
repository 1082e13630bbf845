import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { Builder } from '../../../../lib/graph/builder.ts'
import { coupled, removeEntries } from '../../../../lib/graph/coupling.ts'
import { formatShape, symbol } from '../../../../lib/graph/dim.ts'
import { Graph, type Value } from '../../../../lib/graph/graph.ts'
import { operatorOf } from '../../../../lib/graph/ops/index.ts'
import { Tensor } from '../../../../lib/graph/tensor.ts'
import { verify } from '../../../../lib/graph/verify.ts'
import { checkOperator, type CheckedCase } from '../check.ts'
import { runGraph, scattered } from '../run.ts'
import { checkShapes } from '../shapes.ts'

const x = (...shape: number[]) => scattered('float64', shape)
const f = (...shape: number[]) => scattered('float32', shape)

const windows: Record<string, CheckedCase['attributes']> = {
  'plain': { kernel_shape: [2, 2], strides: [2, 2] },
  'overlapping': { kernel_shape: [3, 2], strides: [1, 1] },
  'rows left over': { kernel_shape: [2, 3], strides: [2, 3] },
  'unequal padding': { kernel_shape: [3, 3], strides: [2, 1], pads: [1, 0, 0, 2] },
  'dilation': { kernel_shape: [2, 3], dilations: [3, 2], strides: [2, 1], pads: [1, 1, 0, 1] },
  'last windows that stick out': { kernel_shape: [3, 2], strides: [2, 2], ceil_mode: 1 },
  'last windows that stick out of padding': { kernel_shape: [3, 3], strides: [3, 2], pads: [1, 1, 1, 1], ceil_mode: 1 },
  'SAME_UPPER': { kernel_shape: [3, 2], strides: [2, 2], auto_pad: 'SAME_UPPER' },
  'SAME_LOWER': { kernel_shape: [3, 2], strides: [2, 1], auto_pad: 'SAME_LOWER' },
  'VALID': { kernel_shape: [3, 2], strides: [2, 2], auto_pad: 'VALID' },
}

/** A last window that would begin in the padding is dropped, so the number of windows is open where the size is a symbol. */
const open = (attributes: CheckedCase['attributes']) => 'ceil_mode' in attributes! && 'pads' in attributes

for (const [name, attributes] of Object.entries(windows)) {
  test(`the largest of each window (${name}): shape and gradient`, () => checkOperator({ type: 'MaxPool', inputs: [x(2, 3, 6, 7)], attributes, batched: [0], open: open(attributes) }))
  for (const count_include_pad of [0, 1])
    test(`the average of each window (${name}), padding ${count_include_pad ? 'counted' : 'not counted'}: shape and gradient`, () =>
      checkOperator({ type: 'AveragePool', inputs: [f(2, 3, 6, 7)], attributes: { ...attributes, count_include_pad }, batched: [0], open: open(attributes), step: 0.5, tolerance: 1e-5 }))
}

test('windows over one and three axes', async () => {
  for (const type of ['MaxPool', 'AveragePool']) {
    await checkOperator({ type, inputs: [f(2, 3, 9)], attributes: { kernel_shape: [3], strides: [2], pads: [0, 1] }, batched: [0], step: 1e-2, tolerance: 1e-4 })
    await checkOperator({ type, inputs: [f(1, 2, 4, 3, 5)], attributes: { kernel_shape: [2, 2, 2], strides: [2, 1, 2], pads: [0, 0, 1, 0, 1, 0] }, step: 1e-2, tolerance: 1e-4 })
  }
})

test('any window has the shape that the runtime gives', async () => {
  const small = (max: number, min = 1) => fc.integer({ min, max })
  await fc.assert(fc.asyncProperty(small(9, 4), small(4), small(5), small(3), small(3, 0), small(3, 0), fc.boolean(), async (size, kernel, stride, dilation, before, after, ceil) => {
    const span = dilation * (kernel - 1) + 1
    const attributes = { kernel_shape: [kernel], strides: [stride], dilations: [dilation], pads: [before, after].map((p) => Math.min(p, kernel - 1)), ceil_mode: ceil ? 1 : 0 }
    if (span <= size) await checkShapes({ type: 'MaxPool', inputs: [f(1, 2, size)], attributes, open: ceil })
  }), { numRuns: 80 })
})

test('pooling over the whole image, and the places of the largest', async () => {
  await checkOperator({ type: 'GlobalAveragePool', inputs: [f(2, 3, 4, 5)], batched: [0], step: 0.5, tolerance: 1e-5 })
  await checkOperator({ type: 'GlobalAveragePool', inputs: [f(2, 3, 4)], step: 0.5, tolerance: 1e-5 })
  await checkShapes({ type: 'GlobalMaxPool', inputs: [f(2, 3, 4, 5)] })
  await checkShapes({ type: 'MaxPool', inputs: [f(2, 3, 6, 7)], attributes: { kernel_shape: [2, 2], strides: [2, 2] }, options: { outputs: 2 } })
})

/** The gradient of the node's input for a gradient that arrives at its output. */
function backward(b: Builder, y: Value, dy: Tensor): Value {
  const node = y.producer!
  return operatorOf(node)!.gradient!({ graph: b, node, inputs: node.inputs.map((v) => v!), outputs: node.outputs, gradients: [b.tensor(dy)], wants: () => true })[0]!
}

test('among equal largest elements the first gets the gradient', async () => {
  const b = new Builder(new Graph())
  const image = b.graph.input('x', 'float32', [1, 1, 2, 4])
  b.graph.addOutput(backward(b, b.op('MaxPool', [image], { kernel_shape: [2, 2], strides: [2, 2] }), Tensor.float32([1, 1, 1, 2], [1, 2])), 'dx')
  const { dx } = await runGraph(b.graph, { x: Tensor.float32([1, 1, 2, 4], [0, 5, 7, 7, 5, 5, 7, 7]) })
  assert.deepEqual(dx!.toNumbers(), [0, 1, 2, 0, 0, 0, 0, 0])
})

test('a pooling over an image of unknown size has no gradient', () => {
  const b = new Builder(new Graph())
  const image = b.graph.input('x', 'float32', [symbol('N'), 3, symbol('H'), 8])
  for (const type of ['MaxPool', 'AveragePool', 'GlobalAveragePool']) {
    const y = b.op(type, [image], type === 'GlobalAveragePool' ? {} : { kernel_shape: [2, 2], strides: [2, 2] })
    assert.equal(formatShape(y.shape), type === 'GlobalAveragePool' ? '[N, 3, 1, 1]' : '[N, 3, floor((H)/(2)), 4]')
    assert.throws(() => backward(b, y, f(1)), /its gradient needs known spatial sizes, its input is \[N, 3, H, 8\]/)
  }
})

test('a window that does not fit is refused', () => {
  const b = new Builder(new Graph())
  const image = b.graph.input('x', 'float32', [symbol('N'), 3, 4, 4])
  assert.throws(() => b.op('MaxPool', [image], { kernel_shape: [5, 2] }), /maxpool \(MaxPool\): a window of 5x2 does not fit into \[4, 4\]/)
  assert.throws(() => b.op('AveragePool', [image], { kernel_shape: [2] }), /a window of 2 does not fit into \[4, 4\]/)
})

test('each output costs an operation for every element of its window', () => {
  const b = new Builder(new Graph())
  const image = b.graph.input('x', 'float32', [symbol('N'), 3, 8, 8])
  const flops = (type: string, attributes: Record<string, number[]>) => {
    const node = b.op(type, [image], attributes).producer!
    return String(operatorOf(node)!.cost!([image], node).flops)
  }
  assert.equal(flops('MaxPool', { kernel_shape: [3, 3], strides: [2, 2] }), `${3 * 3 * 3 * 9}*N`)
  assert.equal(flops('AveragePool', { kernel_shape: [2, 2], strides: [2, 2] }), `${3 * 4 * 4 * 4}*N`)
  assert.equal(flops('GlobalAveragePool', {}), '192*N')
})

for (const type of ['MaxPool', 'AveragePool', 'GlobalAveragePool', 'GlobalMaxPool'])
  test(`channels go through ${type}, rows do not`, async () => {
    const b = new Builder(new Graph())
    const map = b.graph.parameter('map', f(1, 6, 4, 4))
    const y = b.op(type, [b.mul(b.graph.input('x', 'float32', [symbol('N'), 1, 1, 1]), map)], type.startsWith('Global') ? {} : { kernel_shape: [2, 2], strides: [2, 2] }, { name: 'pool' })
    b.graph.addOutput(b.op('Conv', [y, b.graph.parameter('head', f(5, 6, 1, 1))]), 'y')
    assert.throws(() => coupled({ value: map, axis: 2 }, [0]), /pool \(\w+\) works along axis 2 of "mul_out"/)
    const before = (await runGraph(b.graph, { x: f(2, 1, 1, 1) }))['y']!
    removeEntries(b.graph, coupled({ value: map, axis: 1 }, [1, 2]))
    verify(b.graph)
    assert.deepEqual(map.shape, [1, 4, 4, 4])
    assert.deepEqual((await runGraph(b.graph, { x: f(2, 1, 1, 1) }))['y']!.shape, before.shape)
  })
