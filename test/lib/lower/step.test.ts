import assert from 'node:assert/strict'
import { test } from 'node:test'
import { symbol } from '../../../lib/graph/dim.ts'
import type { Graph, Value } from '../../../lib/graph/graph.ts'
import { HONE } from '../../../lib/graph/operator.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { lower, type LowerOptions, type Lowered } from '../../../lib/lower/index.ts'
import { batchNorm2d, conv2d, embedding, flatten, linear, maxPool2d, relu, sequential, type Layer } from '../../../lib/nn/index.ts'
import { Scope } from '../../../lib/nn/scope.ts'
import { crossEntropy } from '../../../lib/train/loss.ts'
import { adam, sgd, type Optimizer } from '../../../lib/train/optimizer.ts'
import { initialState, next, stateOf, trainingStep } from '../../../lib/train/step.ts'
import { relativeDistance, runGraph, type Tensors } from '../graph/run.ts'
import { noise } from './cpu/both.ts'

const BATCH = 4

function network(channels: number, size: number, layer: Layer): Graph {
  const scope = Scope.root('small', { seed: 3 })
  scope.graph.addOutput(layer(scope, scope.input('x', ['N', channels, size, size])), 'logits')
  return scope.graph
}

const conv = (from: number, to: number, stride = 1) => conv2d(from, to, 3, { stride, padding: 1, bias: false })

/** Two convolutions beside a shortcut that halves the image. */
const residual: Layer = (scope: Scope, x: Value) => {
  const main = sequential(conv(16, 24, 2), batchNorm2d(24), relu(), conv(24, 24), batchNorm2d(24))(scope.child('main'), x)
  const shortcut = sequential(conv2d(16, 24, 1, { stride: 2, bias: false }), batchNorm2d(24))(scope.child('shortcut'), x)
  return scope.builder.relu(scope.builder.add(main, shortcut))
}
const averaged: Layer = (scope, x) => scope.builder.op('GlobalAveragePool', [x])
const padded = { padding: 1 }

const networks: Readonly<Record<string, () => Graph>> = {
  'as VGG has it': () => network(3, 16, sequential(
    conv2d(3, 16, 3, padded), relu(), maxPool2d(2), conv2d(16, 24, 3, padded), relu(), maxPool2d(2), conv2d(24, 32, 3, padded), relu(), maxPool2d(2),
    conv2d(32, 16, 3, padded), relu(), maxPool2d(2), flatten(), linear(16, 10),
  )),
  'as ResNet has it': () => network(3, 16, sequential(conv(3, 16), batchNorm2d(16), relu(), residual, averaged, flatten(), linear(24, 10))),
  'whose images do not fill the tiles': () => network(1, 28, sequential(
    conv2d(1, 16, 3, padded), relu(), maxPool2d(2), conv2d(16, 16, 3, padded), relu(), maxPool2d(2), flatten(), linear(16 * 49, 10),
  )),
  'with convolutions that stay as they are': () => network(3, 8, sequential(
    conv2d(3, 16, 3, padded), relu(), conv2d(16, 16, 3, { padding: 1, groups: 16, bias: false }), batchNorm2d(16), relu(), conv2d(16, 32, 1), relu(), flatten(), linear(32 * 64, 10),
  )),
}

const optimizers: Readonly<Record<string, Optimizer>> = { 'momentum and weight decay': sgd({ lr: 0.05, momentum: 0.9, weightDecay: 0.01 }), 'adam (with an epsilon that keeps rounding small)': adam({ lr: 0.01, eps: 1e-2 }) }

const stepOf = (model: Graph, optimizer: Optimizer) => trainingStep(model, { loss: crossEntropy, optimizer, target: { dtype: 'int64', shape: [symbol('N')] } })

async function steps(graph: Graph, batch: Tensors, state: Tensors, count: number): Promise<{ losses: number[]; state: Tensors }> {
  const losses: number[] = []
  for (let i = 0; i < count; i++) {
    const results = await runGraph(graph, { ...batch, ...state })
    losses.push(results.loss!.toNumbers()[0]!)
    state = Object.fromEntries(Object.keys(state).map((name) => [name, results[next(name)]!]))
  }
  return { losses, state }
}

function lowered(step: Graph, options: LowerOptions = {}): Lowered {
  return lower(step, 'cpu', { sizes: { N: BATCH }, state: stateOf(step), ...options })
}

for (const [kind, build] of Object.entries(networks))
  for (const [how, optimizer] of Object.entries(optimizers))
    test(`a network ${kind}, trained with ${how}: two lowered steps equal two steps`, async () => {
      const model = build()
      const step = stepOf(model, optimizer)
      const fast = lowered(step)
      const start = initialState(step, model)
      const batch = { x: noise([BATCH, ...(model.inputs[0]!.shape!.slice(1) as number[])], 7), target: Tensor.of('int64', [BATCH], [1, 7, 4, 2]) }
      const expected = await steps(step, batch, start, 2)
      const found = await steps(fast.graph, batch, fast.pack(start), 2)
      assert.ok(relativeDistance(found.losses, expected.losses) < 1e-5)
      for (const [name, tensor] of Object.entries(fast.unpack(found.state))) {
        assert.deepEqual(tensor.shape, start[name]!.shape)
        const before = start[name]!.toNumbers()
        const change = (state: Tensors) => state[name]!.toNumbers().map((v, i) => v - before[i]!)
        const distance = relativeDistance(change({ [name]: tensor }), change(expected.state))
        assert.ok(distance < 2e-3, `${name}: ${distance}`)
      }
    })

