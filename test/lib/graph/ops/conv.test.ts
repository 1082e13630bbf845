import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { AttributeInput } from '../../../../lib/graph/attribute.ts'
import { Builder } from '../../../../lib/graph/builder.ts'
import { coupled, removeEntries } from '../../../../lib/graph/coupling.ts'
import { formatShape, symbol } from '../../../../lib/graph/dim.ts'
import { Graph } from '../../../../lib/graph/graph.ts'
import { operatorOf } from '../../../../lib/graph/ops/index.ts'
import type { Tensor } from '../../../../lib/graph/tensor.ts'
import { verify } from '../../../../lib/graph/verify.ts'
import { gradientErrors, relativeDistance, runGraph, scattered, type OperatorCase } from '../run.ts'
import { checkShapes } from '../shapes.ts'

const f = (...shape: number[]) => scattered('float32', shape)
const w = (...shape: number[]) => scattered('float32', shape, 3)

const convolutions: Record<string, OperatorCase> = {
  'one by one': { type: 'Conv', inputs: [f(2, 3, 4, 4), w(5, 3, 1, 1)] },
  'stride, with rows left over': { type: 'Conv', inputs: [f(2, 2, 6, 7), w(3, 2, 3, 2), f(3)], attributes: { strides: [2, 3] } },
  'unequal padding': { type: 'Conv', inputs: [f(2, 2, 4, 5), w(3, 2, 3, 3), f(3)], attributes: { pads: [2, 0, 1, 1], strides: [2, 1] } },
  'dilation': { type: 'Conv', inputs: [f(2, 2, 6, 7), w(3, 2, 2, 3)], attributes: { dilations: [3, 2], strides: [2, 2], pads: [1, 0, 0, 1] } },
  'groups': { type: 'Conv', inputs: [f(2, 4, 4, 4), w(6, 2, 3, 3), f(6)], attributes: { group: 2, pads: [1, 1, 1, 1] } },
  'depthwise, two outputs a channel': { type: 'Conv', inputs: [f(2, 3, 5, 4), w(6, 1, 3, 3), f(6)], attributes: { group: 3, strides: [2, 1], pads: [0, 1, 1, 0] } },
  'one dimension': { type: 'Conv', inputs: [f(2, 2, 9), w(3, 2, 3), f(3)], attributes: { strides: [2], dilations: [2], pads: [1, 0] } },
  'three dimensions': { type: 'Conv', inputs: [f(2, 2, 3, 4, 3), w(2, 2, 2, 2, 2), f(2)], attributes: { strides: [2, 1, 1], pads: [0, 1, 0, 1, 0, 0] } },
  'SAME_UPPER': { type: 'Conv', inputs: [f(2, 2, 5, 6), w(3, 2, 3, 4)], attributes: { auto_pad: 'SAME_UPPER', strides: [2, 1] } },
  'SAME_LOWER': { type: 'Conv', inputs: [f(2, 2, 5, 6), w(3, 2, 3, 4)], attributes: { auto_pad: 'SAME_LOWER', strides: [2, 2] } },
  'VALID': { type: 'Conv', inputs: [f(2, 2, 5, 6), w(3, 2, 3, 4)], attributes: { auto_pad: 'VALID' } },
}

/** ONNX Runtime convolves in float32 only; a convolution is linear in each input, so the step may be large. */
async function checkConvolution(c: OperatorCase): Promise<void> {
  await checkShapes({ ...c, constants: [1, 2] })
  for (const error of await gradientErrors({ ...c, batched: [0] }, 0.5)) assert.ok(error < 2e-5, `${JSON.stringify(c.attributes)}: ${error}`)
}

for (const [name, c] of Object.entries(convolutions))
  test(`a convolution (${name}) has the runtime's shape, and the gradients of input, weight and bias are those of central differences`, () => checkConvolution(c))

test('a convolution with any window has the runtime\'s shape and the right gradients', async () => {
  const small = (max: number, min = 1) => fc.integer({ min, max })
  await fc.assert(fc.asyncProperty(small(7, 4), small(3), small(3), small(2), small(2, 0), small(2, 0), async (size, kernel, stride, dilation, before, after) => {
    const attributes = { strides: [stride], dilations: [dilation], pads: [before, after] }
    await checkConvolution({ type: 'Conv', inputs: [f(2, 1, size), w(2, 1, Math.min(kernel, 1 + Math.floor((size - 1) / dilation)))], attributes })
  }), { numRuns: 25 })
})

