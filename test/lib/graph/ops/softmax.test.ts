import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Builder } from '../../../../lib/graph/builder.ts'
import { coupled, removeEntries } from '../../../../lib/graph/coupling.ts'
import { symbol } from '../../../../lib/graph/dim.ts'
import { Graph } from '../../../../lib/graph/graph.ts'
import { operatorOf } from '../../../../lib/graph/ops/index.ts'
import { verify } from '../../../../lib/graph/verify.ts'
import { checkOperator } from '../check.ts'
import { runGraph, scattered } from '../run.ts'

const x = (...shape: number[]) => scattered('float64', shape)
const f = (...shape: number[]) => scattered('float32', shape)

for (const type of ['Softmax', 'LogSoftmax'])
  test(`${type}: shape and gradient along any axis`, async () => {
    await checkOperator({ type, inputs: [x(3, 2, 4)], batched: [0] })
    for (const axis of [0, 1, 2, -2]) await checkOperator({ type, inputs: [x(3, 2, 4)], attributes: { axis }, batched: axis ? [0] : [] })
  })

function normalized(type: string, axis: number, opset = 21): Graph {
  const graph = new Graph()
  graph.opsets.set('', opset)
  const b = new Builder(graph)
  const stem = b.op('Conv', [graph.input('x', 'float32', [symbol('N'), 3, 4, 4]), graph.parameter('stem', f(6, 3, 1, 1))])
  const y = b.op(type, [stem], { axis }, { name: 'normalized' })
  graph.addOutput(b.op('Conv', [y, graph.parameter('head', f(5, 6, 1, 1))]), 'y')
  return graph
}

for (const type of ['Softmax', 'LogSoftmax'])
  test(`channels go through ${type} along another axis, and not along their own`, async () => {
    const graph = normalized(type, -1)
    removeEntries(graph, coupled({ value: graph.parameters[0]!, axis: 0 }, [2]))
    verify(graph)
    assert.deepEqual(graph.parameters.map((p) => p.shape![0]), [5, 5])
    assert.deepEqual((await runGraph(graph, { x: f(2, 3, 4, 4) }))['y']!.shape, [2, 5, 4, 4])
    assert.throws(() => coupled({ value: normalized(type, 1).parameters[0]!, axis: 0 }, [2]), /normalized \(\w+\) works along axis 1 of "conv_out"/)
  })

test('before operator set 13 all axes from the named one on are normalized together', () => {
  for (const axis of [0, 1]) assert.throws(() => coupled({ value: normalized('Softmax', axis, 11).parameters[0]!, axis: 0 }, [2]), /works along axis 1/)
  assert.equal(coupled({ value: normalized('Softmax', 2, 11).parameters[0]!, axis: 0 }, [2]).size, 4)
})

test('a softmax takes five operations an element', () => {
  const b = new Builder(new Graph())
  const value = b.graph.input('x', 'float32', [symbol('N'), 4])
  const node = b.op('Softmax', [value]).producer!
  assert.equal(String(operatorOf(node)!.cost!([value], node).flops), '20*N')
})
