import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as tf from '@tensorflow/tfjs'
import { symbol } from '../../../lib/graph/dim.ts'
import type { Graph } from '../../../lib/graph/graph.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { batchNorm2d, conv2d, flatten, linear, relu, sequential } from '../../../lib/nn/layers.ts'
import { Scope } from '../../../lib/nn/scope.ts'
import { random } from '../../../lib/random.ts'
import { meanSquaredError } from '../../../lib/train/loss.ts'
import { adam, sgd, type Optimizer } from '../../../lib/train/optimizer.ts'
import { initialState, next, repeated, trainingStep } from '../../../lib/train/step.ts'
import { relativeDistance, runGraph, type Tensors } from '../graph/run.ts'

const STEPS = 3
const BATCH = 5
const EPSILON = 1e-3
const MOMENTUM = 0.2

/** conv 3x3 (2 to 4), batch normalization, relu, linear (64 to 3), on images of 6x6. */
function network(): Graph {
  const scope = Scope.root('normalized', { seed: 7 })
  const x = scope.input('x', ['N', 2, 6, 6])
  const layers = sequential(conv2d(2, 4, 3, { bias: false }), batchNorm2d(4, { eps: EPSILON, momentum: MOMENTUM }), relu(), flatten(), linear(64, 3))
  scope.graph.addOutput(layers(scope, x), 'y')
  return scope.graph
}

function batches(): Tensors {
  const source = random(3)
  const values = (...shape: number[]) => Tensor.float32(shape, Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => source.next() * 2 - 1))
  return { x: values(STEPS, BATCH, 2, 6, 6), target: values(STEPS, BATCH, 3) }
}

/** The same network and steps in TensorFlow.js, whose images are NHWC; its batch normalization is written out. */
function trainedByTensorFlow(start: Tensors, data: Tensors, optimizer: tf.Optimizer): { losses: number[]; state: Record<string, number[]> } {
  const stored = (name: string) => tf.tensor(start[name]!.toFloat32(), [...start[name]!.shape])
  const kernel = tf.variable(stored('0.weight').transpose<tf.Tensor4D>([2, 3, 1, 0]))
  const [scale, bias, weight, offset] = ['1.weight', '1.bias', '4.weight', '4.bias'].map((name) => tf.variable(stored(name)))
  let [mean, variance] = [stored('1.running_mean'), stored('1.running_var')]
  const of = (tensor: Tensor, i: number) => tf.tensor(tensor.take(0, [i]).toFloat32(), tensor.shape.slice(1))
  const losses = Array.from({ length: STEPS }, (_, i) => {
    const convolved = () => tf.conv2d(of(data.x!, i).transpose<tf.Tensor4D>([0, 2, 3, 1]), kernel as unknown as tf.Tensor4D, 1, 'valid')
    const count = BATCH * 16
    const batch = tf.moments(convolved(), [0, 1, 2])
    mean = tf.add(mean.mul(1 - MOMENTUM), batch.mean.mul(MOMENTUM))
    variance = tf.add(variance.mul(1 - MOMENTUM), batch.variance.mul((MOMENTUM * count) / (count - 1)))
    return optimizer.minimize(() => {
      const image = convolved()
      const moments = tf.moments(image, [0, 1, 2])
      const normalized = image.sub(moments.mean).div(moments.variance.add(EPSILON).sqrt()).mul(scale!).add(bias!)
      const features = normalized.relu().transpose([0, 3, 1, 2]).reshape([BATCH, 64])
      return tf.matMul(features, weight as unknown as tf.Tensor2D, false, true).add(offset!).sub(of(data.target!, i)).square().mean<tf.Scalar>()
    }, true)!.dataSync()[0]!
  })
  const values = (t: tf.Tensor) => [...t.dataSync()]
  return {
    losses,
    state: {
      '0.weight': values(kernel.transpose([3, 2, 0, 1])), '1.weight': values(scale!), '1.bias': values(bias!), '1.running_mean': values(mean), '1.running_var': values(variance),
      '4.weight': values(weight!), '4.bias': values(offset!),
    },
  }
}

const optimizers: Record<string, [Optimizer, tf.Optimizer]> = {
  'momentum': [sgd({ lr: 0.05, momentum: 0.9 }), tf.train.momentum(0.05, 0.9)],
  'plain gradient descent': [sgd({ lr: 0.1 }), tf.train.sgd(0.1)],
  'Adam': [adam({ lr: 0.01, betas: [0.8, 0.95], eps: 1e-7 }), tf.train.adam(0.01, 0.8, 0.95, 1e-7)],
}

for (const [name, [optimizer, oracle]] of Object.entries(optimizers))
  test(`${STEPS} steps with batch normalization and ${name} equal TensorFlow.js: losses, parameters, running statistics`, async () => {
    const model = network()
    const step = trainingStep(model, { loss: meanSquaredError, optimizer, target: { dtype: 'float32', shape: [symbol('N'), 3] } })
    const start = initialState(step, model)
    const data = batches()
    const found = await runGraph(repeated(step, STEPS), { ...data, ...start })
    const expected = trainedByTensorFlow(start, data, oracle)
    assert.ok(relativeDistance(found['loss']!.toNumbers(), expected.losses) < 1e-5)
    for (const [parameter, values] of Object.entries(expected.state)) {
      const before = start[parameter]!.toNumbers()
      const change = (after: readonly number[]) => after.map((v, i) => v - before[i]!)
      const distance = relativeDistance(change(found[next(parameter)]!.toNumbers()), change(values))
      assert.ok(distance < 2e-4, `${parameter}: ${distance}`)
    }
  })
