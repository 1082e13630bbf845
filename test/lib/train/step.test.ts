import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as tf from '@tensorflow/tfjs'
import { symbol } from '../../../lib/graph/dim.ts'
import { Graph, type Value } from '../../../lib/graph/graph.ts'
import { Builder } from '../../../lib/graph/builder.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { batchNorm1d, conv2d, flatten, linear, maxPool2d, relu, sequential } from '../../../lib/nn/layers.ts'
import { Scope } from '../../../lib/nn/scope.ts'
import { crossEntropy, meanSquaredError, type Loss } from '../../../lib/train/loss.ts'
import { adamW, sgd } from '../../../lib/train/optimizer.ts'
import { initialState, next, repeated, trainingStep } from '../../../lib/train/step.ts'
import { random } from '../../../lib/random.ts'
import { relativeDistance, runGraph, scattered, type Tensors } from '../graph/run.ts'

const BATCH = 3
const LEARNING_RATE = 0.05
const MOMENTUM = 0.9
const target = { dtype: 'int64', shape: [symbol('N')] } as const

/** conv 3x3 (2 to 4), relu, max pool 2x2, linear (64 to 5), on images of 8x8. */
function network(): Graph {
  const scope = Scope.root('small', { seed: 11 })
  const x = scope.input('x', ['N', 2, 8, 8])
  scope.graph.addOutput(sequential(conv2d(2, 4, 3, { padding: 1 }), relu(), maxPool2d(2), flatten(), linear(64, 5))(scope, x), 'logits')
  return scope.graph
}

/** Images and labels of `count` batches; no two values are equal, so that neither relu nor pooling meets a tie. */
function batches(count: number): Tensors {
  const source = random(5)
  const x = Float32Array.from({ length: count * BATCH * 128 }, () => source.next() * 2 - 1)
  const labels = Array.from({ length: count * BATCH }, () => source.below(5))
  const lead = count === 1 ? [BATCH] : [count, BATCH]
  return { x: Tensor.float32([...lead, 2, 8, 8], x), target: Tensor.of('int64', lead, labels) }
}

/** The same network's loss, written down once more in plain float64 loops. */
function referenceLoss(state: Record<string, readonly number[]>, x: readonly number[], labels: readonly number[]): number {
  const w = state['0.weight']!
  const losses = labels.map((label, n) => {
    const features: number[] = []
    for (let k = 0; k < 4; k++) {
      const at = (row: number, column: number) => {
        let sum = state['0.bias']![k]!
        for (let c = 0; c < 2; c++) for (let i = 0; i < 3; i++) for (let j = 0; j < 3; j++) {
          const [r, s] = [row + i - 1, column + j - 1]
          if (r >= 0 && r < 8 && s >= 0 && s < 8) sum += w[((k * 2 + c) * 3 + i) * 3 + j]! * x[((n * 2 + c) * 8 + r) * 8 + s]!
        }
        return Math.max(0, sum)
      }
      for (let row = 0; row < 8; row += 2) for (let column = 0; column < 8; column += 2)
        features.push(Math.max(at(row, column), at(row, column + 1), at(row + 1, column), at(row + 1, column + 1)))
    }
    const logits = state['4.bias']!.map((b, o) => features.reduce((sum, f, i) => sum + f * state['4.weight']![o * 64 + i]!, b))
    return Math.log(logits.reduce((sum, v) => sum + Math.exp(v), 0)) - logits[label]!
  })
  return losses.reduce((a, b) => a + b) / labels.length
}

const numbers = (tensors: Tensors) => Object.fromEntries(Object.entries(tensors).map(([name, t]) => [name, t.toNumbers()]))

