import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Builder } from '../../../../lib/graph/builder.ts'
import type { Value } from '../../../../lib/graph/graph.ts'
import { HONE } from '../../../../lib/graph/operator.ts'
import { Tensor } from '../../../../lib/graph/tensor.ts'
import { lower } from '../../../../lib/lower/index.ts'
import { runGraph } from '../../graph/run.ts'
import { compareLowered, graphOf, largestDistance, typesOf } from './both.ts'

const x = [2, 16, 8, 8]
const w = [16, 16, 3, 3]

/** A convolution whose output is held as an image. */
const conv = (g: Builder, input: Value, filter: Value): Value => g.op('Conv', [input, filter], { pads: [1, 1, 1, 1] })
const EXACT_ENOUGH = 1e-5

/** What follows a convolution is computed in its layout: nothing but the output is converted. */
async function follows(shapes: Readonly<Record<string, readonly number[]>>, write: (g: Builder, image: Value, ...rest: Value[]) => readonly Value[], replaced: readonly string[]): Promise<void> {
  const { lowered, distance } = await compareLowered(graphOf({ x, w, ...shapes }, (g, input, filter, ...rest) => write(g, conv(g, input, filter), ...rest)))
  assert.ok(distance < EXACT_ENOUGH, `${distance}`)
  for (const type of [...replaced, 'Conv']) assert.ok(!typesOf(lowered).has(type), type)
}

const pool = (kernel: readonly number[]) => ({ kernel_shape: kernel, strides: kernel })

for (const kernel of [[2, 2], [2, 1], [1, 2]]) {
  test(`max pooling of ${kernel}`, () => follows({}, (g, image) => [g.op('MaxPool', [image], pool(kernel))], ['MaxPool']))

  test(`the gradient of max pooling of ${kernel}`, () =>
    follows({ dy: [2, 16, 8 / kernel[0]!, 8 / kernel[1]!] }, (g, image, dy) => [g.op('MaxPoolGrad', [image, dy], pool(kernel), { domain: HONE })], ['MaxPoolGrad']))
}

test('of equal elements of a window the first gets the whole gradient, as the runtime chooses it', async () => {
  const graph = graphOf({ x, w, dy: [2, 16, 4, 4] }, (g, input, filter, dy) => [g.op('MaxPoolGrad', [conv(g, input, filter), dy], pool([2, 2]), { domain: HONE })])
  const ones = (shape: readonly number[], value: number) => Tensor.float32(shape, Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => value))
  const feeds = { x: ones(x, 0), w: ones(w, 1), dy: ones([2, 16, 4, 4], 3) }
  assert.equal(largestDistance(await runGraph(lower(graph, 'cpu').graph, feeds), await runGraph(graph, feeds)), 0)
})

test('a halved image is held as any other: a convolution without bias, its pooling, and a batch normalization', () =>
  follows({ scale: [16], bias: [16], mean: [16], variance: [16] }, (g, image, scale, bias, mean, variance) =>
    g.ops('BatchNormTrain', [g.op('MaxPool', [image], pool([2, 2])), scale, bias, mean, variance], {}, { domain: HONE, outputs: 5 }), ['MaxPool', 'BatchNormTrain']))

test('max pooling of windows that overlap', async () => {
  const { lowered, distance } = await compareLowered(graphOf({ x, w }, (g, input, filter) => [g.op('MaxPool', [conv(g, input, filter)], { kernel_shape: [3, 3], strides: [2, 2] })]))
  assert.ok(!typesOf(lowered).has('MaxPool') && distance < EXACT_ENOUGH)
})

const vectors = { scale: [16], bias: [16], mean: [16], variance: [16] }

test('batch normalization in training', () => follows(vectors, (g, image, scale, bias, mean, variance) =>
  g.ops('BatchNormTrain', [image, scale, bias, mean, variance], { epsilon: 1e-3, momentum: 0.2 }, { domain: HONE, outputs: 5 }), ['BatchNormTrain']))

