import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { Builder } from '../../../../lib/graph/builder.ts'
import { coupled, removeEntries } from '../../../../lib/graph/coupling.ts'
import { formatShape, symbol } from '../../../../lib/graph/dim.ts'
import { Graph } from '../../../../lib/graph/graph.ts'
import { operatorOf } from '../../../../lib/graph/ops/index.ts'
import { Tensor } from '../../../../lib/graph/tensor.ts'
import { verify } from '../../../../lib/graph/verify.ts'
import { gradientErrors, relativeDistance, runGraph, scattered, type OperatorCase } from '../run.ts'
import { checkShapes } from '../shapes.ts'

const x = (...shape: number[]) => scattered('float64', shape)
const f = (...shape: number[]) => scattered('float32', shape)
const ints = (...values: number[]) => Tensor.int64(values)
const grid = (shape: number[], ...values: number[]) => Tensor.of('int64', shape, values)
type Case = OperatorCase & { open?: boolean }

const differentiable: Record<string, Case[]> = {
  Concat: [
    { type: 'Concat', inputs: [x(2, 3), x(2, 5), x(2, 1)], attributes: { axis: 1 } },
    { type: 'Concat', inputs: [x(2, 3), x(4, 3)], attributes: { axis: -2 } },
    { type: 'Concat', inputs: [x(2, 3)], attributes: { axis: 0 } },
  ],
  Split: [
    { type: 'Split', inputs: [x(2, 7), ints(2, 4, 1)], attributes: { axis: 1 }, options: { outputs: 3 } },
    { type: 'Split', inputs: [x(7, 2)], attributes: { num_outputs: 3 }, options: { outputs: 3 }, open: true },
    { type: 'Split', inputs: [x(2, 6)], attributes: { axis: -1, num_outputs: 2 }, options: { outputs: 2 }, open: true },
  ],
  Slice: [
    { type: 'Slice', inputs: [x(4, 5), ints(1, 0), ints(-1, 2 ** 40)] },
    { type: 'Slice', inputs: [x(4, 7), ints(-2), ints(2 ** 31 - 1), ints(1)] },
    { type: 'Slice', inputs: [x(2, 7, 3), ints(1), ints(2 ** 31 - 1), ints(1), ints(2)] },
    { type: 'Slice', inputs: [x(2, 7, 3), ints(-1), ints(-(2 ** 40)), ints(1), ints(-1)] },
    { type: 'Slice', inputs: [x(2, 8, 5), ints(6, 1), ints(0, 4), ints(1, 2), ints(-3, 2)], open: true },
    { type: 'Slice', inputs: [x(4, 5), ints(1, 3), ints(3, 5), ints(0, 1)], open: true },
  ],
  Gather: [
    { type: 'Gather', inputs: [x(4, 3), grid([2, 2], 0, 3, -1, 0)] },
    { type: 'Gather', inputs: [x(4, 3), Tensor.scalar('int64', 2)], attributes: { axis: 0 } },
    { type: 'Gather', inputs: [x(2, 4, 3), grid([3, 2], 0, 3, 1, 1, -2, 0)], attributes: { axis: 1 } },
    { type: 'Gather', inputs: [x(2, 4), Tensor.scalar('int64', -1)], attributes: { axis: -1 } },
  ],
  GatherElements: [{ type: 'GatherElements', inputs: [x(3, 4), grid([2, 4], 0, 1, 2, 0, 2, 1, 0, 0)], attributes: { axis: 0 } }],
  CumSum: [
    { type: 'CumSum', inputs: [x(3, 4), Tensor.scalar('int64', 1)] },
    { type: 'CumSum', inputs: [x(3, 4), Tensor.scalar('int64', 0)], attributes: { exclusive: 1, reverse: 1 } },
  ],
  ScatterElements: [
    { type: 'ScatterElements', inputs: [x(3, 4), grid([2, 2], 0, 1, 2, 0), x(2, 2)], attributes: { axis: 0 } },
    { type: 'ScatterElements', inputs: [x(3, 4), grid([2, 2], 0, 1, 1, 1), x(2, 2)], attributes: { axis: 1, reduction: 'add' } },
  ],
  ScatterND: [
    { type: 'ScatterND', inputs: [x(4, 3), grid([2, 1], 2, 0), x(2, 3)] },
    { type: 'ScatterND', inputs: [x(4, 3), grid([3, 2], 2, 0, 1, 1, 2, 0), x(3)], attributes: { reduction: 'add' } },
  ],
}

