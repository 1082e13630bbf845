import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Builder } from '../../../lib/graph/builder.ts'
import { symbol } from '../../../lib/graph/dim.ts'
import { inferShapes } from '../../../lib/graph/infer.ts'
import { Graph, type Node } from '../../../lib/graph/graph.ts'
import { summary } from '../../../lib/graph/print.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { verify } from '../../../lib/graph/verify.ts'

/** y = relu(x + 1); a Loop adds y to itself three times, reading y from around it. */
function withLoop(): { graph: Graph; loop: Node } {
  const graph = new Graph('outer')
  const builder = new Builder(graph)
  const x = graph.input('x', 'float32', [2])
  const y = builder.relu(builder.add(x, 1))
  const body = new Graph('body', graph)
  body.input('i', 'int64', [])
  const condition = body.input('going', 'bool', [])
  const sum = body.input('sum', 'float32', [2])
  const inner = new Builder(body)
  body.addOutput(inner.identity(condition))
  body.addOutput(inner.add(sum, y))
  const trips = builder.tensor(Tensor.scalar('int64', 3))
  const total = builder.op('Loop', [trips, null, y], { body })
  graph.addOutput(total, 'total')
  return { graph, loop: total.producer! }
}

test('a value knows its uses inside subgraphs', () => {
  const { graph, loop } = withLoop()
  const y = graph.nodes('Relu')[0]!.output
  assert.deepEqual(y.users.map((node) => node.type).sort(), ['Add', 'Loop'])
  assert.deepEqual([...loop.captures], [y])
  assert.equal(graph.nodes('Add').length, 1)
  assert.equal(graph.allNodes('Add').length, 2)
  verify(graph)
})

test('replacing a value rewrites captures', () => {
  const { graph, loop } = withLoop()
  const relu = graph.nodes('Relu')[0]!
  const sigmoid = new Builder(graph).op('Sigmoid', [relu.input(0)])
  relu.output.replaceWith(sigmoid)
  relu.remove()
  graph.sort()
  verify(graph)
  assert.deepEqual([...loop.captures], [sigmoid])
  assert.deepEqual(graph.nodes().map((node) => node.type), ['Add', 'Sigmoid', 'Loop'])
})

test('a replaced output keeps its name', () => {
  const graph = new Graph()
  const builder = new Builder(graph)
  const x = graph.input('x', 'float32', [symbol('N')])
  const y = graph.addOutput(builder.relu(x), 'y')
  y.replaceWith(builder.op('Tanh', [x]))
  assert.equal(graph.outputs[0]!.name, 'y')
  assert.equal(graph.outputs[0]!.producer!.type, 'Tanh')
  graph.outputs[0]!.replaceWith(x)
  graph.removeUnused()
  verify(graph)
  assert.deepEqual([graph.outputs[0]!.name, graph.nodes().map((node) => node.type)], ['y', ['Identity']])
})

test('a copy is free of the original, and shares its tensors', () => {
  const { graph } = withLoop()
  const copy = graph.copy()
  verify(copy)
  const relu = copy.nodes('Relu')[0]!
  relu.output.replaceWith(relu.input(0))
  relu.remove()
  verify(copy)
  verify(graph)
  assert.equal(graph.nodes('Relu').length, 1)
  assert.equal(copy.initializers[0]!.initializer, graph.initializers[0]!.initializer)
})

test('new nodes of a copy get names that no copied node has', () => {
  const { graph } = withLoop()
  const copy = graph.copy()
  const added = new Builder(copy).relu(copy.inputs[0]!)
  assert.notEqual(added.producer!.name, copy.nodes('Relu')[0]!.name)
  assert.notEqual(added.name, copy.nodes('Relu')[0]!.output.name)
})

test('a node that is still read cannot be removed, nor one sorted that reads itself', () => {
  const { graph } = withLoop()
  assert.throws(() => graph.nodes('Relu')[0]!.remove(), /relu \(Relu\) cannot be removed: relu_out is still read/)
  const cyclic = new Graph()
  const node = cyclic.add('Relu', [cyclic.input('x', 'float32', [])])
  node.setInput(0, node.output)
  assert.throws(() => cyclic.sort(), /relu \(Relu\) is part of a cycle/)
})

test('verification names what is wrong', () => {
  const { graph } = withLoop()
  const late = graph.add('Relu', [graph.inputs[0]!])
  const early = graph.nodes('Relu')[0]!
  early.setInput(0, late.output)
  assert.throws(() => verify(graph), /relu \(Relu\) reads "relu_2_out", which nothing before it computes/)

  const misfit = new Graph()
  const a = misfit.input('a', 'float32', [2, 3])
  misfit.addOutput(misfit.add('MatMul', [a, misfit.input('b', 'float32', [4, 5])]).output)
  assert.throws(() => verify(misfit), /matmul \(MatMul\): matrices \[2, 3\] and \[4, 5\] do not fit: 3 is not 4/)

  const twice = new Graph()
  twice.input('x', 'float32', [])
  twice.input('x', 'float32', [])
  assert.throws(() => verify(twice), /two values of graph "graph" are called "x"/)
})

test('the summary counts parameters and work, and names operators that it does not know', () => {
  const graph = new Graph('small')
  const builder = new Builder(graph)
  const x = graph.input('x', 'float32', [symbol('N'), 3, 8, 8])
  const w = graph.parameter('conv.weight', Tensor.zeros('float32', [4, 3, 3, 3]))
  const h = builder.op('Conv', [x, w], { kernel_shape: [3, 3] })
  graph.addOutput(builder.op('Swirl', [h], {}, { domain: 'com.example', types: [h] }), 'y')
  const shown = summary(graph, { N: 2 })
  assert.equal(shown.parameters, 108)
  assert.equal(shown.macs, 2 * 4 * 6 * 6 * 27)
  assert.deepEqual(shown.unknown, ['com.example.Swirl'])
  const text = summary(graph).table()['text/plain']
  assert.match(text, /conv +Conv +\[N, 4, 6, 6\] +108 +yes +3,888 × N/)
  assert.match(text, /Not known, passed through untouched: com\.example\.Swirl/)
})

test('a node without an input that its operator reads is named', () => {
  const graph = new Graph('lacking')
  const node = graph.add('Mul', [graph.input('x', 'float32', [2])], {}, { name: 'scaled' })
  graph.addOutput(node.output, 'y')
  assert.throws(() => inferShapes(graph), /^Error: scaled \(Mul\): it lacks an input that its operator reads$/)
})
