import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Builder } from '../../../../lib/graph/builder.ts'
import { coupled, removeEntries } from '../../../../lib/graph/coupling.ts'
import { formatShape, symbol } from '../../../../lib/graph/dim.ts'
import { Graph } from '../../../../lib/graph/graph.ts'
import { operatorOf } from '../../../../lib/graph/ops/index.ts'
import { Tensor } from '../../../../lib/graph/tensor.ts'
import { verify } from '../../../../lib/graph/verify.ts'
import { checkOperator } from '../check.ts'
import { relativeDistance, runGraph, scattered, type OperatorCase } from '../run.ts'
import { checkShapes } from '../shapes.ts'

const ints = (...values: number[]) => Tensor.int64(values)
const x = (...shape: number[]) => scattered('float64', shape)
const f = (...shape: number[]) => scattered('float32', shape)
const positive = (t: Tensor) => Tensor.of(t.dtype, t.shape, t.toNumbers().map(Math.abs))

/** Axes and keepdims in every form that an operator set from 18 on allows. */
const forms = (type: string, input: Tensor): OperatorCase[] => [
  { type, inputs: [input, ints(1)], batched: [0] },
  { type, inputs: [input, ints(0, 2)], attributes: { keepdims: 0 }, batched: [0] },
  { type, inputs: [input, ints(-1)], attributes: { keepdims: 0 }, batched: [0] },
  { type, inputs: [input, ints(-1, -3)], attributes: { keepdims: 1 }, batched: [0] },
  { type, inputs: [input], attributes: { keepdims: 0 }, batched: [0] },
  { type, inputs: [input] },
  { type, inputs: [input, ints()], attributes: { keepdims: 0 } },
  { type, inputs: [input, ints(0, 1, 2)], attributes: { keepdims: 0 } },
]

for (const type of ['ReduceSum', 'ReduceMean', 'ReduceSumSquare', 'ReduceLogSumExp', 'ReduceMax', 'ReduceMin'])
  test(`${type}: shape and gradient for any axes`, async () => {
    for (const c of forms(type, x(3, 2, 4))) await checkOperator(c)
  })

for (const type of ['ReduceL1', 'ReduceL2'])
  test(`${type}: shape and gradient for any axes`, async () => {
    for (const c of forms(type, f(3, 2, 4))) await checkOperator({ ...c, step: 1e-2, tolerance: 2e-3 })
  })

test('ReduceLogSum: shape and gradient for any axes', async () => {
  for (const c of forms('ReduceLogSum', positive(f(3, 2, 4)))) await checkOperator({ ...c, step: 1e-2, tolerance: 2e-3 })
})

test('ReduceProd has the shape that the runtime gives', async () => {
  for (const c of forms('ReduceProd', f(3, 2, 4))) await checkShapes(c)
})

test('without axes nothing is reduced where noop_with_empty_axes says so', async () => {
  for (const type of ['ReduceSum', 'ReduceMean', 'ReduceMax', 'ReduceSumSquare', 'ReduceLogSumExp'])
    for (const inputs of [[x(3, 2)], [x(3, 2), ints()]]) await checkOperator({ type, inputs, attributes: { noop_with_empty_axes: 1, keepdims: 0 }, batched: [0] })
})

test('in older operator sets the axes are an attribute', async () => {
  for (const [keepdims, shape] of [[0, '[3, 4]'], [1, '[3, 1, 4]']] as const) {
    const graph = new Graph()
    graph.opsets.set('', 13)
    const b = new Builder(graph)
    const y = b.op('ReduceMean', [graph.input('x', 'float32', [3, 2, 4])], { axes: [-2], keepdims })
    assert.equal(formatShape(y.shape), shape)
    graph.addOutput(y, 'y')
    assert.equal(formatShape((await runGraph(graph, { x: f(3, 2, 4) }))['y']!.shape), shape)
  }
})

test('axes that are wrong, or known only at run time', () => {
  const b = new Builder(new Graph())
  const value = b.graph.input('x', 'float32', [symbol('N'), 4])
  assert.throws(() => b.reduceSum(value, [2]), /reducesum \(ReduceSum\): axis 2 is outside its 2 axes/)
  const y = b.op('ReduceSum', [value, b.graph.input('axes', 'int64', [1])])
  assert.equal(formatShape(y.shape), '?')
  const context = { graph: b, node: y.producer!, inputs: [value], outputs: [y], gradients: [y], wants: () => true }
  assert.throws(() => operatorOf(y.producer!)!.gradient!(context), /its axes are known only at run time/)
  assert.throws(() => operatorOf(y.producer!)!.coupling!(y.producer!), /reducesum_2 \(ReduceSum\): its axes are known only at run time/)
})

