import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { float, type AttributeInput } from '../../../../lib/graph/attribute.ts'
import { Builder } from '../../../../lib/graph/builder.ts'
import { coupled, removeEntries } from '../../../../lib/graph/coupling.ts'
import { formatShape, symbol } from '../../../../lib/graph/dim.ts'
import { Graph, type Value } from '../../../../lib/graph/graph.ts'
import { operatorOf } from '../../../../lib/graph/ops/index.ts'
import { verify } from '../../../../lib/graph/verify.ts'
import { checkOperator, type CheckedCase } from '../check.ts'
import { runGraph, scattered } from '../run.ts'
import { checkShapes } from '../shapes.ts'

const x = (...shape: number[]) => scattered('float64', shape)
const w = (...shape: number[]) => scattered('float64', shape, 3)
const f = (...shape: number[]) => scattered('float32', shape)
/** A product is linear in each input, so the step may be large. */
const linear = { step: 0.5, tolerance: 1e-9 }

const products: Record<string, CheckedCase> = {
  'two matrices': { type: 'MatMul', inputs: [x(3, 4), w(4, 2)], batched: [0] },
  'rows of a batch with one shared matrix': { type: 'MatMul', inputs: [x(2, 3, 4), w(4, 5)], batched: [0] },
  'rows of two batch axes with one shared matrix': { type: 'MatMul', inputs: [x(2, 2, 3, 4), w(4, 5)], batched: [0] },
  'one shared matrix on the left': { type: 'MatMul', inputs: [x(3, 4), w(2, 4, 5)], batched: [1] },
  'a batch each': { type: 'MatMul', inputs: [x(2, 3, 4), w(2, 4, 5)], batched: [0, 1] },
  'a batch over which the other is repeated': { type: 'MatMul', inputs: [x(2, 1, 3, 4), w(5, 4, 2)], batched: [0] },
  'both repeated': { type: 'MatMul', inputs: [x(3, 1, 2, 4), w(1, 2, 4, 3)], batched: [0] },
}

for (const [name, c] of Object.entries(products)) test(`a product of ${name}: shape and gradients`, () => checkOperator({ ...c, ...linear }))

test('products with vectors have the shape that the runtime gives, and no gradient', async () => {
  for (const inputs of [[x(4), w(4)], [x(4), w(4, 3)], [x(2, 4), w(4)], [x(4), w(2, 4, 3)], [x(5, 2, 4), w(4)]]) await checkShapes({ type: 'MatMul', inputs })
  const b = new Builder(new Graph())
  const [left, right] = [b.graph.input('x', 'float32', [symbol('N'), 4]), b.tensor(f(4))]
  const y = b.matmul(left, right)
  const context = { graph: b, node: y.producer!, inputs: [left, right], outputs: [y], gradients: [y], wants: () => true }
  assert.throws(() => operatorOf(y.producer!)!.gradient!(context), /its gradient needs matrices, not \[N, 4\] and \[4\]/)
})

for (const [transA, transB] of [[0, 0], [0, 1], [1, 0], [1, 1]] as const)
  test(`Gemm with transA ${transA}, transB ${transB}: shape and gradients of both matrices and of C in every broadcast form`, async () => {
    const [a, b] = [transA ? x(4, 3) : x(3, 4), transB ? w(2, 4) : w(4, 2)]
    const scaled: Record<string, AttributeInput> = { alpha: 0.5, beta: float(3), transA, transB }
    for (const c of [[3, 2], [2], [1, 2], [3, 1], [1], []]) await checkOperator({ type: 'Gemm', inputs: [a, b, w(...c)], attributes: scaled, batched: transA ? [] : [0], ...linear })
    await checkOperator({ type: 'Gemm', inputs: [a, b], attributes: { transA, transB }, ...linear })
  })

test('matrices of any sizes and batches multiply to the shape that the runtime gives', async () => {
  const small = fc.integer({ min: 1, max: 4 })
  const batch = fc.array(small, { maxLength: 2 })
  await fc.assert(fc.asyncProperty(small, small, small, batch, fc.nat(3), fc.nat(3), async (rows, inner, columns, axes, left, right) => {
    const part = (mask: number) => axes.slice(mask > 2 ? 1 : 0).map((d) => (mask % 2 ? 1 : d))
    await checkShapes({ type: 'MatMul', inputs: [x(...part(left), rows, inner), w(...part(right), inner, columns)], open: true })
  }), { numRuns: 40 })
})

test('matrices that do not fit are refused with both shapes', () => {
  const b = new Builder(new Graph())
  const value = b.graph.input('x', 'float32', [symbol('N'), 4])
  assert.throws(() => b.matmul(value, b.tensor(f(3, 4))), /matmul \(MatMul\): matrices \[N, 4\] and \[3, 4\] do not fit: 4 is not 3/)
  assert.throws(() => b.op('Gemm', [value, b.tensor(f(3, 5))], { transB: 1 }), /gemm \(Gemm\): matrices \[N, 4\] and \[5, 3\] do not fit: 4 is not 5/)
  assert.throws(() => b.op('Gemm', [value, b.tensor(f(4, 3)), b.tensor(f(2))]), /cannot be broadcast: 3 is not 2/)
  assert.throws(() => b.matmul(value, b.scalar(2, 'float32')), /it multiplies matrices, not a single number/)
})

