import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Builder } from '../../../lib/graph/builder.ts'
import { symbol } from '../../../lib/graph/dim.ts'
import { Graph } from '../../../lib/graph/graph.ts'
import { inferShapes } from '../../../lib/graph/infer.ts'
import { decodeModel } from '../../../lib/graph/onnx.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { planMemory } from '../../../lib/measure/memory-plan.ts'
import { lprnet } from '../../../lib/nn/models/lprnet.ts'
import { emptyCall, OperatorSession } from '../../../lib/runtime/operators.ts'
import { Session } from '../../../lib/runtime/session.ts'
import { relativeDistance, scattered } from '../graph/run.ts'
import { twoLayers } from './models.ts'

const cpu = { device: 'cpu', threads: 2 } as const

test('a whole network gives the same operator by operator', async () => {
  const net = lprnet({ seed: 1 })
  const feeds = { plate: scattered('float32', [2, 3, 24, 94]) }
  const session = await OperatorSession.create(net, cpu)
  const [eager, whole] = [await session.run(feeds), await (await Session.create(net, cpu)).run(feeds)]
  assert.deepEqual(eager.logits.shape, whole.logits.shape)
  assert.ok(relativeDistance(eager.logits.toNumbers(), whole.logits.toNumbers()) < 1e-5)
  assert.equal(session.calls, net.graph.nodes().filter((node) => !node.output.constant).length)
  assert.ok(session.sessions < session.calls)
  const again = await session.bind(feeds)()
  assert.deepEqual(again.logits.toNumbers(), eager.logits.toNumbers())
  await session.release()
})

test('operators that are alike share a session, whatever their weights and wiring', async () => {
  const graph = new Graph('sums')
  const build = new Builder(graph)
  const x = graph.input('x', 'float32', [symbol('N'), 2])
  const y = graph.input('y', 'float32', [symbol('N'), 2])
  graph.addOutput(build.add(build.add(x, x), build.add(x, y)), 'sum')
  const session = await OperatorSession.create(graph, cpu)
  assert.equal(session.calls, 3)
  assert.equal(session.sessions, 1)
  const { sum } = await session.run({ x: Tensor.float32([1, 2], [1, 2]), y: Tensor.float32([1, 2], [10, 20]) })
  assert.deepEqual(sum.toNumbers(), [13, 26])
})

test('a subgraph that reads values from outside runs too', async () => {
  const graph = new Graph('choice')
  const build = new Builder(graph)
  const x = graph.input('x', 'float32', [2])
  const doubled = build.add(x, x)
  const branch = (name: string, value: (b: Builder) => ReturnType<Builder['add']>) => {
    const inner = new Graph(name, graph)
    inner.addOutput(value(new Builder(inner)), `${name}.out`)
    return inner
  }
  const cond = graph.input('cond', 'bool', [])
  const attributes = { then_branch: branch('then', (b) => b.add(doubled, x)), else_branch: branch('else', (b) => b.neg(doubled)) }
  graph.addOutput(build.op('If', [cond], attributes), 'y')
  const session = await OperatorSession.create(graph, cpu)
  const run = async (cond: number) => (await session.run({ x: Tensor.float32([2], [1, 2]), cond: Tensor.scalar('bool', cond) })).y.toNumbers()
  assert.deepEqual([await run(1), await run(0)], [[3, 6], [-2, -4]])
})

test('the graph stays as it was, and its inputs are checked', async () => {
  const graph = inferShapes(decodeModel(twoLayers(4)))
  const uses = () => [...graph.inputs, ...graph.initializers].map((value) => value.uses.length)
  const before = uses()
  const session = await OperatorSession.create(graph, cpu)
  assert.deepEqual(uses(), before)
  assert.deepEqual(session.inputs, [{ name: 'x', dtype: 'float32', shape: ['N', 4] }])
  await assert.rejects(session.run({}), /test: the input "x" is missing/)
  await assert.rejects(session.run({ x: Tensor.zeros('float32', [1, 5]) }), /float32\[N,4\] is wanted/)
})

test('an operator that ONNX Runtime does not know is named', async () => {
  const graph = new Graph('odd')
  const x = graph.input('x', 'float32', [1])
  graph.addOutput(graph.add('Frobnicate', [x], {}, { name: 'third' }).output, 'y')
  await assert.rejects(OperatorSession.create(graph, cpu), /third \(Frobnicate\): ONNX Runtime refuses it/)
})

test('an empty call is one that can be timed', async () => {
  const call = await emptyCall(cpu)
  assert.deepEqual((await call()).y.toNumbers(), [0])
})

test('parts of one tensor that differ in size alone each have a session', async () => {
  const graph = new Graph('parts')
  const builder = new Builder(graph)
  const x = graph.input('x', 'float32', [1, 6])
  for (const [name, from, to] of [['y', 0, 2], ['z', 2, 6]] as const) graph.addOutput(builder.slice(x, [from], [to], [1]), name)
  const { session } = await planMemory(graph).open()
  const { y, z } = await session.run({ x: Tensor.float32([1, 6], Float32Array.of(1, 2, 3, 4, 5, 6)) })
  assert.deepEqual([[...y.toNumbers()], [...z.toNumbers()]], [[1, 2], [3, 4, 5, 6]])
  await session.release()
})
