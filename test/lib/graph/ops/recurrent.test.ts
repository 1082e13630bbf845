import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { packageFolder } from '../../../../lib/files.ts'
import { Builder } from '../../../../lib/graph/builder.ts'
import { coupled, removeEntries } from '../../../../lib/graph/coupling.ts'
import { Graph, type Value } from '../../../../lib/graph/graph.ts'
import { Tensor, type DataType } from '../../../../lib/graph/tensor.ts'
import * as nn from '../../../../lib/nn/index.ts'
import { gradients } from '../../../../lib/train/gradient.ts'
import { trainingMode } from '../../../../lib/train/mode.ts'
import { relativeDistance, runGraph, scattered, type Tensors } from '../run.ts'

const [TIMES, BATCH, INPUTS, HIDDEN] = [4, 3, 5, 6]

interface Figures {
  readonly y: number[]
  readonly last: number[][]
  readonly gradients: number[][]
}
const figures = JSON.parse(readFileSync(join(packageFolder(), 'test/lib/train/fixtures/torch-figures.json'), 'utf8')) as Record<string, Figures>

const scaled = (tensor: Tensor, by: number) => Tensor.of(tensor.dtype, tensor.shape, tensor.toNumbers().map((v) => v * by))

/** Inputs as torch-figures.py makes them: x, w, r, b, and the first states. */
function inputs(gates: number, states: number, dtype: DataType): Tensor[] {
  return [
    scattered(dtype, [TIMES, BATCH, INPUTS], 1),
    ...[[INPUTS, 2], [HIDDEN, 3]].map(([columns, seed]) => scaled(scattered(dtype, [1, gates * HIDDEN, columns!], seed), 0.3)),
    scaled(scattered(dtype, [1, 2 * gates * HIDDEN], 4), 0.3),
    ...Array.from({ length: states }, (_, i) => scaled(scattered(dtype, [1, BATCH, HIDDEN], 5 + i), 0.3)),
  ]
}

const cases = [['lstm', 'LSTM', 4, 2, 'forward'], ['lstmReverse', 'LSTM', 4, 2, 'reverse'], ['gru', 'GRU', 3, 1, 'forward']] as const

for (const [key, type, gates, states, direction] of cases)
  test(`${type}, ${direction}: ONNX Runtime's operator, its training form, and every gradient equal PyTorch's`, async () => {
    const expected = figures[key]!
    const tensors = inputs(gates, states, 'float32')
    const graph = new Graph()
    const builder = new Builder(graph)
    const values = tensors.map((t, i) => graph.input(`x${i}`, t.dtype, t.shape))
    const [x, w, r, b, ...first] = values
    const outputs = builder.ops(type, [x, w, r, b, null, ...first], { hidden_size: HIDDEN, direction, ...(type === 'GRU' && { linear_before_reset: 1 }) }, { outputs: 1 + states })
    outputs.forEach((value, i) => graph.addOutput(value, `out${i}`))
    const feeds: Tensors = Object.fromEntries(tensors.map((t, i) => [`x${i}`, t]))
    const inference = await runGraph(graph, feeds)
    assert.ok(relativeDistance(inference.out0!.toNumbers(), expected.y) < 1e-6)

    trainingMode(graph, { seed: 0, step: () => builder.scalar(1, 'float32') })
    const weights = [scattered('float32', [TIMES, 1, BATCH, HIDDEN], 11), ...Array.from({ length: states }, (_, i) => scattered('float32', [1, BATCH, HIDDEN], 12 + i))]
    const products = graph.outputs.map((value, i) => builder.op('ReduceSum', [builder.mul(value, builder.tensor(weights[i]!))], { keepdims: 0 }))
    const found = gradients(graph, products.reduce((a, c) => builder.add(a, c)), values)
    values.forEach((value, i) => graph.addOutput(builder.identity(found.get(value)!), `d${i}`))
    const trained = await runGraph(graph, feeds)
    assert.ok(relativeDistance(trained.out0!.toNumbers(), expected.y) < 1e-6)
    expected.last.forEach((last, i) => assert.ok(relativeDistance(trained[`out${i + 1}`]!.toNumbers(), last) < 1e-6))
    expected.gradients.forEach((gradient, i) => {
      const error = relativeDistance(trained[`d${i}`]!.toNumbers(), gradient)
      assert.ok(error < 1e-5, `gradient of input ${i}: ${error}`)
    })
  })

