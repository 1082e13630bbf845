import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Builder } from '../../../../lib/graph/builder.ts'
import { coupled, removeEntries } from '../../../../lib/graph/coupling.ts'
import { formatShape, symbol } from '../../../../lib/graph/dim.ts'
import { Graph } from '../../../../lib/graph/graph.ts'
import { HONE } from '../../../../lib/graph/operator.ts'
import { operatorOf } from '../../../../lib/graph/ops/index.ts'
import { Tensor } from '../../../../lib/graph/tensor.ts'
import { verify } from '../../../../lib/graph/verify.ts'
import { checkOperator, type CheckedCase } from '../check.ts'
import { relativeDistance, runGraph, scattered, type OperatorCase } from '../run.ts'
import { checkShapes } from '../shapes.ts'

const x = (...shape: number[]) => scattered('float64', shape)
const f = (...shape: number[]) => scattered('float32', shape)
const positive = (t: Tensor) => Tensor.of(t.dtype, t.shape, t.toNumbers().map(Math.abs))

/** x, scale, B, mean, variance for `channels` channels; the statistics are stored, not learned. */
const normalization = (input: Tensor): CheckedCase => {
  const of = (seed: number) => scattered('float64', [input.shape[1]!], seed)
  return { type: 'BatchNormalization', inputs: [input, of(2), of(3), of(4), positive(of(5))], constants: [3, 4], batched: [0] }
}

test('batch normalization with stored statistics: shape, and gradients of x, scale and B', async () => {
  for (const shape of [[4, 3], [2, 3, 5], [2, 3, 2, 4], [2, 3, 2, 2, 2]]) await checkOperator(normalization(x(...shape)))
  await checkOperator({ ...normalization(x(2, 3, 4)), attributes: { epsilon: 0.1 } })
})

/** y, moved mean, moved variance, mean and 1/√(var + ε), of one channel's elements, in plain numbers. */
function trained(values: readonly number[], { scale, bias, mean, variance, momentum, epsilon }: Record<'scale' | 'bias' | 'mean' | 'variance' | 'momentum' | 'epsilon', number>) {
  const average = values.reduce((a, b) => a + b) / values.length
  const spread = values.reduce((sum, v) => sum + (v - average) ** 2, 0)
  const inverse = 1 / Math.sqrt(spread / values.length + epsilon)
  const moved = (running: number, batch: number) => running + momentum * (batch - running)
  return { y: values.map((v) => (v - average) * inverse * scale + bias), mean: moved(mean, average), variance: moved(variance, spread / (values.length - 1)), average, inverse }
}

test('batch normalization in training: the batch\'s statistics normalize, the running ones move towards them', async () => {
  const [n, c, size] = [3, 2, 4]
  const image = x(n, c, 2, 2)
  const [scale, bias, mean, variance] = [2, 3, 4, 5].map((seed) => scattered('float64', [c], seed))
  const [momentum, epsilon] = [0.25, 0.01]
  const b = new Builder(new Graph())
  const inputs = [b.graph.input('x', 'float64', [symbol('N'), c, 2, 2]), ...[scale, bias, mean, variance].map((t) => b.tensor(t!))]
  const outputs = b.ops('BatchNormTrain', inputs, { momentum, epsilon }, { domain: HONE, outputs: 5 })
  assert.deepEqual(outputs.map((v) => `${v.dtype}${formatShape(v.shape)}`), ['float64[N, 2, 2, 2]', ...Array(4).fill('float64[2]')])
  outputs.forEach((v, i) => b.graph.addOutput(v, `y${i}`))
  const found = Object.values(await runGraph(b.graph, { x: image })).map((t) => t.toNumbers())
  for (let channel = 0; channel < c; channel++) {
    const place = (i: number) => (Math.floor(i / size) * c + channel) * size + (i % size)
    const values = Array.from({ length: n * size }, (_, i) => image.toNumbers()[place(i)]!)
    const [s, o, m, v] = [scale, bias, mean, variance].map((t) => t!.toNumbers()[channel]!)
    const expected = trained(values, { scale: s!, bias: o!, mean: m!, variance: v!, momentum, epsilon })
    assert.ok(relativeDistance(values.map((_, i) => found[0]![place(i)]!), expected.y) < 1e-7)
    const statistics = [expected.mean, expected.variance, expected.average, expected.inverse]
    assert.ok(relativeDistance([1, 2, 3, 4].map((i) => found[i]![channel]!), statistics) < 1e-7)
  }
})

test('batch normalization in training: gradients of x, scale and B go through the statistics', async () => {
  for (const shape of [[4, 3], [3, 2, 5], [3, 2, 2, 3]]) {
    const stored = normalization(x(...shape))
    await checkOperator({ ...stored, type: 'BatchNormTrain', options: { domain: HONE, outputs: 5 }, results: 1, tolerance: 1e-6 })
  }
})