test('the gradient of every parameter equals central differences in float64', async () => {
  const model = network()
  const step = trainingStep(model, { loss: crossEntropy, optimizer: sgd({ lr: 1 }), target })
  const state = initialState(step, model)
  const batch = batches(1)
  const moved = await runGraph(step, { ...batch, ...state })
  const before = numbers(state)
  const loss = (s: Record<string, readonly number[]>) => referenceLoss(s, batch.x!.toNumbers(), batch.target!.toNumbers())
  assert.ok(Math.abs(moved.loss!.toNumbers()[0]! - loss(before)) < 1e-6)
  for (const [name, values] of Object.entries(before)) {
    const differences = values.map((v, i) => (loss({ ...before, [name]: values.with(i, v + 1e-6) }) - loss({ ...before, [name]: values.with(i, v - 1e-6) })) / 2e-6)
    const gradient = moved[next(name)]!.toNumbers().map((v, i) => values[i]! - v)
    assert.ok(relativeDistance(gradient, differences) < 1e-5, `${name}: ${relativeDistance(gradient, differences)}`)
  }
})

/** The network in TensorFlow.js (images as NHWC), trained by its own momentum optimizer; state and losses after each step. */
function trainedByTensorFlow(state: Tensors, data: Tensors, steps: number): { losses: number[]; state: Record<string, number[]> } {
  const w = tf.variable(tf.tensor([...state['0.weight']!.toFloat32()], [4, 2, 3, 3]).transpose([2, 3, 1, 0]))
  const b = tf.variable(tf.tensor1d(state['0.bias']!.toFloat32()))
  const v = tf.variable(tf.tensor([...state['4.weight']!.toFloat32()], [5, 64]))
  const c = tf.variable(tf.tensor1d(state['4.bias']!.toFloat32()))
  const optimizer = tf.train.momentum(LEARNING_RATE, MOMENTUM)
  const losses = Array.from({ length: steps }, (_, i) => {
    const x = tf.tensor(data.x!.toFloat32().slice(i * BATCH * 128, (i + 1) * BATCH * 128), [BATCH, 2, 8, 8]).transpose<tf.Tensor4D>([0, 2, 3, 1])
    const labels = tf.tensor1d(data.target!.toNumbers().slice(i * BATCH, (i + 1) * BATCH), 'int32')
    const loss = optimizer.minimize(() => {
      const features = tf.maxPool(tf.relu(tf.add(tf.conv2d(x, w as unknown as tf.Tensor4D, 1, 'same'), b)) as tf.Tensor4D, 2, 2, 'valid').transpose([0, 3, 1, 2]).reshape([BATCH, 64])
      return tf.losses.softmaxCrossEntropy(tf.oneHot(labels, 5), tf.add(tf.matMul(features, v as unknown as tf.Tensor2D, false, true), c))
    }, true)!
    return loss.dataSync()[0]!
  })
  const values = (t: tf.Tensor) => [...t.dataSync()]
  return { losses, state: { '0.weight': values(w.transpose([3, 2, 0, 1])), '0.bias': values(b), '4.weight': values(v), '4.bias': values(c) } }
}

const STEPS = 4
const optimizer = sgd({ lr: LEARNING_RATE, momentum: MOMENTUM })

test('four steps in one Loop equal four steps of TensorFlow.js, and four single runs', async () => {
  const model = network()
  const step = trainingStep(model, { loss: crossEntropy, optimizer, target })
  const start = initialState(step, model)
  const data = batches(STEPS)
  const together = await runGraph(repeated(step, STEPS), { ...data, ...start })
  assert.deepEqual(together.loss!.shape, [STEPS])

  let state: Tensors = start
  const losses: number[] = []
  for (let i = 0; i < STEPS; i++) {
    const batch = Object.fromEntries(Object.entries(data).map(([name, t]) => [name, t.take(0, [i]).reshape(t.shape.slice(1))]))
    const moved = await runGraph(step, { ...batch, ...state })
    losses.push(moved.loss!.toNumbers()[0]!)
    state = Object.fromEntries(Object.keys(state).map((name) => [name, moved[next(name)]!]))
  }
  assert.ok(relativeDistance(together.loss!.toNumbers(), losses) < 1e-6)
  for (const name of Object.keys(state)) assert.ok(relativeDistance(together[next(name)]!.toNumbers(), state[name]!.toNumbers()) < 1e-6, name)

  const oracle = trainedByTensorFlow(start, data, STEPS)
  assert.ok(relativeDistance(together.loss!.toNumbers(), oracle.losses) < 1e-5)
  for (const [name, values] of Object.entries(oracle.state)) {
    const before = start[name]!.toNumbers()
    const change = (after: readonly number[]) => after.map((v, i) => v - before[i]!)
    assert.ok(relativeDistance(change(together[next(name)]!.toNumbers()), change(values)) < 1e-4, `${name}: ${relativeDistance(change(together[next(name)]!.toNumbers()), change(values))}`)
  }
})

