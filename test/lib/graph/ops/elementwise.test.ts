import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Builder } from '../../../../lib/graph/builder.ts'
import { float } from '../../../../lib/graph/attribute.ts'
import { coupled } from '../../../../lib/graph/coupling.ts'
import { formatShape, symbol, type Shape } from '../../../../lib/graph/dim.ts'
import { Graph } from '../../../../lib/graph/graph.ts'
import { operatorOf } from '../../../../lib/graph/ops/index.ts'
import { DATA_TYPES, sizeOf, Tensor, type DataType } from '../../../../lib/graph/tensor.ts'
import { checkOperator, type CheckedCase } from '../check.ts'
import { relativeDistance, runGraph, scattered, type OperatorCase } from '../run.ts'
import { checkShapes } from '../shapes.ts'

const x = (...shape: number[]) => scattered('float64', shape)
const z = (...shape: number[]) => scattered('float64', shape, 4)
const f = (...shape: number[]) => scattered('float32', shape)
const positive = (t: Tensor) => Tensor.of(t.dtype, t.shape, t.toNumbers().map(Math.abs))
const whole = (dtype: DataType, ...shape: number[]) => Tensor.of(dtype, shape, Array.from({ length: sizeOf(shape) }, (_, i) => (i * 5 + sizeOf(shape)) % 7))
const truth = (...shape: number[]) => Tensor.of('bool', shape, whole('uint8', ...shape).toNumbers().map((v) => v % 2))
const to = (dtype: DataType) => ({ to: DATA_TYPES.indexOf(dtype) })
/** For operators that ONNX Runtime computes in float32 only. */
const single = { step: 1e-2, tolerance: 2e-3 }

/** A case for each way in which shapes are broadcast to each other. */
const broadcast = (type: string, a: typeof x, b: typeof x): CheckedCase[] => [
  { type, inputs: [a(3, 2), b(3, 2)], batched: [0, 1] },
  { type, inputs: [a(3, 2, 4), b(4)], batched: [0] },
  { type, inputs: [a(4), b(3, 2, 4)], batched: [1] },
  { type, inputs: [a(2, 1, 4), b(3, 1)], batched: [0] },
  { type, inputs: [a(), b(3, 2)], batched: [1] },
  { type, inputs: [a(3, 2), b(1)], batched: [0] },
]

const cases: Record<string, CheckedCase[]> = {
  ...Object.fromEntries(['Relu', 'Sigmoid', 'Tanh', 'Exp', 'Reciprocal', 'Neg', 'Abs', 'Sin', 'Cos', 'Identity'].map((type) => [type, [{ type, inputs: [x(3, 2, 4)], batched: [0] }]])),
  ...Object.fromEntries(['Log', 'Sqrt'].map((type) => [type, [{ type, inputs: [positive(x(3, 2, 4))], batched: [0] }]])),
  ...Object.fromEntries(['Erf', 'Softplus'].map((type) => [type, [{ type, inputs: [f(3, 2, 4)], batched: [0], ...single }]])),
  LeakyRelu: [
    { type: 'LeakyRelu', inputs: [f(3, 5)], batched: [0], ...single },
    { type: 'LeakyRelu', inputs: [f(3, 5)], attributes: { alpha: 0.3 }, ...single },
    { type: 'LeakyRelu', inputs: [f(3, 5)], attributes: { alpha: float(1) }, ...single },
  ],
  Clip: [
    { type: 'Clip', inputs: [x(3, 5), Tensor.scalar('float64', -0.5), Tensor.scalar('float64', 0.75)], constants: [1, 2], batched: [0] },
    { type: 'Clip', inputs: [x(3, 5), Tensor.scalar('float64', 0.5)], constants: [1] },
    { type: 'Clip', inputs: [x(3, 5), null, Tensor.scalar('float64', 0.5)], constants: [2] },
    { type: 'Clip', inputs: [x(3, 5)] },
  ],
  Cast: [
    { type: 'Cast', inputs: [x(3, 5)], attributes: to('float32'), batched: [0], step: 0.5, tolerance: 1e-6 },
    { type: 'Cast', inputs: [f(3, 5)], attributes: to('float64'), step: 0.5, tolerance: 1e-6 },
  ],
  ...Object.fromEntries(['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min', 'Sum'].map((type) => [type, broadcast(type, x, z)])),
  Pow: [
    ...broadcast('Pow', (...shape) => positive(x(...shape)), z),
    { type: 'Pow', inputs: [x(3, 5), Tensor.scalar('float64', 3)], constants: [1] },
    { type: 'Pow', inputs: [x(3, 5), Tensor.scalar('int64', 2)], batched: [0] },
  ],
  'Max of three': [{ type: 'Max', inputs: [x(2, 3), z(3), scattered('float64', [2, 1], 9)] }, { type: 'Max', inputs: [x(2, 3)] }],
  'Sum of three': [{ type: 'Sum', inputs: [x(2, 3), z(3), scattered('float64', [2, 1], 9)] }, { type: 'Sum', inputs: [x(2, 3)] }],
  Where: [
    { type: 'Where', inputs: [truth(3, 4), x(3, 4), z(3, 4)] },
    { type: 'Where', inputs: [truth(3, 1), x(4), z(2, 1, 1)] },
    { type: 'Where', inputs: [truth(4), x(), z(3, 4)], batched: [2] },
  ],
}