test('multiply-adds and operations, counted by hand', () => {
  const b = new Builder(new Graph())
  const cost = (y: Value) => {
    const node = y.producer!
    const { macs, flops } = operatorOf(node)!.cost!(node.inputs.map((v) => v!), node)
    return [String(macs), String(flops)]
  }
  const rows = b.graph.input('x', 'float32', [symbol('N'), 5, 4])
  const flat = b.graph.input('flat', 'float32', [symbol('N'), 4])
  assert.deepEqual(cost(b.matmul(rows, b.tensor(f(4, 3)))), ['60*N', '120*N'])
  assert.deepEqual(cost(b.matmul(rows, b.tensor(f(4)))), ['20*N', '40*N'])
  assert.deepEqual(cost(b.op('Gemm', [flat, b.tensor(f(3, 4)), b.tensor(f(3))], { transB: 1 })), ['12*N', '27*N'])
})

test('features go through MatMul, Gemm and their biases, in any transposition', async () => {
  for (const transB of [0, 1]) {
    const b = new Builder(new Graph())
    const first = b.add(b.matmul(b.graph.input('x', 'float32', [symbol('N'), 2, 4]), b.graph.parameter('first', f(4, 6))), b.graph.parameter('bias', f(6)))
    const flat = b.reshape(b.relu(first), [-1, 6])
    const second = b.op('Gemm', [flat, b.graph.parameter('second', transB ? f(5, 6) : f(6, 5)), b.graph.parameter('c', f(5))], { transB }, { name: 'second' })
    b.graph.addOutput(b.matmul(second, b.graph.parameter('third', f(5, 3))), 'y')
    const find = (name: string) => b.graph.initializers.find((v) => v.name === name)!
    const before = (await runGraph(b.graph, { x: f(2, 2, 4) }))['y']!
    removeEntries(b.graph, coupled({ value: find('bias'), axis: 0 }, [0, 3]))
    removeEntries(b.graph, coupled({ value: find('third'), axis: 0 }, [4]))
    verify(b.graph)
    assert.deepEqual(['first', 'bias', 'second', 'c', 'third'].map((name) => formatShape(find(name).shape)), ['[4, 4]', '[4]', '[4, 4]', '[4]', '[4, 3]'])
    assert.deepEqual((await runGraph(b.graph, { x: f(2, 2, 4) }))['y']!.shape, before.shape)
    assert.throws(() => coupled({ value: find('first'), axis: 0 }, [0]), /axis 2 of the network's input "x" is tied to it/)
    assert.throws(() => coupled({ value: find('third'), axis: 1 }, [0]), /axis 1 of the network's output "y" is tied to it/)
  }
})

test('heads of a batched product go together, and not past what is repeated over them', async () => {
  const b = new Builder(new Graph())
  const heads = b.graph.parameter('heads', f(4, 3, 2))
  const shared = b.graph.parameter('shared', f(1, 2, 5))
  const mixed = b.matmul(b.matmul(b.graph.input('x', 'float32', [symbol('N'), 1, 6, 3]), heads), shared)
  b.graph.addOutput(b.reduceSum(mixed, [1]), 'y')
  const removal = coupled({ value: heads, axis: 0 }, [1])
  assert.equal(removal.has(shared), false)
  removeEntries(b.graph, removal)
  assert.deepEqual([heads.shape, mixed.shape!.slice(1)], [[3, 3, 2], [3, 6, 5]])
  assert.deepEqual((await runGraph(b.graph, { x: f(2, 1, 6, 3) }))['y']!.shape, [2, 6, 5])
})

test('a sum of products by letters has the shape that the runtime gives, its work, and its refusals', async () => {
  for (const [equation, ...inputs] of [['ij,jk->ik', f(3, 4), f(4, 2)], ['bij,jk,bkl->bil', f(2, 3, 4), f(4, 5), f(2, 5, 3)], ['ij,jk', f(3, 4), f(4, 2)], ['bii->b', f(2, 3, 3)]] as const)
    await checkShapes({ type: 'Einsum', inputs, attributes: { equation } })
  const b = new Builder(new Graph())
  const [left, right] = [b.graph.input('x', 'float32', [symbol('N'), 4, 3]), b.tensor(f(3, 5))]
  const y = b.op('Einsum', [left, right], { equation: 'ntf, fg -> ntg' })
  assert.equal(formatShape(y.shape), '[N, 4, 5]')
  assert.equal(String(operatorOf(y.producer!)!.cost!([left, right], y.producer!).macs), '60*N')
  assert.throws(() => b.op('Einsum', [left, right], { equation: 'ntf,tg->nfg' }), /"t" stands for axes of 4 and of 3/)
  assert.throws(() => b.op('Einsum', [left, right], { equation: 'nf,fg->ng' }), /"nf" stands for 2 axes, and x has 3/)
  const alone = b.op('Einsum', [left, right], { equation: 'ntf,fg->ng' })
  const context = { graph: b, node: alone.producer!, inputs: [left, right], outputs: [alone], gradients: [alone], wants: () => true }
  assert.throws(() => operatorOf(alone.producer!)!.gradient!(context), /not known where "t" is in one input alone/)
})