test('the gradient of batch normalization', () => follows({ ...vectors, dy: x }, (g, image, scale, bias, mean, variance, dy) => {
  const [, , , batchMean, inverse] = g.ops('BatchNormTrain', [image, scale, bias, mean, variance], {}, { domain: HONE, outputs: 5 })
  return g.ops('BatchNormTrainGrad', [dy, image, scale, batchMean!, inverse!], {}, { domain: HONE, outputs: 3 })
}, ['BatchNormTrain', 'BatchNormTrainGrad']))

test('batch normalization with stored statistics', () => follows({ scale: [16], bias: [16], mean: [16] }, (g, image, scale, bias, mean) =>
  [g.op('BatchNormalization', [image, scale, bias, mean, g.mul(mean, mean)])], ['BatchNormalization']))

test('means over space, and their gradient', () => follows({ d: [2, 16, 1, 1] }, (g, image, d) => [
  g.op('GlobalAveragePool', [image]), g.reduceMean(image, [2, 3]), g.reduceMean(image, [-1, -2], true), g.add(image, g.op('Expand', [d, g.int64(x)])),
], ['GlobalAveragePool', 'ReduceMean']))

test('sums over batch and space', () => follows({}, (g, image) => [g.reduceSum(image, [0, 2, 3]), g.reduceSum(image, [0, 2, 3], true)], ['ReduceSum']))

test('elementwise operators, and what they repeat along some axes', () =>
  follows({ same: x, channel: [16, 1, 1], row: [1, 1, 1, 8], gate: [2, 16, 1, 1], one: [1] }, (g, image, same, channel, row, gate, one) => {
    const sum = g.add(g.relu(image), same)
    return [g.mul(sum, gate), g.sub(channel, sum), g.div(sum, g.add(row, 3)), g.op('Where', [g.op('Greater', [image, one]), same, image]), g.mul(g.positive(image), 0.5)]
  }, []))

test('what needs another layout gets it', () => follows({ m: [64, 3] }, (g, image, m) => [g.matmul(image, g.slice(m, [0], [8], [0])), g.op('Flatten', [image]), g.op('Softmax', [image], { axis: 1 })], []))

test('a pooled relu is computed after the pooling, and so are a bias and both gradients', async () => {
  const graph = graphOf({ x, w, b: [16], dy: [2, 16, 4, 4] }, (g, input, filter, b, dy) => {
    const active = g.relu(g.op('Conv', [input, filter, b], { pads: [1, 1, 1, 1] }))
    const arrived = g.op('MaxPoolGrad', [active, dy], pool([2, 2]), { domain: HONE })
    const dz = g.mul(arrived, g.positive(active))
    return [g.op('MaxPool', [active], pool([2, 2])), g.reduceSum(dz, [0, 2, 3]), g.op('ConvGradWeight', [input, dz], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }, { domain: HONE })]
  })
  const { lowered, distance } = await compareLowered(graph)
  assert.ok(distance < EXACT_ENOUGH, `${distance}`)
  const relus = lowered.nodes('Relu')
  assert.deepEqual(relus.map((node) => node.output.size), [2 * 16 * 4 * 4])
})

test('a relu that something else reads stays before the pooling', async () => {
  const graph = graphOf({ x, w }, (g, input, filter) => {
    const active = g.relu(conv(g, input, filter))
    return [g.op('MaxPool', [active], pool([2, 2])), g.exp(active)]
  })
  const { lowered, distance } = await compareLowered(graph)
  assert.ok(distance < EXACT_ENOUGH)
  assert.deepEqual(lowered.nodes('Relu').map((node) => node.output.size), [2 * 16 * 8 * 8])
})

test('a filter that is stored is transformed as one that is fed', async () => {
  const graph = graphOf({ x }, (g, input) => {
    const filter = g.tensor(Tensor.float32(w, Float32Array.from({ length: 16 * 16 * 9 }, (_, i) => ((i * 7919) % 1009) / 1009 - 0.5)), 'filter')
    return [conv(g, conv(g, input, filter), filter)]
  })
  const { distance } = await compareLowered(graph)
  assert.ok(distance < EXACT_ENOUGH)
})