test('in training mode the operator of ONNX itself has no gradient', () => {
  const b = new Builder(new Graph())
  const value = b.graph.input('x', 'float32', [symbol('N'), 3])
  const node = b.op('BatchNormalization', [value, ...Array.from({ length: 4 }, () => b.tensor(f(3)))], { training_mode: 1 }, { outputs: 3 }).producer!
  const context = { graph: b, node, inputs: node.inputs.map((v) => v!), outputs: node.outputs, gradients: [node.output], wants: () => true }
  assert.throws(() => operatorOf(node)!.gradient!(context), /in training mode only hone.BatchNormTrain has a gradient/)
})

test('other normalizations have the shapes and types that ONNX Runtime gives', async () => {
  const cases: OperatorCase[] = [
    { type: 'LayerNormalization', inputs: [f(2, 3, 4), f(4), f(4)], options: { outputs: 3 } },
    { type: 'LayerNormalization', inputs: [f(2, 3, 4), f(3, 4)], attributes: { axis: 1 }, options: { outputs: 3 } },
    { type: 'LayerNormalization', inputs: [x(2, 3, 4), x(4)], attributes: { axis: -1 } },
    { type: 'InstanceNormalization', inputs: [f(2, 3, 4, 5), f(3), f(3)] },
    { type: 'LRN', inputs: [f(2, 6, 4, 5)], attributes: { size: 3 } },
    { type: 'LpNormalization', inputs: [f(2, 6, 4)], attributes: { axis: 1 } },
    { type: 'BatchNormalization', inputs: [f(2, 3, 4), f(3), f(3), f(3), positive(f(3))], attributes: { training_mode: 1 }, options: { outputs: 3 } },
  ]
  for (const c of cases) await checkShapes(c)
})

test('operations for each element, counted by hand', () => {
  const b = new Builder(new Graph())
  const value = b.graph.input('x', 'float32', [symbol('N'), 3, 4])
  const node = b.op('BatchNormalization', [value, ...Array.from({ length: 4 }, () => b.tensor(f(3)))]).producer!
  assert.equal(String(operatorOf(node)!.cost!(node.inputs.map((v) => v!), node).flops), '24*N')
})

/** stem (1x1, 3 to 6), a normalization with a vector for each of `size` entries, a head (1x1). */
function normalized(type: string, vectors: number, size: number, attributes: CheckedCase['attributes'] = {}): Graph {
  const b = new Builder(new Graph())
  const stem = b.op('Conv', [b.graph.input('x', 'float32', [symbol('N'), 3, 4, 4]), b.graph.parameter('stem', f(6, 3, 1, 1))])
  const y = b.op(type, [stem, ...Array.from({ length: vectors }, (_, i) => b.graph.parameter(`v${i}`, positive(f(size))))], attributes, { name: 'normalized' })
  b.graph.addOutput(b.op('Conv', [y, b.graph.parameter('head', f(5, 6, 1, 1))]), 'y')
  return b.graph
}

const find = (graph: Graph, name: string) => graph.initializers.find((v) => v.name === name)!

test('channels go through normalizations that keep them apart, with their vectors', async () => {
  const graphs = { BatchNormalization: normalized('BatchNormalization', 4, 6), InstanceNormalization: normalized('InstanceNormalization', 2, 6), LayerNormalization: normalized('LayerNormalization', 1, 4) }
  for (const [type, graph] of Object.entries(graphs)) {
    const vector = find(graph, 'v0')
    const perChannel = type !== 'LayerNormalization'
    removeEntries(graph, perChannel ? coupled({ value: vector, axis: 0 }, [0, 4]) : coupled({ value: find(graph, 'stem'), axis: 0 }, [0, 4]))
    verify(graph)
    assert.deepEqual([find(graph, 'stem').shape![0], find(graph, 'head').shape![1], vector.shape![0]], [4, 4, 4], type)
    assert.deepEqual((await runGraph(graph, { x: f(2, 3, 4, 4) }))['y']!.shape, [2, 5, 4, 4])
  }
})

test('channels that are normalized together cannot go, nor what a statistic is taken over', () => {
  const refused = (graph: Graph, name = 'stem') => assert.throws(() => coupled({ value: find(graph, name), axis: 0 }, [1]), /normalized \(\w+\) works along axis \d of/)
  refused(normalized('LRN', 0, 0, { size: 3 }))
  refused(normalized('LpNormalization', 0, 0, { axis: 1 }))
  refused(normalized('LayerNormalization', 1, 4), 'v0')
  const [node] = normalized('InstanceNormalization', 2, 6).nodes('InstanceNormalization')
  const row = operatorOf(node!)!.coupling!(node!).find(({ a }) => a.value === node!.input(0) && a.axis === 2)!
  assert.throws(() => row.forward([0]), /works along axis 2 of "conv_out"/)
})