test('filters and what the optimizer remembers of them are held as the device likes them, all else as it is', () => {
  const model = networks['as VGG has it']!()
  const fast = lowered(stepOf(model, adam()))
  const shapeOf = (name: string) => fast.graph.inputs.find((input) => input.name === name)?.shape
  for (const name of ['3.weight', '3.weight.mean', '3.weight.square']) assert.deepEqual(shapeOf(name), [9, 16 * 24], name)
  for (const [name, shape] of [['x', [BATCH, 3, 16, 16]], ['3.bias', [24]], ['13.weight', [10, 16]], ['step', []]] as const) assert.deepEqual(shapeOf(name), shape, name)
})

test('state survives packing and unpacking to the bit', () => {
  const model = networks['as ResNet has it']!()
  const step = stepOf(model, sgd({ lr: 0.1, momentum: 0.9 }))
  const fast = lowered(step)
  const start = initialState(step, model)
  assert.deepEqual(fast.unpack(fast.pack(start)), start)
})

test('momentum is added by the product that computes the gradient', () => {
  const model = networks['as VGG has it']!()
  const fast = lowered(stepOf(model, sgd({ lr: 0.1, momentum: 0.9 })))
  const adding = fast.graph.nodes('Gemm').filter((node) => node.inputs[2]?.name.endsWith('weight.momentum'))
  assert.deepEqual(adding.map((node) => node.inputs[2]!.name), ['13.weight.momentum', '9.weight.momentum', '6.weight.momentum', '3.weight.momentum'])
})

test('what an embedding learned is added to its rows where they are, tokens that come twice included', async () => {
  const scope = Scope.root('tokens', { seed: 3 })
  const logits = linear(4 * 6, 10)(scope.child('head'), flatten()(scope.child('flat'), embedding(12, 6)(scope.child('table'), scope.graph.input('x', 'int64', [symbol('N'), 4]))))
  scope.graph.addOutput(logits, 'logits')
  const step = stepOf(scope.graph, sgd({ lr: 0.5 }))
  const fast = lowered(step)
  const [add] = fast.graph.nodes('ScatterElements')
  assert.equal(add!.input(0).name, 'table.weight')
  const batch = { x: Tensor.of('int64', [BATCH, 4], [1, 1, 2, 3, 5, 1, 8, 0, 2, 2, 2, 2, 11, 4, 3, 1]), target: Tensor.of('int64', [BATCH], [1, 7, 4, 2]) }
  const start = initialState(step, scope.graph)
  const [found, expected] = [await steps(fast.graph, batch, fast.pack(start), 2), await steps(step, batch, start, 2)]
  for (const name of Object.keys(start)) assert.ok(relativeDistance(found.state[name]!.toNumbers(), expected.state[name]!.toNumbers()) < 1e-6, name)
})

test('forward and backward share what they both need', () => {
  const fast = lowered(stepOf(networks['as VGG has it']!(), sgd({ lr: 0.1 })))
  const filter = fast.graph.inputs.find(({ name }) => name === '6.weight')!
  assert.deepEqual(filter.users.map(({ type }) => type).sort(), ['MatMul', 'Sub'])
})

test('for other devices a step is written in operators that they have, and computes the same', async () => {
  const model = networks['as ResNet has it']!()
  const step = stepOf(model, sgd({ lr: 0.05, momentum: 0.9 }))
  const standard = lower(step, 'webgpu', { state: stateOf(step) })
  assert.ok(standard.graph.allNodes().every(({ domain }) => domain !== HONE))
  const start = initialState(step, model)
  assert.deepEqual(standard.pack(start), start)
  const batch = { x: noise([BATCH, 3, 16, 16], 7), target: Tensor.of('int64', [BATCH], [1, 7, 4, 2]) }
  const [found, expected] = [await runGraph(standard.graph, { ...batch, ...start }), await runGraph(step, { ...batch, ...start })]
  for (const name of Object.keys(expected)) assert.ok(relativeDistance(found[name]!.toNumbers(), expected[name]!.toNumbers()) < 1e-6, name)
})

test('a step whose batch size is not known is left as it is, and still right', async () => {
  const model = networks['as VGG has it']!()
  const step = stepOf(model, sgd({ lr: 0.05 }))
  const open = lower(step, 'cpu', { state: stateOf(step) })
  const batch = { x: noise([BATCH, 3, 16, 16], 7), target: Tensor.of('int64', [BATCH], [1, 7, 4, 2]) }
  const start = initialState(step, model)
  const [found, expected] = [await runGraph(open.graph, { ...batch, ...open.pack(start) }), await runGraph(step, { ...batch, ...start })]
  for (const name of Object.keys(expected)) assert.ok(relativeDistance(found[name]!.toNumbers(), expected[name]!.toNumbers()) < 1e-6, name)
})