for (const [type, cases] of Object.entries(differentiable))
  test(`${type}: its output has the shape and type that ONNX Runtime gives, also from symbolic sizes, and its gradient is that of central differences`, async () => {
    for (const c of cases) {
      await checkShapes(c)
      for (const error of await gradientErrors(c, 0.5)) assert.ok(error < 1e-9, `${type} [${c.inputs[0]!.shape}]: ${error}`)
    }
  })

test('operators that pick, count and list have the shape and type that ONNX Runtime gives', async () => {
  const cases: Case[] = [
    { type: 'GatherND', inputs: [f(4, 3, 2), grid([2, 1, 2], 0, 1, 3, 2)] },
    { type: 'GatherND', inputs: [f(2, 3, 2), grid([2, 1], 0, 2)], attributes: { batch_dims: 1 } },
    { type: 'ArgMax', inputs: [f(2, 3, 4)], attributes: { axis: 1 } },
    { type: 'ArgMin', inputs: [f(2, 3, 4)], attributes: { axis: -1, keepdims: 0 } },
    { type: 'TopK', inputs: [f(2, 5), ints(3)], options: { outputs: 2 } },
    { type: 'OneHot', inputs: [grid([2, 3], 0, 1, 2, 3, 0, 1), ints(4), Tensor.float32([2], [0, 1])] },
    { type: 'OneHot', inputs: [grid([2, 3], 0, 1, 2, 3, 0, 1), ints(4), Tensor.float32([2], [0, 1])], attributes: { axis: 0 } },
    { type: 'NonZero', inputs: [f(3, 4)], open: true },
    { type: 'Shape', inputs: [f(3, 4, 5)], attributes: { start: 1, end: -1 } },
    { type: 'Size', inputs: [f(3, 4, 5)] },
    { type: 'ConstantOfShape', inputs: [ints(2, 3)], attributes: { value: Tensor.of('int32', [1], [7]) } },
    { type: 'Range', inputs: [0, 10, 3].map((v) => Tensor.scalar('int64', v)) },
    { type: 'Range', inputs: [5, -5, -3].map((v) => Tensor.scalar('int32', v)) },
    { type: 'Constant', inputs: [], attributes: { value_ints: [4, 5, 6] } },
    { type: 'Constant', inputs: [], attributes: { value_float: 0.5 } },
    { type: 'Constant', inputs: [], attributes: { value: Tensor.of('uint8', [2, 2], [1, 2, 3, 4]) } },
  ]
  for (const c of cases) await checkShapes(c)
})

test('a slice with any start, end and step has the shape that the runtime gives, and its gradient goes back to where it took', async () => {
  const bound = fc.integer({ min: -8, max: 8 })
  const step = fc.integer({ min: -3, max: 3 }).filter((n) => n !== 0)
  await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 6 }), bound, bound, step, async (extent, start, end, by) => {
    const c = { type: 'Slice', inputs: [x(2, extent, 2), ints(start), ints(end), ints(1), ints(by)] }
    const b = new Builder(new Graph())
    const value = b.graph.input('x', 'float64', [2, extent, 2])
    const taken = b.slice(value, [start], [end], [1], [by])
    b.graph.addOutput(taken, 'y')
    const { y } = await runGraph(b.graph, { x: c.inputs[0]! })
    assert.equal(formatShape(taken.shape), formatShape(y!.shape))
    if (y!.size) for (const error of await gradientErrors(c, 0.5)) assert.ok(error < 1e-9, `${error}`)
  }), { numRuns: 60 })
})

test('any number of parts joined along any axis has the shape that the runtime gives', async () => {
  const shape = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 })
  await fc.assert(fc.asyncProperty(shape, fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }), fc.nat(), async (dims, lengths, seed) => {
    const axis = seed % dims.length
    await checkShapes({ type: 'Concat', inputs: lengths.map((length) => x(...dims.with(axis, length))), attributes: { axis } })
  }), { numRuns: 30 })
})