for (const [type, list] of Object.entries(cases))
  test(`${type}: shape and type are ONNX Runtime's, and the gradient is that of central differences`, async () => {
    for (const c of list) await checkOperator(c)
  })

test('operators without a gradient have the shape and type that ONNX Runtime gives', async () => {
  const list: OperatorCase[] = [
    ...['Elu', 'HardSigmoid', 'HardSwish', 'Gelu', 'Sign', 'Floor', 'Ceil', 'Round'].map((type) => ({ type, inputs: [f(3, 2)] })),
    { type: 'Not', inputs: [truth(3, 2)] },
    ...['Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual', 'Equal'].map((type) => ({ type, inputs: [f(3, 1, 2), f(4, 1)] })),
    ...['And', 'Or', 'Xor'].map((type) => ({ type, inputs: [truth(3, 1), truth(2)] })),
    { type: 'Mod', inputs: [whole('int64', 3, 2), Tensor.int64([2, 3])] },
    { type: 'BitShift', inputs: [whole('uint8', 3, 2), whole('uint8', 2)], attributes: { direction: 'LEFT' } },
    { type: 'PRelu', inputs: [f(2, 3, 4), f(3, 1)] },
    { type: 'Cast', inputs: [f(3, 2)], attributes: to('int32') },
  ]
  for (const c of list) await checkShapes(c)
})

test('equal largest inputs share the gradient', async () => {
  const graph = new Graph()
  const b = new Builder(graph)
  const [p, q] = ['p', 'q'].map((name) => graph.input(name, 'float32', [3]))
  const y = b.op('Max', [p, q])
  const gradients = operatorOf(y.producer!)!.gradient!({ graph: b, node: y.producer!, inputs: [p!, q!], outputs: [y], gradients: [b.tensor(Tensor.float32([3], [1, 2, 3]))], wants: () => true })
  gradients.forEach((d, i) => graph.addOutput(d!, `d${i}`))
  const { d0, d1 } = await runGraph(graph, { p: Tensor.float32([3], [1, 5, 2]), q: Tensor.float32([3], [1, 4, 9]) })
  assert.deepEqual([d0!.toNumbers(), d1!.toNumbers()], [[0.5, 2, 0], [0.5, 0, 3]])
})

/** Gradients of sum(left · right), of inputs that the graph knows by `shapes` only. */
async function productGradients(left: Tensor, right: Tensor, shapes: readonly Shape[]): Promise<Tensor[]> {
  const graph = new Graph()
  const b = new Builder(graph)
  const inputs = shapes.map((shape, i) => graph.input(`x${i}`, 'float64', shape))
  const y = b.mul(inputs[0]!, inputs[1]!)
  const ones = b.op('Expand', [b.scalar(1, 'float64'), b.shapeOf(y)])
  const gradients = operatorOf(y.producer!)!.gradient!({ graph: b, node: y.producer!, inputs, outputs: [y], gradients: [ones], wants: () => true })
  gradients.forEach((d, i) => graph.addOutput(b.identity(d!), `d${i}`))
  return Object.values(await runGraph(graph, { x0: left, x1: right }))
}

test('where only the run shows which input is repeated, its gradient is still summed over the right axes', async () => {
  const sizes = [[[3, 4], [3, 4]], [[1, 4], [3, 4]], [[3, 4], [3, 1]], [[1, 4], [3, 1]], [[4], [2, 3, 4]], [[1, 1], [2, 3, 4]]]
  for (const [p, q] of sizes) {
    const [left, right] = [x(...p!), z(...q!)]
    const known = await productGradients(left, right, [p!, q!])
    const open = await productGradients(left, right, [p!.map((_, axis) => symbol(`p${axis}`)), q!.map(() => null)])
    open.forEach((d, i) => {
      assert.deepEqual(d.shape, known[i]!.shape, `[${p}] · [${q}]`)
      assert.ok(relativeDistance(d.toNumbers(), known[i]!.toNumbers()) < 1e-12, `[${p}] · [${q}]`)
    })
  }
})