test('a transposed convolution has the shape that the runtime gives', async () => {
  const attributes: Record<string, AttributeInput>[] = [
    {}, { strides: [2, 3] }, { strides: [2, 2], output_padding: [1, 0], pads: [1, 0, 0, 1] }, { dilations: [2, 1] }, { output_shape: [9, 10], strides: [2, 2] },
    { auto_pad: 'SAME_UPPER', strides: [2, 3] }, { auto_pad: 'SAME_LOWER', strides: [3, 3], output_padding: [1, 2] }, { auto_pad: 'VALID', strides: [2, 2] },
  ]
  for (const a of attributes) await checkShapes({ type: 'ConvTranspose', inputs: [f(2, 4, 4, 5), w(4, 2, 3, 3), f(2)], attributes: a, constants: [1, 2] })
  await checkShapes({ type: 'ConvTranspose', inputs: [f(2, 4, 4, 5), w(4, 2, 3, 3)], attributes: { group: 2 }, constants: [1] })
})

test('what does not fit is refused with both shapes', () => {
  const b = new Builder(new Graph())
  const x = b.graph.input('x', 'float32', [symbol('N'), 3, 5, 5])
  assert.throws(() => b.op('Conv', [x, b.tensor(w(4, 2, 3, 3))]), /conv \(Conv\): its input has 3 channels, its weight \[4, 2, 3, 3\] expects 2/)
  assert.throws(() => b.op('Conv', [x, b.tensor(w(4, 3, 3))]), /its input \[N, 3, 5, 5\] and its weight \[4, 3, 3\] differ in rank/)
  assert.throws(() => b.op('Conv', [x, b.tensor(w(4, 3, 6, 6))]), /a window of 6x6 does not fit into \[5, 5\]/)
  assert.throws(() => b.op('ConvTranspose', [x, b.tensor(w(4, 3, 3, 3))]), /its input has 3 channels, its weight \[4, 3, 3, 3\] expects 4/)
})

test('a convolution over an image of unknown size has no gradient', () => {
  const b = new Builder(new Graph())
  const x = b.graph.input('x', 'float32', [symbol('N'), 3, symbol('H'), 5])
  const y = b.op('Conv', [x, b.tensor(w(4, 3, 3, 3))], { auto_pad: 'SAME_UPPER', strides: [2, 2] })
  assert.equal(formatShape(y.shape), '[N, 4, floor((H + 1)/(2)), 3]')
  const node = y.producer!
  assert.throws(() => operatorOf(node)!.gradient!({ graph: b, node, inputs: [x, node.input(1)], outputs: [y], gradients: [y], wants: () => true }), /its gradient needs known spatial sizes, its input is \[N, 3, H, 5\]/)
})

test('multiply-adds and operations, counted by hand', () => {
  const b = new Builder(new Graph())
  const x = b.graph.input('x', 'float32', [symbol('N'), 6, 10, 10])
  const cost = (type: string, inputs: Tensor[], attributes: Record<string, AttributeInput>) => {
    const node = b.op(type, [x, ...inputs.map((t) => b.tensor(t))], attributes).producer!
    const { macs, flops } = operatorOf(node)!.cost!(node.inputs.map((v) => v!), node)
    return [String(macs), String(flops)]
  }
  assert.deepEqual(cost('Conv', [w(4, 6, 3, 3)], {}), [`${4 * 8 * 8 * 54}*N`, `${2 * 4 * 8 * 8 * 54}*N`])
  assert.deepEqual(cost('Conv', [w(4, 6, 3, 3), f(4)], { strides: [2, 2], pads: [1, 1, 1, 1] }), [`${4 * 5 * 5 * 54}*N`, `${4 * 5 * 5 * (108 + 1)}*N`])
  assert.deepEqual(cost('Conv', [w(12, 1, 3, 3)], { group: 6 }), [`${12 * 8 * 8 * 9}*N`, `${2 * 12 * 8 * 8 * 9}*N`])
  assert.deepEqual(cost('ConvTranspose', [w(6, 4, 2, 2), f(4)], { strides: [2, 2] }), [`${600 * 4 * 4}*N`, `${2 * 600 * 4 * 4 + 4 * 20 * 20}*N`])
})

test('both gradients of a convolution cost what the convolution does', () => {
  const b = new Builder(new Graph())
  const [x, weight] = [b.graph.input('x', 'float32', [symbol('N'), 4, 8, 8]), b.tensor(w(6, 2, 3, 3))]
  const y = b.op('Conv', [x, weight], { group: 2, pads: [1, 1, 1, 1] })
  const costOf = ({ producer }: typeof y) => String(operatorOf(producer!)!.cost!(producer!.inputs.map((v) => v!), producer!).macs)
  const gradients = operatorOf(y.producer!)!.gradient!({ graph: b, node: y.producer!, inputs: [x, weight], outputs: [y], gradients: [y], wants: () => true })
  assert.deepEqual(gradients.slice(0, 2).map((d) => costOf(d!)), [costOf(y), costOf(y)])
})