test('the gradient of an embedding adds up the rows that were read many times', async () => {
  const graph = new Graph()
  const b = new Builder(graph)
  const table = graph.input('table', 'float32', [50, 64])
  const tokens = b.tensor(grid([4000], ...Array.from({ length: 4000 }, (_, i) => (i * 31) % 50)))
  const rows = b.gather(table, tokens)
  const node = rows.producer!
  const ones = b.tensor(Tensor.float32([4000, 64], new Float32Array(4000 * 64).fill(1)))
  const [gradient] = operatorOf(node)!.gradient!({ graph: b, node, inputs: [table, tokens], outputs: [rows], gradients: [ones], wants: (i) => i === 0 })
  graph.addOutput(gradient!, 'gradient')
  const result = await runGraph(graph, { table: f(50, 64) }, { intraOpNumThreads: 2 })
  assert.deepEqual(new Set(result['gradient']!.toNumbers()), new Set([80]))
})

test('a strided slice of channels takes the same ones after some are gone, by a stretch or by their indices', async () => {
  const every = (n: number) => Array.from({ length: n }, (_, i) => i)
  const run = async (left: readonly number[]) => {
    const graph = new Graph()
    const b = new Builder(graph)
    const full = graph.input('x', 'float32', [1, 10, 2])
    const y = b.slice(full, [0, 1], [2 ** 40, 10], [0, 1], [1, 2])
    const node = y.producer!
    const { coupling, resized } = operatorOf(node)!
    const channels = coupling!(node).find(({ a }) => a.value === full && a.axis === 1)!
    resized!(node, ({ value, axis }) => (axis !== 1 ? every(Number(value.shape![axis])) : value === full ? left : channels.forward(left).toSorted((i, j) => i - j)), b)
    const narrow = graph.input('narrow', 'float32', [1, left.length, 2])
    for (const use of full.uses) node.graph.nodes().find((n) => n === use.user)!.setInput(use.index, narrow)
    graph.removeInput(full)
    graph.addOutput(y, 'y')
    graph.sort()
    const feed = Tensor.float32([1, 10, 2], Float32Array.from({ length: 20 }, (_, i) => Math.floor(i / 2)))
    const result = await runGraph(graph, { narrow: feed.take(1, left) })
    return { type: graph.nodes().map((n) => n.type), taken: result['y']!.toNumbers().filter((_, i) => i % 2 === 0) }
  }
  assert.deepEqual(await run([0, 1, 2, 3, 4, 5, 6, 7]), { type: ['Slice'], taken: [1, 3, 5, 7] })
  assert.deepEqual(await run([1, 3, 4, 7, 8]), { type: ['Gather', 'Slice'], taken: [1, 3, 7] })
})

test('channels go through a strided slice, groups, padding and a flattened head to a smaller network that computes the same where they were zero', async () => {
  const graph = new Graph()
  const b = new Builder(graph)
  const image = graph.input('x', 'float32', [symbol('N'), 3, 4, 4])
  const gone = [1, 4, 5, 6]
  const stem = Tensor.float32([12, 3, 1, 1], f(12, 3, 1, 1).toNumbers().map((v, i) => (gone.includes(Math.floor(i / 3)) ? 0 : v)))
  const weight = graph.parameter('stem', stem)
  const wide = b.op('Conv', [image, weight])
  const strided = b.slice(wide, [0], [2 ** 40], [1], [2])
  const [left, right] = b.split(b.op('Pad', [strided, b.int64([0, 1, 0, 0, 0, 1, 0, 0])]), [4, 4], 1)
  const joined = b.concat([b.op('Expand', [right!, b.int64([1, 4, 4, 4])]), left!], 1)
  const rows = b.unsqueeze(b.op('Squeeze', [b.reshape(b.transpose(joined, [0, 2, 3, 1]), [-1, 1, 16, 8]), b.int64([1])]), [0])
  graph.addOutput(b.matmul(b.op('Tile', [rows, b.int64([1, 1, 1, 2])]), b.tensor(f(16, 5), 'head')), 'y')
  const smaller = graph.copy()
  const find = (name: string) => smaller.initializers.find((v) => v.name === name)!
  removeEntries(smaller, coupled({ value: find('stem'), axis: 0 }, gone))
  verify(smaller)
  assert.deepEqual([find('stem').shape, find('head').shape], [[8, 3, 1, 1], [12, 5]])
  const x = f(2, 3, 4, 4)
  const [before, after] = [await runGraph(graph, { x }), await runGraph(smaller, { x })]
  assert.deepEqual(after['y']!.shape, before['y']!.shape)
  assert.ok(relativeDistance(after['y']!.toNumbers(), before['y']!.toNumbers()) < 1e-6)
})