test('shape arithmetic follows the runtime: integer division towards zero, truth values of 0 and 1, lists with single numbers', async () => {
  const graph = new Graph()
  const b = new Builder(graph)
  const dims = b.op('Shape', [graph.input('x', 'float32', [symbol('N'), 7])])
  const half = b.div(b.sub(dims, b.int64([0, 12])), b.int64([2]))
  const flags = b.cast(b.cast(b.tensor(Tensor.int64([0, 5])), 'bool'), 'int64')
  assert.equal(String(half.contents?.[1]), '-2')
  assert.notDeepEqual(flags.contents, [0, 5])
  graph.addOutput(b.slice(half, [1], [2], [0]), 'half')
  graph.addOutput(flags, 'flags')
  const real = await runGraph(graph, { x: f(4, 7) })
  assert.deepEqual([real['half']!.toNumbers(), real['flags']!.toNumbers()], [[-2], [0, 1]])
  const kept = b.cast(b.cast(b.tensor(Tensor.int64([2, 3])), 'int32'), 'int64')
  assert.equal(formatShape(b.reshape(graph.input('y', 'float32', [6]), kept).shape), '[2, 3]')
})

test('shapes that cannot be broadcast are refused with both', () => {
  const b = new Builder(new Graph())
  const value = b.graph.input('x', 'float32', [2, 3])
  assert.throws(() => b.add(value, b.tensor(f(2))), /add \(Add\): shapes \[2, 3\] and \[2\] cannot be broadcast: 3 is not 2/)
  assert.throws(() => b.op('Where', [b.tensor(truth(4, 1)), value, value]), /cannot be broadcast: 4 is not 2/)
  assert.equal(formatShape(b.add(b.graph.input('y', 'float32', [symbol('N'), 3]), value).shape), '[2, 3]')
})

test('channels go through additions and products, past what is broadcast over them', () => {
  const graph = new Graph()
  const b = new Builder(graph)
  const wide = b.op('Conv', [graph.input('x', 'float32', [symbol('N'), 3, 4, 4]), graph.parameter('w', f(6, 3, 1, 1))])
  const scale = graph.parameter('scale', f(6, 1, 1))
  const offset = graph.parameter('offset', f(1))
  const y = b.relu(b.add(b.mul(wide, scale), offset))
  const removal = coupled({ value: scale, axis: 0 }, [1, 4])
  const lost = (value: typeof y) => [...(removal.get(value) ?? [])].map(([axis, entries]) => [axis, [...entries]])
  assert.deepEqual([lost(wide), lost(y), lost(scale), lost(offset)], [[[1, [1, 4]]], [[1, [1, 4]]], [[0, [1, 4]]], []])
  const unclear = b.add(y, graph.input('bias', 'float32', [symbol('C'), 1, 1]))
  graph.addOutput(b.op('Conv', [unclear, b.tensor(f(2, 6, 1, 1))]))
  assert.throws(() => coupled({ value: scale, axis: 0 }, [1]), /whether axis 0 of "bias" is broadcast is known only at run time/)
})

test('the work of an elementwise operator is one operation for each element that it gives', () => {
  const b = new Builder(new Graph())
  const value = b.graph.input('x', 'float32', [symbol('N'), 3, 8])
  const flops = (type: string, ...inputs: Parameters<typeof b.op>[1]) => {
    const node = b.op(type, inputs).producer!
    return String(operatorOf(node)!.cost!(node.inputs.map((v) => v!), node).flops)
  }
  assert.equal(flops('Relu', value), '24*N')
  assert.equal(flops('Mul', b.tensor(f(8)), value), '24*N')
  assert.equal(flops('Sum', value, value, b.tensor(f(8))), '48*N')
  assert.equal(flops('Sigmoid', value), '96*N')
  assert.equal(flops('Identity', value), '0')
})

test('before operator set 7 a slope belongs to a channel, and the channels are not pruned', () => {
  const graph = new Graph()
  graph.opsets.set('', 6)
  const [images, slope] = [graph.input('x', 'float32', [2, 3, 4, 5]), graph.input('slope', 'float32', [3])]
  const y = new Builder(graph).op('PRelu', [images, slope])
  assert.deepEqual(y.shape, [2, 3, 4, 5])
  assert.throws(() => coupled({ value: slope, axis: 0 }, [0]), /operator sets before 7/)
})

test('at its bounds relu6 has the slope 0, and a clamp the slope 1, as in PyTorch', async () => {
  for (const [low, high, slopes] of [[0, 6, [0, 0, 1, 0, 0]], [0, 5, [0, 1, 1, 0, 0]], [-1, 6, [1, 1, 1, 1, 0]]] as const) {
    const graph = new Graph()
    const b = new Builder(graph)
    const value = graph.input('x', 'float32', [5])
    const y = b.op('Clip', [value, b.scalar(low, 'float32'), b.scalar(high, 'float32')])
    const context = { graph: b, node: y.producer!, inputs: y.producer!.inputs.map((v) => v!), outputs: [y], gradients: [b.tensor(Tensor.float32([5], [1, 1, 1, 1, 1]))], wants: () => true }
    graph.addOutput(operatorOf(y.producer!)!.gradient!(context)[0]!, 'dx')
    assert.deepEqual((await runGraph(graph, { x: Tensor.float32([5], [-1, 0, 3, 6, 7]) })).dx!.toNumbers(), slopes)
  }
})