for (const [type, gates, states] of [['LstmTrain', 4, 2], ['GruTrain', 3, 1]] as const)
  test(`${type}: central differences in float64, with and without bias and first states`, async () => {
    const all = inputs(gates, states, 'float64')
    const only = (count: number) => all.slice(0, count)
    for (const tensors of [all, only(4), only(3)])
      for (const direction of ['forward', 'reverse']) {
        const graph = new Graph()
        const builder = new Builder(graph)
        const values = tensors.map((t, i) => graph.input(`x${i}`, t.dtype, t.shape))
        const [y] = builder.ops(type, values, { hidden_size: HIDDEN, direction }, { domain: 'hone', outputs: type === 'LstmTrain' ? 9 : 4 })
        await matchesDifferences(graph, builder, y!, values, tensors)
      }
  })

for (const [type, gates, states] of [['LSTM', 4, 2], ['GRU', 3, 1]] as const)
  test(`${type} of two directions in one node: its training form is what ONNX Runtime computes, and its gradients are those of two nodes`, async () => {
    const directions = ['forward', 'reverse'] as const
    const [x, ...ofEach] = inputs(gates, states, 'float32')
    const tensors = [x!, ...ofEach.map((t, i) => Tensor.of('float32', [2, ...t.shape.slice(1)], [...t.toNumbers(), ...scaled(scattered('float32', t.shape, 20 + i), 0.3).toNumbers()]))]
    const attributes = { hidden_size: HIDDEN, ...(type === 'GRU' && { linear_before_reset: 1 }) }
    const run = async (write: (builder: Builder, values: readonly Value[]) => readonly Value[]) => {
      const graph = new Graph()
      const builder = new Builder(graph)
      const values = tensors.map((t, i) => graph.input(`x${i}`, t.dtype, t.shape))
      write(builder, values).forEach((value, i) => graph.addOutput(value, `out${i}`))
      const feeds: Tensors = Object.fromEntries(tensors.map((t, i) => [`x${i}`, t]))
      const inference = await runGraph(graph, feeds)
      trainingMode(graph, { seed: 0, step: () => builder.scalar(1, 'float32') })
      const products = graph.outputs.map((value, i) => builder.op('ReduceSum', [builder.mul(value, builder.tensor(scattered('float32', value.shape as number[], 30 + i)))], { keepdims: 0 }))
      const found = gradients(graph, products.reduce((a, c) => builder.add(a, c)), values)
      values.forEach((value, i) => graph.addOutput(builder.identity(found.get(value)!), `d${i}`))
      return { inference, trained: await runGraph(graph, feeds) }
    }
    const both = await run((builder, [input, w, r, b, ...first]) => builder.ops(type, [input, w, r, b, null, ...first], { ...attributes, direction: 'bidirectional' }, { outputs: 1 + states }))
    const apart = await run((builder, [input, ...values]) => {
      const parts = values.map((value) => builder.split(value, [1, 1], 0))
      const one = directions.map((direction, i) => {
        const [w, r, b, ...first] = parts.map((part) => part[i]!)
        return builder.ops(type, [input, w, r, b, null, ...first], { ...attributes, direction }, { outputs: 1 + states })
      })
      return one[0]!.map((value, i) => builder.concat([value, one[1]![i]!], i === 0 ? 1 : 0))
    })
    for (const [name, tensor] of Object.entries(apart.trained)) assert.ok(relativeDistance(both.trained[name]!.toNumbers(), tensor.toNumbers()) < 1e-6, name)
    for (const [name, tensor] of Object.entries(both.inference)) assert.ok(relativeDistance(both.trained[name]!.toNumbers(), tensor.toNumbers()) < 1e-6, name)
  })

