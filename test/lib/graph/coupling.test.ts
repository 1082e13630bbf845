import assert from 'node:assert/strict'
import { test } from 'node:test'
import { coupled, removeEntries } from '../../../lib/graph/coupling.ts'
import { decodeModel, encodeModel } from '../../../lib/graph/onnx.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { symbol } from '../../../lib/graph/dim.ts'
import { verify } from '../../../lib/graph/verify.ts'
import type { Builder } from '../../../lib/graph/builder.ts'
import type { Graph, Value } from '../../../lib/graph/graph.ts'
import { batchNorm2d, conv2d, flatten, linear, maxPool2d, relu, sequential } from '../../../lib/nn/layers.ts'
import { Scope } from '../../../lib/nn/scope.ts'
import { relativeDistance, runGraph, scattered } from './run.ts'

/** A stem, a residual block whose two convolutions meet the stem's output in an Add, and a head. */
function residual(): Graph {
  const scope = Scope.root('residual', { seed: 3 })
  const x = scope.input('x', ['N', 3, 8, 8])
  const stem = sequential(conv2d(3, 8, 3, { padding: 1 }), batchNorm2d(8), relu())(scope.child('stem'), x)
  const branch = sequential(conv2d(8, 12, 3, { padding: 1 }), batchNorm2d(12), relu(), conv2d(12, 8, 3, { padding: 1, bias: false }), batchNorm2d(8))(scope.child('block'), stem)
  const sum = relu()(scope.child('sum'), scope.builder.add(branch, stem))
  scope.graph.addOutput(sequential(maxPool2d(4), flatten(), linear(8 * 4, 5))(scope.child('head'), sum), 'logits')
  return scope.graph
}

const weight = (graph: Graph, name: string) => graph.initializers.find((v) => v.name === name)!
const shapes = (graph: Graph) => Object.fromEntries(graph.initializers.filter((v) => v.initializer!.shape.length).map((v) => [v.name, v.initializer!.shape.join('x')]))
const odd = (count: number) => Array.from({ length: count / 2 }, (_, i) => 2 * i + 1)

test('half the channels inside a residual block go, and only what belongs to them', () => {
  const graph = residual()
  removeEntries(graph, coupled({ value: weight(graph, 'block.0.weight'), axis: 0 }, odd(12)))
  verify(graph)
  const after = shapes(graph)
  assert.deepEqual([after['block.0.weight'], after['block.0.bias'], after['block.1.running_var'], after['block.3.weight']], ['6x8x3x3', '6', '6', '8x6x3x3'])
  assert.deepEqual([after['stem.0.weight'], after['head.2.weight']], ['8x3x3x3', '5x32'])
})

test('half the channels of the residual stream go through the Add, the block, and the flattened head; the outputs keep their shape', async () => {
  const graph = residual()
  const removal = coupled({ value: weight(graph, 'stem.0.weight'), axis: 0 }, odd(8))
  removeEntries(graph, removal)
  verify(graph)
  const after = shapes(graph)
  assert.deepEqual(
    ['stem.0.weight', 'stem.1.weight', 'block.0.weight', 'block.3.weight', 'block.4.bias', 'head.2.weight'].map((name) => after[name]),
    ['4x3x3x3', '4', '12x4x3x3', '4x12x3x3', '4', '5x16'],
  )
  assert.equal(String(graph.outputs[0]!.shape), 'N,5')
  assert.ok(encodeModel(graph).length < encodeModel(residual()).length)
  const { logits } = await runGraph(graph, { x: scattered('float32', [2, 3, 8, 8]) })
  assert.deepEqual(logits!.shape, [2, 5])
})

test('channels that contribute nothing may go without a change of the outputs', async () => {
  const graph = residual()
  const silent = odd(8)
  for (const name of ['stem.0.weight', 'stem.0.bias', 'block.3.weight']) {
    const value = weight(graph, name)
    const data = value.initializer!.data as Float32Array
    for (const i of silent) data.fill(0, i * (data.length / 8), (i + 1) * (data.length / 8))
  }
  const feeds = { x: scattered('float32', [2, 3, 8, 8]) }
  const before = await runGraph(graph, feeds)
  removeEntries(graph, coupled({ value: weight(graph, 'stem.0.weight'), axis: 0 }, silent))
  const after = await runGraph(graph, feeds)
  after.logits!.toNumbers().forEach((v, i) => assert.ok(Math.abs(v - before.logits!.toNumbers()[i]!) < 1e-5))
})