/** stem (1x1, 3 to 6), what `middle` adds, then a 1x1 convolution to 5 channels. */
function between(middle: (b: Builder, stem: ReturnType<Builder['op']>) => ReturnType<Builder['op']>): Graph {
  const b = new Builder(new Graph())
  const stem = b.op('Conv', [b.graph.input('x', 'float32', [symbol('N'), 3, 6, 6]), b.graph.parameter('stem', f(6, 3, 1, 1))])
  const y = middle(b, stem)
  b.graph.addOutput(b.op('Conv', [y, b.graph.parameter('head', w(5, Number(y.shape![1]), 1, 1))]), 'y')
  return b.graph
}

const find = (graph: Graph, name: string) => graph.initializers.find((v) => v.name === name)!
const lose = (graph: Graph, name: string, axis: number, entries: number[]) => removeEntries(graph, coupled({ value: find(graph, name), axis }, entries))
const shapes = (graph: Graph, ...names: string[]) => names.map((name) => find(graph, name).shape!.join('x'))
const input = f(2, 3, 6, 6)

test('a channel of a depthwise convolution goes with all its outputs, from either side, and the groups follow', async () => {
  const depthwise = () => between((b, stem) => b.op('Conv', [stem, b.graph.parameter('depthwise', w(12, 1, 3, 3)), b.graph.parameter('bias', f(12))], { group: 6 }))
  const [front, back] = [depthwise(), depthwise()]
  lose(front, 'stem', 0, [1, 4])
  lose(back, 'depthwise', 0, [3, 8])
  for (const graph of [front, back]) {
    verify(graph)
    assert.deepEqual(shapes(graph, 'stem', 'depthwise', 'bias', 'head'), ['4x3x1x1', '8x1x3x3', '8', '5x8x1x1'])
    assert.equal(graph.nodes('Conv')[1]!.int('group'), 4)
  }
  const [p, q] = [await runGraph(front, { x: input }), await runGraph(back, { x: input })]
  assert.deepEqual(p['y']!.shape, [2, 5, 4, 4])
  assert.equal(relativeDistance(p['y']!.toNumbers(), q['y']!.toNumbers()), 0)
})

test('channels go through a transposed convolution', async () => {
  const graph = between((b, stem) => b.op('ConvTranspose', [stem, b.graph.parameter('up', w(6, 4, 2, 2)), b.graph.parameter('bias', f(4))], { strides: [2, 2] }))
  lose(graph, 'stem', 0, [0, 5])
  lose(graph, 'bias', 0, [2])
  verify(graph)
  assert.deepEqual(shapes(graph, 'stem', 'up', 'bias', 'head'), ['4x3x1x1', '4x3x2x2', '3', '5x3x1x1'])
  assert.deepEqual((await runGraph(graph, { x: input }))['y']!.shape, [2, 5, 12, 12])
})

test('groups of several channels stay equally large: with one channel goes the same place of every other group', async () => {
  for (const [type, shape] of [['Conv', [6, 2, 3, 3]], ['ConvTranspose', [6, 2, 3, 3]]] as const) {
    const graph = between((b, stem) => b.op(type, [stem, b.graph.parameter('grouped', w(...shape))], { group: 3 }))
    lose(graph, 'stem', 0, [0])
    verify(graph)
    assert.deepEqual(shapes(graph, 'stem', 'grouped'), ['3x3x1x1', type === 'Conv' ? '6x1x3x3' : '3x2x3x3'])
    // groups that read one channel each go whole
    lose(graph, 'head', 1, [1])
    assert.deepEqual(shapes(graph, 'grouped', 'head'), type === 'Conv' ? ['4x1x3x3', '5x4x1x1'] : ['2x2x3x3', '5x4x1x1'])
    assert.equal((await runGraph(graph, { x: input }))['y']!.shape[1], 5)
  }
})

test('what a convolution cannot lose is refused with the reason', () => {
  const plain = between((b, stem) => b.op('Conv', [stem, b.graph.parameter('plain', w(6, 6, 3, 3))], {}, { name: 'plain' }))
  assert.throws(() => lose(plain, 'plain', 2, [0]), /plain \(Conv\) works along axis 2 of "plain"/)
  const depthwise = between((b, stem) => b.op('Conv', [stem, b.graph.parameter('w', w(6, 1, 3, 3))], { group: 6 }, { name: 'depthwise' }))
  assert.throws(() => lose(depthwise, 'w', 1, [0]), /nothing would be left of axis 1 of "w"/)
})