/** The gradients of sum(weights · y) against central differences. */
async function matchesDifferences(graph: Graph, builder: Builder, y: Value, values: readonly Value[], tensors: readonly Tensor[]): Promise<void> {
  const weights = scattered('float64', [TIMES, 1, BATCH, HIDDEN], 9)
  const loss = builder.op('ReduceSum', [builder.mul(y, builder.tensor(weights))], { keepdims: 0 })
  const found = gradients(graph, loss, values)
  graph.addOutput(loss, 'loss')
  values.forEach((value, i) => graph.addOutput(builder.identity(found.get(value)!), `d${i}`))
  const feeds: Tensors = Object.fromEntries(tensors.map((t, i) => [`x${i}`, t]))
  const actual = await runGraph(graph, feeds)
  for (const [i, tensor] of tensors.entries()) {
    const numbers = tensor.toNumbers()
    const at = async (k: number, v: number) => (await runGraph(graph, { ...feeds, [`x${i}`]: Tensor.of('float64', tensor.shape, numbers.with(k, v)) })).loss!.toNumbers()[0]!
    const some = numbers.map((_, k) => k).filter((k) => k % 13 === 0)
    const differences: number[] = []
    for (const k of some) differences.push(((await at(k, numbers[k]! + 1e-5)) - (await at(k, numbers[k]! - 1e-5))) / 2e-5)
    const gradient = actual[`d${i}`]!.toNumbers()
    const error = relativeDistance(some.map((k) => gradient[k]!), differences)
    assert.ok(error < 1e-6, `input ${i}: ${error}`)
  }
}

test('what training does not know of ONNX is refused by name', () => {
  const train = (attributes: Record<string, string | number>, extra: readonly (Value | null)[] = []) => () => {
    const graph = new Graph()
    const builder = new Builder(graph)
    const [x, w, r] = [[2, 1, 3], [1, 8, 3], [1, 8, 2]].map((shape, i) => graph.input(`x${i}`, 'float32', shape))
    builder.ops('LSTM', [x, w, r, null, ...extra], { hidden_size: 2, ...attributes }, { name: 'cell', outputs: 3 })
    trainingMode(graph, { seed: 0, step: () => builder.scalar(1, 'float32') })
  }
  assert.throws(train({ clip: 3.5 }), /cell \(LSTM\): it cannot be trained with the attribute "clip"/)
})

test('hidden units are removed from every gate, and the network still runs', async () => {
  for (const layer of [nn.lstm, nn.gru]) {
    const { graph } = nn.build(nn.sequential(layer(INPUTS, HIDDEN, { output: 'last' }), nn.linear(HIDDEN, 2)), { x: [TIMES, BATCH, INPUTS] })
    const weight = graph.parameters.find(({ name }) => name.includes('weight_hh'))!
    removeEntries(graph, coupled({ value: weight, axis: 2 }, [1, 4]))
    const shapes = Object.fromEntries(graph.parameters.map((value) => [value.name, value.initializer!.shape]))
    const gates = layer === nn.lstm ? 4 : 3
    assert.deepEqual(shapes['0.weight_ih_l0'], [1, 4 * gates, INPUTS])
    assert.deepEqual(shapes['0.weight_hh_l0'], [1, 4 * gates, 4])
    assert.deepEqual(shapes['1.weight'], [2, 4])
    assert.deepEqual((await runGraph(graph, { x: scattered('float32', [TIMES, BATCH, INPUTS]) })).output!.shape, [BATCH, 2])
  }
})

for (const [type, gates, states] of [['LSTM', 4, 2], ['GRU', 3, 1]] as const)
  test(`${type} with its batch first has the shapes of that layout, and is not pruned`, () => {
    const builder = new Builder(new Graph())
    const { graph } = builder
    const [x, w, r] = [[BATCH, TIMES, INPUTS], [1, gates * HIDDEN, INPUTS], [1, gates * HIDDEN, HIDDEN]].map((shape, i) => graph.input(`x${i}`, 'float32', shape))
    const outputs = builder.ops(type, [x, w, r], { hidden_size: HIDDEN, layout: 1 }, { outputs: 1 + states })
    assert.deepEqual(outputs.map(({ shape }) => shape), [[BATCH, TIMES, 1, HIDDEN], ...Array.from({ length: states }, () => [BATCH, 1, HIDDEN])])
    assert.throws(() => coupled({ value: r!, axis: 2 }, [0]), /batch first/)
  })