test('a removal that would change the interface, or leave nothing, is refused by name', () => {
  const graph = residual()
  assert.throws(() => coupled({ value: weight(graph, 'head.2.weight'), axis: 0 }, [0]), /axis 1 of the network's output "logits" is tied to it/)
  assert.throws(() => coupled({ value: weight(graph, 'stem.0.weight'), axis: 1 }, [0]), /axis 1 of the network's input "x" is tied to it/)
  assert.throws(() => coupled({ value: weight(graph, 'block.0.weight'), axis: 0 }, Array.from({ length: 12 }, (_, i) => i)), /nothing would be left of axis 0 of "block.0.weight"/)
})

/** A layer of 8 neurons, something between, and a head of 4. */
function between(make: (b: Builder, x: Value) => Value): Graph {
  const scope = Scope.root('between', { seed: 4 })
  const x = linear(6, 8)(scope.child('first'), scope.input('x', ['N', 6]))
  scope.graph.addOutput(linear(8, 4)(scope.child('head'), make(scope.builder, x)), 'logits')
  return scope.graph
}

const mean = (b: Builder, x: Value) => b.op('ReduceMean', [x], { axes: [-1], keepdims: 1 })

test('a sum over channels lets them go only where they are zero without their weights: not less a mean, nor behind a sigmoid', () => {
  const remove = (make: (b: Builder, x: Value) => Value) => coupled({ value: weight(between(make), 'first.weight'), axis: 0 }, [1])
  const layerNorm = (b: Builder, x: Value) => {
    const centred = b.sub(x, mean(b, x))
    return b.div(centred, b.op('Sqrt', [b.add(mean(b, b.pow(centred, 2)), 1e-5)]))
  }
  const reason = /adds up axis 1 of ".*", whose entries are not zero where what computes them is gone/
  assert.throws(() => remove(layerNorm), reason)
  assert.throws(() => remove((b, x) => b.mul(x, mean(b, b.op('Sigmoid', [x])))), reason)
  assert.throws(() => remove((b, x) => b.mul(x, mean(b, b.op('Clip', [x, b.scalar(0.1, 'float32')])))), reason)
  remove((b, x) => b.div(x, b.op('Sqrt', [b.add(mean(b, b.pow(x, 2)), 1e-5)])))
  remove((b, x) => b.mul(x, mean(b, b.mul(b.relu(x), b.op('Sigmoid', [x])))))
})

test('where the equal parts of a Split lose entries, an old operator set gets their sizes as an attribute, a new one as an input', async () => {
  for (const version of [11, 12, 13, 17, 18]) {
    const graph = between((b, x) => {
      const [a, gate] = b.ops('Split', [x], { axis: 1, ...(version >= 18 && { num_outputs: 2 }) }, { outputs: ['a', 'b'] })
      return b.concat([b.mul(a!, b.op('Sigmoid', [gate!])), gate!], 1)
    })
    graph.opsets.set('', version)
    removeEntries(graph, coupled({ value: weight(graph, 'first.weight'), axis: 0 }, [1]))
    const [split] = graph.nodes('Split')
    assert.deepEqual([split!.inputs.length, split!.attributes.has('split')], version < 13 ? [1, true] : [2, false])
    assert.deepEqual((await runGraph(graph, { x: scattered('float32', [2, 6]) })).logits!.shape, [2, 4])
  }
})

test('behind an operator without a shape rule, outputs keep the shape that the file declares', () => {
  const graph = between((b, x) => b.relu(x))
  const [logits] = graph.outputs
  const types = [{ dtype: logits!.dtype, shape: [symbol('N'), 4] }]
  const own = graph.add('Secret', [logits!], {}, { domain: 'custom', outputs: ['inner'], types }).output
  graph.addOutput(graph.add('Secret', [own], {}, { domain: 'custom', outputs: ['own'], types }).output)
  const read = decodeModel(encodeModel(graph))
  removeEntries(read, coupled({ value: weight(read, 'first.weight'), axis: 0 }, [1]))
  const written = decodeModel(encodeModel(read))
  assert.deepEqual([...written.outputs, written.nodes('Secret')[0]!.output].map(({ name, shape }) => `${name} ${shape}`), ['logits N,4', 'own N,4', 'inner N,4'])
})

test('a Reshape and an Expand whose height and width are known only at run time lose channels too', async () => {
  const network = () => {
    const scope = Scope.root('dynamic', { seed: 6 })
    const { builder: b, graph } = scope
    const x = conv2d(3, 8, 1)(scope.child('first'), scope.input('x', ['N', 3, 'H', 'W']))
    const size = (axis: number) => b.gather(b.shapeOf(x), b.int64([axis]))
    const target = b.concat([size(0), b.int64([8]), size(2), size(3)], 0)
    const flat = b.reshape(x, b.concat([size(0), b.int64([8, -1])], 0))
    const wide = b.op('Expand', [b.op('GlobalAveragePool', [x]), target])
    graph.addOutput(conv2d(8, 4, 1)(scope.child('head'), b.add(b.relu(b.reshape(flat, target)), wide)), 'y')
    return graph
  }
  const feeds = { x: scattered('float32', [2, 3, 5, 4]) }
  const [masked, pruned] = [network(), network()]
  for (const name of ['first.weight', 'first.bias']) {
    const data = weight(masked, name).initializer!.data as Float32Array
    data.fill(0, data.length / 8, data.length / 4)
  }
  removeEntries(pruned, coupled({ value: weight(pruned, 'first.weight'), axis: 0 }, [1]))
  verify(pruned)
  assert.deepEqual(weight(pruned, 'head.weight').initializer!.shape, [4, 7, 1, 1])
  const [before, after] = [await runGraph(masked, feeds), await runGraph(pruned, feeds)]
  assert.ok(relativeDistance(after.y!.toNumbers(), before.y!.toNumbers()) < 1e-5)
})

test('a sum over channels that is divided by their number still is by as many as there were, as a mean is', async () => {
  const network = () => between((b, x) => {
    const channels = b.cast(b.gather(b.shapeOf(x), b.int64([1])), 'float32')
    return b.add(x, b.div(b.op('ReduceSum', [x, b.int64([1])], { keepdims: 1 }), channels))
  })
  const [masked, pruned] = [network(), network()]
  for (const [name, run] of [['first.weight', 6], ['first.bias', 1]] as const) (weight(masked, name).initializer!.data as Float32Array).fill(0, run, 2 * run)
  const head = weight(masked, 'head.weight').initializer!.data as Float32Array
  for (let o = 0; o < 4; o++) head[o * 8 + 1] = 0
  removeEntries(pruned, coupled({ value: weight(pruned, 'first.weight'), axis: 0 }, [1]))
  verify(pruned)
  const feeds = { x: scattered('float32', [3, 6]) }
  const [before, after] = [await runGraph(masked, feeds), await runGraph(pruned, feeds)]
  assert.ok(relativeDistance(after.logits!.toNumbers(), before.logits!.toNumbers()) < 1e-5)
})

test('both directions of a recurrent layer lose the same hidden units, also where their results are joined to one axis', async () => {
  for (const [type, gates] of [['LSTM', 4], ['GRU', 3]] as const) {
    const network = () => {
      const scope = Scope.root('both', { seed: 7 })
      const { builder: b, graph } = scope
      const x = scope.input('x', [5, 'N', 3])
      const parameter = (name: string, shape: readonly number[], seed: number) => graph.parameter(name, scattered('float32', shape, seed))
      const y = b.op(type, [x, parameter('w', [2, gates * 4, 3], 1), parameter('r', [2, gates * 4, 4], 2), parameter('b', [2, 2 * gates * 4], 3)], { hidden_size: 4, direction: 'bidirectional', ...(type === 'GRU' && { linear_before_reset: 1 }) })
      graph.addOutput(linear(8, 2)(scope.child('head'), b.reshape(b.transpose(y, [0, 2, 1, 3]), [0, 0, -1])), 'y')
      return graph
    }
    const [masked, pruned] = [network(), network()]
    for (const [name, rows] of [['w', 2 * gates], ['r', 2 * gates], ['b', 4 * gates], ['head.weight', 4]] as const) {
      const data = weight(masked, name).initializer!.data as Float32Array
      if (name === 'head.weight') assert.deepEqual(weight(masked, name).initializer!.shape, [2, 8])
      // unit 1 of the 4: a row of each gate, or a column of the head
      const run = name === 'head.weight' ? 1 : data.length / rows / 4
      for (let block = 0; block < rows; block++) data.fill(0, (block * 4 + 1) * run, (block * 4 + 2) * run)
    }
    removeEntries(pruned, coupled({ value: weight(pruned, 'w'), axis: 1 }, [1]))
    verify(pruned)
    assert.deepEqual(['w', 'r', 'b', 'head.weight'].map((name) => weight(pruned, name).initializer!.shape.join('x')), [`2x${3 * gates}x3`, `2x${3 * gates}x3`, `2x${6 * gates}`, '2x6'])
    const feeds = { x: scattered('float32', [5, 2, 3]) }
    const [before, after] = [await runGraph(masked, feeds), await runGraph(pruned, feeds)]
    assert.ok(relativeDistance(after.y!.toNumbers(), before.y!.toNumbers()) < 1e-5, type)
  }
})

test('channels that a shuffle puts beside each other go together', async () => {
  const network = () => {
    const scope = Scope.root('shuffled', { seed: 8 })
    const { builder: b, graph } = scope
    const x = conv2d(3, 12, 1)(scope.child('first'), scope.input('x', ['N', 3, 4, 4]))
    const apart = b.transpose(b.reshape(x, [0, 3, 4, 4, 4]), [0, 2, 1, 3, 4])
    graph.addOutput(conv2d(12, 2, 1)(scope.child('head'), b.relu(b.reshape(apart, [0, 12, 4, 4]))), 'y')
    return graph
  }
  const [masked, pruned] = [network(), network()]
  for (const name of ['first.weight', 'first.bias']) {
    const data = weight(masked, name).initializer!.data as Float32Array
    for (const channel of [1, 5, 9]) data.fill(0, (channel * data.length) / 12, ((channel + 1) * data.length) / 12)
  }
  removeEntries(pruned, coupled({ value: weight(pruned, 'first.weight'), axis: 0 }, [5]))
  verify(pruned)
  assert.deepEqual(['first.weight', 'first.bias', 'head.weight'].map((name) => weight(pruned, name).initializer!.shape.join('x')), ['9x3x1x1', '9', '2x9x1x1'])
  const feeds = { x: scattered('float32', [2, 3, 4, 4]) }
  const [before, after] = [await runGraph(masked, feeds), await runGraph(pruned, feeds)]
  assert.ok(relativeDistance(after.y!.toNumbers(), before.y!.toNumbers()) < 1e-5)
})

test('a head of attention goes from queries, keys and values together, where one layer computes all three', async () => {
  for (const pick of ['Gather', 'Split'] as const) {
    const network = () => {
      const scope = Scope.root('attention', { seed: 9 })
      const { builder: b, graph } = scope
      const joined = linear(6, 24)(scope.child('qkv'), scope.input('x', ['N', 5, 6]))
      const apart = b.transpose(b.reshape(joined, [0, 0, 3, 4, 2]), [2, 0, 3, 1, 4])
      const [q, k, v] = pick === 'Gather' ? [0, 1, 2].map((i) => b.gather(apart, b.tensor(Tensor.of('int64', [], [i])), 0)) : b.split(apart, [1, 1, 1], 0).map((part) => b.op('Squeeze', [part, b.int64([0])]))
      const seen = b.matmul(b.op('Softmax', [b.matmul(q!, b.transpose(k!, [0, 1, 3, 2]))], { axis: -1 }), v!)
      graph.addOutput(linear(8, 3)(scope.child('out'), b.reshape(b.transpose(seen, [0, 2, 1, 3]), [0, 0, 8])), 'y')
      return graph
    }
    const [masked, pruned] = [network(), network()]
    const removal = coupled({ value: weight(pruned, 'out.weight'), axis: 1 }, [3])
    for (const [value, axes] of removal) {
      if (!value.initializer || !axes.size) continue
      const [[axis, gone]] = [...axes] as [[number, ReadonlySet<number>]]
      const { shape } = value.initializer
      const run = shape.slice(axis + 1).reduce((product, d) => product * d, 1)
      const data = weight(masked, value.name).initializer!.data as Float32Array
      data.forEach((_, i) => gone.has(Math.floor(i / run) % shape[axis]!) && (data[i] = 0))
    }
    removeEntries(pruned, removal)
    verify(pruned)
    assert.deepEqual(['qkv.weight', 'qkv.bias', 'out.weight'].map((name) => weight(pruned, name).initializer!.size), [18 * 6, 18, 18])
    const feeds = { x: scattered('float32', [2, 5, 6]) }
    const [before, after] = [await runGraph(masked, feeds), await runGraph(pruned, feeds)]
    assert.ok(relativeDistance(after.y!.toNumbers(), before.y!.toNumbers()) < 1e-5, pick)
  }
})