test('parts of a concat and a split hang together with the whole, and the sizes of a split follow', () => {
  const b = new Builder(new Graph())
  const [p, q] = [4, 6].map((channels, i) => b.graph.input(`x${i}`, 'float32', [symbol('N'), channels, 5]))
  const whole = b.concat([p!, q!], 1)
  const joined = operatorOf(whole.producer!)!.coupling!(whole.producer!)
  assert.deepEqual(joined.find(({ a }) => a.value === q && a.axis === 1)!.forward([0, 5]), [4, 9])
  assert.deepEqual(joined.find(({ a }) => a.value === p && a.axis === 1)!.backward([3, 4]), [3])
  assert.equal(joined.filter(({ a }) => a.axis === 2).length, 2)
  const [left, right] = b.ops('Split', [whole], { axis: 1, num_outputs: 2 }, { outputs: 2 })
  const node = left!.producer!
  operatorOf(node)!.resized!(node, ({ value }) => (value === left ? [0, 2] : value === right ? [0, 1, 2, 3, 4] : [0, 2, 5, 6, 7, 8, 9]), b)
  assert.deepEqual(node.input(1).constant!.toNumbers(), [2, 5])
  assert.equal(node.attributes.has('num_outputs'), false)
})

test('rows of an embedding cannot be removed, its features can', () => {
  const b = new Builder(new Graph())
  const table = b.graph.input('table', 'float32', [100, 8])
  const rows = b.gather(table, b.graph.input('tokens', 'int64', [symbol('N'), 20]))
  const links = operatorOf(rows.producer!)!.coupling!(rows.producer!)
  assert.throws(() => links.find(({ a }) => a.value === table && a.axis === 0)!.forward([3]), /picks entries of axis 0 by their indices/)
  assert.deepEqual(links.find(({ a }) => a.value === table && a.axis === 1)!.b, { value: rows, axis: 2 })
})

test('a slice keeps what can be said of a symbolic size, and says nothing where it depends on it', () => {
  const b = new Builder(new Graph())
  const value = b.graph.input('x', 'float32', [symbol('N'), symbol('T')])
  assert.equal(formatShape(b.slice(value, [1], [2 ** 40], [1]).shape), '[N, T - 1]')
  assert.equal(formatShape(b.slice(value, [-3], [2 ** 40], [1]).shape), '[N, 3]')
  assert.equal(formatShape(b.slice(value, [-1], [-(2 ** 40)], [1], [-1]).shape), '[N, T]')
  assert.equal(formatShape(b.slice(value, [0], [5], [1]).shape), '[N, ?]')
  assert.equal(formatShape(b.op('Slice', [value], { starts: [0, 1], ends: [2 ** 40, -1], axes: [0, 1] }).shape), '[N, T - 2]')
})

test('parts that do not fit are refused', () => {
  const b = new Builder(new Graph())
  const value = b.graph.input('x', 'float32', [2, 3])
  assert.throws(() => b.concat([value, b.tensor(f(3, 3))], 1), /concat \(Concat\): axis 0 of its inputs is 2 long in one and 3 in another/)
  assert.throws(() => b.split(value, [1, 1], 1), /sizes \[1,1\] do not add up to 3/)
  assert.throws(() => b.slice(value, [0], [1], [1], [0]), /its step along axis 1 is 0/)
})