test('a step takes any batch size', async () => {
  const model = network()
  const step = trainingStep(model, { loss: crossEntropy, optimizer, target })
  const { x, target: labels } = batches(1)
  const one = await runGraph(step, { x: x!.take(0, [0]), target: labels!.take(0, [0]), ...initialState(step, model) })
  assert.ok(Number.isFinite(one.loss!.toNumbers()[0]))
})

test('a parameter behind an operator without a gradient: the error names both', () => {
  const graph = new Graph()
  const builder = new Builder(graph)
  const x = graph.input('x', 'float32', [2, 3])
  const w = graph.parameter('w', Tensor.zeros('float32', [3]))
  graph.addOutput(builder.op('Round', [builder.mul(x, w)], {}, { name: 'rounding' }), 'y')
  assert.throws(() => trainingStep(graph, { loss: crossEntropy, optimizer, target: { dtype: 'int64', shape: [2] } }), /rounding \(Round\) is not differentiable, and lies between "w" and the loss/)
})

/** A linear layer whose output a loss compares with nothing. */
function trained(head: (builder: Builder, hidden: Value) => Value, loss: Loss = (builder, output) => builder.op('ReduceMean', [output], { keepdims: 0 })): Graph {
  const scope = Scope.root('ends', { seed: 1 })
  const hidden = linear(5, 4)(scope.child('a'), scope.input('x', ['N', 5]))
  scope.graph.addOutput(head(scope.builder, hidden), 'y')
  return trainingStep(scope.graph, { loss, optimizer: sgd({ lr: 0.1 }), target })
}

test('a network whose only way to the loss leads through integers or truth values is refused, with the operator that makes them', () => {
  const ends: Record<string, (builder: Builder, hidden: Value) => Value> = {
    ArgMax: (builder, hidden) => builder.op('ArgMax', [hidden], { axis: 1 }),
    Greater: (builder, hidden) => builder.op('Greater', [hidden, builder.scalar(0, 'float32')]),
    TopK: (builder, hidden) => builder.ops('TopK', [hidden, builder.int64([1])], {}, { outputs: 2 })[1]!,
    Cast: (builder, hidden) => builder.cast(hidden, 'int32'),
  }
  for (const [type, head] of Object.entries(ends))
    assert.throws(() => trained((builder, hidden) => builder.cast(head(builder, hidden), 'float32')), new RegExp(`\\(${type}\\) is not differentiable, and lies between "a\\.(weight|bias)" and the loss`))
})

test('integers beside a way that can be differentiated are no hindrance', () => {
  assert.ok(trained((builder, hidden) => builder.mul(hidden, builder.cast(builder.op('Greater', [hidden, builder.scalar(0, 'float32')]), 'float32'))))
  assert.ok(trained((builder, hidden) => builder.div(hidden, builder.cast(builder.op('Size', [hidden]), 'float32'))))
})

test('a loss that depends on no parameter is refused', () => {
  assert.throws(() => trained((_, hidden) => hidden, (builder, _, labels) => builder.reduceMean(builder.cast(labels, 'float32'), [0])), /ends: nothing can be learned from this loss, since it depends on none of the parameters/)
})

