import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { Builder } from '../../../lib/graph/builder.ts'
import { symbol } from '../../../lib/graph/dim.ts'
import { Graph } from '../../../lib/graph/graph.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { cost } from '../../../lib/measure/cost.ts'
import { memory } from '../../../lib/measure/memory.ts'
import { alexnet, densenet121, mobilenetV2, resnet, squeezenet, vgg } from './networks.ts'

/**
 * Parameters, and billions of multiply-adds of one picture of 224 x 224: torchvision's table (its column GFLOPS), https://pytorch.org/vision/stable/models.html;
 * for ResNet-152 torchinfo's README, https://github.com/TylerYep/torchinfo.
 */
const PUBLISHED: readonly (readonly [name: string, network: () => Graph, parameters: number, macs: number])[] = [
  ['AlexNet', alexnet, 61_100_840, 0.71],
  ['VGG-11', () => vgg(1, 1, 2, 2, 2), 132_863_336, 7.61],
  ['VGG-13', () => vgg(2, 2, 2, 2, 2), 133_047_848, 11.31],
  ['VGG-16', () => vgg(2, 2, 3, 3, 3), 138_357_544, 15.47],
  ['VGG-19', () => vgg(2, 2, 4, 4, 4), 143_667_240, 19.63],
  ['ResNet-18', () => resnet([2, 2, 2, 2]), 11_689_512, 1.81],
  ['ResNet-34', () => resnet([3, 4, 6, 3]), 21_797_672, 3.66],
  ['ResNet-50', () => resnet([3, 4, 6, 3], { bottleneck: true }), 25_557_032, 4.09],
  ['ResNet-101', () => resnet([3, 4, 23, 3], { bottleneck: true }), 44_549_160, 7.8],
  ['ResNet-152', () => resnet([3, 8, 36, 3], { bottleneck: true }), 60_192_808, 11.51],
  ['ResNeXt-50 32x4d', () => resnet([3, 4, 6, 3], { bottleneck: true, groups: 32, width: 4 }), 25_028_904, 4.23],
  ['Wide ResNet-50-2', () => resnet([3, 4, 6, 3], { bottleneck: true, width: 128 }), 68_883_240, 11.4],
  ['MobileNetV2', mobilenetV2, 3_504_872, 0.3],
  ['SqueezeNet 1.1', squeezenet, 1_235_496, 0.35],
  ['DenseNet-121', densenet121, 7_978_856, 2.83],
]

for (const [name, build, parameters, billions] of PUBLISHED)
  test(`${name} has the parameters and the multiply-adds that others count`, () => {
    const graph = build()
    const one = cost(graph, { N: 1 })
    assert.equal(one.parameters, parameters)
    assert.equal((Number(one.macs) / 1e9).toFixed(2), billions.toFixed(2))
    assert.deepEqual(one.unknown, [])
    assert.equal(cost(graph, { N: 8 }).macs, 8 * Number(one.macs))
    assert.ok(Number(one.flops) >= 2 * Number(one.macs))
  })

test('VGG-16: exact multiply-adds; weights and activations, forward and backward, in MiB as torchsummary prints them', () => {
  const { weights, activations, macs, peak } = cost(vgg(2, 2, 3, 3, 3), { N: 1 })
  assert.equal(macs, 15_470_264_320)
  assert.equal((weights / 2 ** 20).toFixed(2), '527.79')
  assert.equal(((2 * Number(activations)) / 2 ** 20).toFixed(2), '218.78')
  assert.deepEqual(peak, { bytes: 2 * 64 * 224 * 224 * 4, owner: 'relu' })
})

test('sizes that are not given stay symbols, and others than whole numbers are refused', () => {
  const open = cost(squeezenet())
  assert.equal(String(open.macs), `${cost(squeezenet(), { N: 1 }).macs}*N`)
  assert.equal(open.peak, null)
  assert.match(inspect(open), /1,235,496 parameters .* needs sizes for its symbols/)
  assert.throws(() => cost(squeezenet(), { N: 0 }), /the dimension N is a whole number from 1 on, not 0/)
})

test('the body of a loop counts as often as it runs, its weights once', () => {
  const graph = new Graph('looped')
  const builder = new Builder(graph)
  const weight = graph.parameter('w', Tensor.zeros('float32', [8, 8]))
  const body = builder.within('body')
  const [, condition] = [body.graph.input('turn', 'int64', []), body.graph.input('go', 'bool', [])]
  const state = body.graph.input('state', 'float32', [2, 8])
  body.graph.addOutput(body.identity(condition))
  body.graph.addOutput(body.matmul(state, weight))
  const [last] = builder.ops('Loop', [builder.tensor(Tensor.scalar('int64', 5)), null, graph.input('x', 'float32', [2, 8])], { body: body.graph })
  graph.addOutput(last!, 'y')
  const { macs, parameters } = cost(graph)
  assert.deepEqual([macs, parameters], [5 * 2 * 8 * 8, 64])
})

test('the predicted peak is what ONNX Runtime allocates, views and last uses included', async () => {
  const graph = new Graph('branches')
  const builder = new Builder(graph)
  const x = graph.input('x', 'float32', [symbol('N'), 64, 64, 64])
  const first = builder.op('Sigmoid', [x])
  const wide = builder.concat([builder.op('Tanh', [first]), builder.op('Softplus', [first])], 1)
  const flat = builder.op('Flatten', [wide])
  graph.addOutput(builder.op('ReduceSum', [flat, builder.int64([1])]), 'y')
  const predicted = cost(graph, { N: 4 }).peak!
  assert.deepEqual(predicted.bytes, 4 * 4 * 4 * 64 ** 3)
  const measured = await memory(graph, { x: Tensor.zeros('float32', [4, 64, 64, 64]) }, { device: 'cpu', graphOptimization: 'disabled', runs: 1 })
  assert.ok(Math.abs(measured.peak.bytes / predicted.bytes - 1) < 0.1, `${measured.peak.bytes} for ${predicted.bytes}`)
  assert.equal(measured.peak.owner, predicted.owner)
})
