import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Builder } from '../../../../lib/graph/builder.ts'
import { formatShape, symbol } from '../../../../lib/graph/dim.ts'
import { Graph, type Value } from '../../../../lib/graph/graph.ts'
import { tripCount } from '../../../../lib/graph/ops/control.ts'
import { Tensor } from '../../../../lib/graph/tensor.ts'
import { runGraph, scattered } from '../run.ts'

const shapesOf = (values: readonly Value[]) => values.map((v) => `${v.dtype}${formatShape(v.shape)}`)

/** A body graph; its inputs' types come from outside. */
function body(outer: Graph, inputs: readonly string[], build: (b: Builder, inputs: readonly Value[]) => readonly Value[]): Graph {
  const graph = new Graph('body', outer)
  const values = inputs.map((name) => graph.input(graph.unique(name), null, null))
  for (const value of build(new Builder(graph), values)) graph.addOutput(value)
  return graph
}

const truth = Tensor.of('bool', [], [1])

test('a loop hands its states round, stacks what each turn gives, and reads the values around it', async () => {
  const graph = new Graph()
  const b = new Builder(graph)
  const x = graph.input('x', 'float32', [symbol('N'), 3])
  const weight = b.tensor(scattered('float32', [3, 3]))
  const step = body(graph, ['i', 'again', 'state'], (inner, [, again, state]) => {
    const next = inner.op('Tanh', [inner.matmul(state!, weight)])
    return [inner.identity(again!), next, inner.reduceSum(next, [1])]
  })
  const outputs = b.ops('Loop', [b.tensor(Tensor.scalar('int64', 4)), b.tensor(truth), x], { body: step }, { outputs: 2 })
  assert.deepEqual(shapesOf(outputs), ['float32[N, 3]', 'float32[4, N]'])
  assert.equal(tripCount(outputs[0]!.producer!), 4)
  for (const output of outputs) graph.addOutput(output)
  const real = Object.values(await runGraph(graph, { x: scattered('float32', [2, 3]) }))
  assert.deepEqual(real.map((t) => t.shape), [[2, 3], [4, 2]])
})

test('a state that grows from turn to turn has an unknown size, and only there', async () => {
  const graph = new Graph()
  const b = new Builder(graph)
  const x = graph.input('x', 'float32', [1, 3])
  const step = body(graph, ['i', 'again', 'state'], (inner, [, again, state]) => {
    const next = inner.concat([state!, state!], 0)
    return [inner.identity(again!), next, inner.op('Relu', [next])]
  })
  const [last] = b.ops('Loop', [b.tensor(Tensor.scalar('int64', 3)), null, x], { body: step }, { outputs: 1 })
  assert.deepEqual(shapesOf([last!]), ['float32[?, 3]'])
  assert.deepEqual(shapesOf(step.outputs), ['bool[]', 'float32[?, 3]', 'float32[?, 3]'])
})

test('a loop that its body can end has an unknown trip count', () => {
  const graph = new Graph()
  const b = new Builder(graph)
  const x = graph.input('x', 'float32', [2])
  const step = body(graph, ['i', 'again', 'state'], (inner, [, , state]) => {
    const next = inner.mul(state!, 0.5)
    return [inner.op('Greater', [inner.op('ReduceMax', [next], { keepdims: 0 }), inner.scalar(1, 'float32')]), next, next]
  })
  const outputs = b.ops('Loop', [b.tensor(Tensor.scalar('int64', 100)), b.tensor(truth), x], { body: step }, { outputs: 2 })
  assert.deepEqual(shapesOf(outputs), ['float32[2]', 'float32[?, 2]'])
  assert.equal(tripCount(outputs[0]!.producer!), null)
})

test('a scan goes through an axis entry by entry, and stacks its results where it is told', async () => {
  const graph = new Graph()
  const b = new Builder(graph)
  const begin = graph.input('begin', 'float32', [symbol('N'), 2])
  const sequence = graph.input('sequence', 'float32', [symbol('N'), symbol('T'), 2])
  const step = body(graph, ['state', 'entry'], (inner, [state, entry]) => {
    const next = inner.add(state!, entry!)
    return [next, inner.reduceSum(next, [1], true)]
  })
  const outputs = b.ops('Scan', [begin, sequence], { body: step, num_scan_inputs: 1, scan_input_axes: [1], scan_output_axes: [-1] }, { outputs: 2 })
  assert.deepEqual(shapesOf(outputs), ['float32[N, 2]', 'float32[N, 1, T]'])
  assert.equal(String(tripCount(outputs[0]!.producer!)), 'T')
  for (const output of outputs) graph.addOutput(output)
  const real = Object.values(await runGraph(graph, { begin: scattered('float32', [3, 2]), sequence: scattered('float32', [3, 5, 2]) }))
  assert.deepEqual(real.map((t) => t.shape), [[3, 2], [3, 1, 5]])
})

test('what both branches of an If agree on is known', async () => {
  const graph = new Graph()
  const b = new Builder(graph)
  const condition = graph.input('condition', 'bool', [])
  const x = graph.input('x', 'float32', [symbol('N'), 4])
  const then = body(graph, [], (inner) => [inner.op('Relu', [x]), inner.slice(x, [0], [2], [1])])
  const otherwise = body(graph, [], (inner) => [inner.neg(x), inner.slice(x, [0], [3], [1])])
  const outputs = b.ops('If', [condition], { then_branch: then, else_branch: otherwise }, { outputs: 2 })
  assert.deepEqual(shapesOf(outputs), ['float32[N, 4]', 'float32[N, ?]'])
  for (const output of outputs) graph.addOutput(output)
  const real = Object.values(await runGraph(graph, { condition: truth, x: scattered('float32', [2, 4]) }))
  assert.deepEqual(real.map((t) => t.shape), [[2, 4], [2, 2]])
})

test('an error inside a body names the node there', () => {
  const graph = new Graph()
  const b = new Builder(graph)
  const x = graph.input('x', 'float32', [2, 3])
  const step = body(graph, ['i', 'again', 'state'], (inner, [, again, state]) => [inner.identity(again!), inner.matmul(state!, inner.identity(state!))])
  assert.throws(() => b.ops('Loop', [b.tensor(Tensor.scalar('int64', 4)), null, x], { body: step }), /loop \(Loop\): matmul \(MatMul\): matrices \[2, 3\] and \[2, 3\] do not fit/)
})

test('how often an operator that hone does not know runs its body is not known either', () => {
  const graph = new Graph()
  const b = new Builder(graph)
  const step = body(graph, ['x'], (inner, [x]) => [inner.identity(x!)])
  assert.equal(tripCount(graph.add('SequenceMap', [b.scalar(1, 'float32')], { body: step })), null)
})

test('parts of which nothing would be left for the last have no known size', () => {
  const graph = new Graph()
  const parts = new Builder(graph).ops('Split', [graph.input('x', 'float32', [5])], { axis: 0, num_outputs: 4 }, { outputs: 4 })
  assert.deepEqual(parts.map(({ shape }) => shape), [[null], [null], [null], [null]])
})