test('a head that the loss does not see stays as it is, as in PyTorch: weight decay passes it by, its batch norm is measured still', async () => {
  const scope = Scope.root('heads', { seed: 1 })
  const x = scope.input('x', ['N', 5])
  scope.graph.addOutput(linear(5, 3)(scope.child('seen'), x), 'seen')
  scope.graph.addOutput(sequential(linear(5, 2), batchNorm1d(2), linear(2, 3))(scope.child('unseen'), x), 'unseen')
  const step = trainingStep(scope.graph, { loss: crossEntropy, optimizer: adamW({ lr: 0.1, weightDecay: 0.5 }), target })
  const state = initialState(step, scope.graph)
  const running = ['unseen.1.running_mean', 'unseen.1.running_var']
  assert.deepEqual(Object.keys(state).sort(), ['seen.bias', 'seen.bias.mean', 'seen.bias.square', 'seen.weight', 'seen.weight.mean', 'seen.weight.square', 'step', ...running].sort())
  const moved = await runGraph(step, { x: scattered('float32', [4, 5]), target: Tensor.of('int64', [4], [0, 1, 2, 0]), ...state })
  for (const name of [...running, 'seen.weight']) assert.notDeepEqual(moved[next(name)]!.toNumbers(), state[name]!.toNumbers())
})

test('a loss that is no single float is refused, with what it is', () => {
  const refused = (loss: unknown, message: RegExp) => assert.throws(() => trained((_, hidden) => hidden, loss as Loss), message)
  refused((builder: Builder, output: Value) => builder.mul(output, output), /the loss answers with float32\[N, 4\], and a single float is wanted, such as the mean of it: graph\.op\('ReduceMean'/)
  refused((builder: Builder, output: Value) => builder.cast(builder.op('ReduceSum', [output], { keepdims: 0 }), 'int64'), /the loss answers with int64\[\], and a single float is wanted/)
  refused(() => undefined, /the loss answers with undefined, and a Value of the graph is wanted/)
  assert.ok(trained((_, hidden) => hidden, (builder, output) => builder.reshape(builder.op('ReduceMean', [output], { keepdims: 0 }), [1])))
})

test('an image of unknown size: the error names the convolution whose gradient needs it', () => {
  const scope = Scope.root('open', { seed: 1 })
  const x = scope.input('x', ['N', 2, 'H', 8])
  scope.graph.addOutput(scope.builder.op('GlobalAveragePool', [conv2d(2, 5, 3)(scope.child('stem'), x)]), 'y')
  assert.throws(() => trainingStep(scope.graph, { loss: meanSquaredError, optimizer, target: { dtype: 'float32', shape: [symbol('N'), 5, 1, 1] } }), /globalaveragepool \(GlobalAveragePool\): its gradient needs known spatial sizes/)
})

test('a parameter that only the body of a loop reads is not taken for one without influence', () => {
  const graph = new Graph()
  const builder = new Builder(graph)
  const x = graph.input('x', 'float32', [2, 5])
  const w = graph.parameter('w', Tensor.zeros('float32', [5]))
  const branches = ['then_branch', 'else_branch'].map((name) => {
    const branch = builder.within(name)
    branch.graph.addOutput(branch.mul(x, w))
    return [name, branch.graph] as const
  })
  graph.addOutput(builder.op('If', [graph.input('condition', 'bool', [])], Object.fromEntries(branches), { name: 'choice' }), 'y')
  assert.throws(() => trainingStep(graph, { loss: crossEntropy, optimizer, target: { dtype: 'int64', shape: [2] } }), /choice \(If\) is not differentiable, and lies between "w" and the loss/)
})

test('the step of a network in an older operator set is written in set 18; one that is too old is refused with both versions', () => {
  const model = network()
  model.opsets.set('', 10)
  assert.throws(() => trainingStep(model, { loss: crossEntropy, optimizer, target }), /small is written in ONNX's operator set 10, and 11 is the oldest that can be brought up to 18/)
  model.opsets.set('', 17)
  assert.equal(trainingStep(model, { loss: crossEntropy, optimizer, target }).opsets.get(''), 18)
  assert.equal(model.opsets.get(''), 17)
})

test('the target of a mean squared error has the output\'s shape, or is refused', () => {
  const of = (shape: readonly (number | ReturnType<typeof symbol>)[]) => trainingStep(network(), { loss: meanSquaredError, optimizer, target: { dtype: 'float32', shape } })
  assert.ok(of([symbol('N'), 5]))
  assert.throws(() => of([symbol('N')]), /mean squared error needs a target of the output's shape \[N, 5\], not \[N\]/)
  assert.throws(() => of([symbol('N'), 1]), /mean squared error needs a target of the output's shape \[N, 5\], not \[N, 1\]/)
})