test('equal largest elements share the gradient', async () => {
  const b = new Builder(new Graph())
  const value = b.graph.input('x', 'float32', [2, 3])
  const y = b.op('ReduceMax', [value, b.int64([1])], { keepdims: 0 })
  const context = { graph: b, node: y.producer!, inputs: [value], outputs: [y], gradients: [b.tensor(Tensor.float32([2], [6, 1]))], wants: () => true }
  b.graph.addOutput(operatorOf(y.producer!)!.gradient!(context)[0]!, 'dx')
  const { dx } = await runGraph(b.graph, { x: Tensor.float32([2, 3], [5, 1, 5, 0, 2, 1]) })
  assert.deepEqual(dx!.toNumbers(), [3, 0, 3, 0, 1, 0])
})

/** stem (1x1, 3 to 6), a reduction, and a product with a weight where the channels are left. */
function reduced(type: string, axes: number[], keepdims: number): Graph {
  const b = new Builder(new Graph())
  const stem = b.op('Conv', [b.graph.input('x', 'float32', [symbol('N'), 3, 4, 4]), b.graph.parameter('stem', f(6, 3, 1, 1))])
  b.graph.addOutput(b.op(type, [stem, b.int64(axes)], { keepdims }, { name: 'reduced' }), 'y')
  return b.graph
}

test('channels go through a reduction of other axes, moved where those are dropped', async () => {
  for (const keepdims of [0, 1]) {
    const graph = reduced('ReduceMean', [0, 2], keepdims)
    const stem = graph.parameters[0]!
    const b = new Builder(graph)
    const pooled = graph.outputs[0]!
    graph.truncateOutputs(0)
    const product = b.matmul(pooled, b.tensor(f(4, 2)))
    graph.addOutput(b.op('ReduceSum', [product, b.int64([keepdims])], { keepdims: 0 }), 'z')
    const before = (await runGraph(graph, { x: f(2, 3, 4, 4) }))['z']!
    const silent = graph.copy()
    removeEntries(graph, coupled({ value: stem, axis: 0 }, [1, 5]))
    verify(graph)
    assert.deepEqual(stem.shape, [4, 3, 1, 1])
    const after = (await runGraph(graph, { x: f(2, 3, 4, 4) }))['z']!
    assert.deepEqual(after.shape, before.shape)
    const still = silent.parameters[0]!
    still.initializer = Tensor.float32([6, 3, 1, 1], still.initializer!.toNumbers().map((v, i) => ([1, 5].includes(Math.floor(i / 3)) ? 0 : v)))
    const zeroed = (await runGraph(silent, { x: f(2, 3, 4, 4) }))['z']!
    assert.ok(relativeDistance(after.toNumbers(), zeroed.toNumbers()) < 1e-5)
  }
})

test('channels that are summed or averaged may go, and count as zeros; an extreme would move, and is refused', async () => {
  for (const type of ['ReduceSum', 'ReduceSumSquare', 'ReduceL1', 'ReduceL2', 'ReduceMean']) {
    const [graph, silent] = [reduced(type, [1], 0), reduced(type, [1], 0)]
    removeEntries(graph, coupled({ value: graph.parameters[0]!, axis: 0 }, [0]))
    verify(graph)
    const stem = silent.parameters[0]!
    stem.initializer = Tensor.float32([6, 3, 1, 1], stem.initializer!.toNumbers().map((v, i) => (i < 3 ? 0 : v)))
    const [left, expected] = await Promise.all([graph, silent].map(async (one) => Object.values(await runGraph(one, { x: f(2, 3, 4, 4) }))[0]!))
    assert.deepEqual(left!.shape, [2, 4, 4])
    assert.ok(relativeDistance(left!.toNumbers(), expected!.toNumbers()) < 1e-5, type)
  }
  for (const type of ['ReduceMax', 'ReduceMin', 'ReduceProd', 'ReduceLogSumExp', 'ReduceLogSum'])
    assert.throws(() => coupled({ value: reduced(type, [1], 1).parameters[0]!, axis: 0 }, [0]), new RegExp(`reduced \\(${type}\\) reduces axis 1 of "conv_out", and its result depends on the entries that would go`))
})

test('a reduction reads each element once', () => {
  const b = new Builder(new Graph())
  const value = b.graph.input('x', 'float32', [symbol('N'), 4, 5])
  const flops = (type: string) => {
    const node = b.op(type, [value, b.int64([1])]).producer!
    return String(operatorOf(node)!.cost!([value], node).flops)
  }
  assert.deepEqual(['ReduceSum', 'ReduceMean', 'ReduceL2'].map(flops), ['20*N', '20*N', '40*N'])
})
