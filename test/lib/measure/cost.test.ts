import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { Builder } from '../../../lib/graph/builder.ts'
import { symbol } from '../../../lib/graph/dim.ts'
import { Graph } from '../../../lib/graph/graph.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { cost, type LayerCost } from '../../../lib/measure/cost.ts'
import { memory } from '../../../lib/measure/memory.ts'
import { efficientnetB0 } from '../../../lib/nn/models/efficientnet.ts'
import { alexnet, attention, densenet121, mobilenetV2, resnet, squeezenet, vgg } from './networks.ts'

interface Counted {
  readonly batch: number
  readonly parameters: number
  readonly fvcore: { readonly multiplyAdds: number; readonly activations: number }
  /** Biases and normalization count as multiply-adds; outputs count forward and backward, of layers with parameters. */
  readonly torchinfo: { readonly multiplyAdds: number; readonly outputBytes: number }
  /** Elementwise operators count too. */
  readonly ptflops: { readonly multiplyAddsOfOne: number }
}

/** What fixtures/torch-costs.py wrote. */
const { networks: counted } = JSON.parse(readFileSync(new URL('../../../../test/lib/measure/fixtures/torch-costs.json', import.meta.url), 'utf8')) as { networks: Record<string, Counted[]> }

const networks: Readonly<Record<string, () => Graph>> = {
  alexnet,
  vgg11: () => vgg(1, 1, 2, 2, 2),
  vgg13: () => vgg(2, 2, 2, 2, 2),
  vgg16: () => vgg(2, 2, 3, 3, 3),
  vgg19: () => vgg(2, 2, 4, 4, 4),
  resnet18: () => resnet([2, 2, 2, 2]),
  resnet34: () => resnet([3, 4, 6, 3]),
  resnet50: () => resnet([3, 4, 6, 3], { bottleneck: true }),
  resnet101: () => resnet([3, 4, 23, 3], { bottleneck: true }),
  resnet152: () => resnet([3, 8, 36, 3], { bottleneck: true }),
  resnext50_32x4d: () => resnet([3, 4, 6, 3], { bottleneck: true, groups: 32, width: 4 }),
  wide_resnet50_2: () => resnet([3, 4, 6, 3], { bottleneck: true, width: 128 }),
  mobilenet_v2: mobilenetV2,
  efficientnet_b0: () => efficientnetB0().graph,
  squeezenet1_1: squeezenet,
  densenet121,
  attention,
}

const PRODUCTS = new Set(['Conv', 'Gemm', 'MatMul'])

test('every network that others counted is here', () => assert.deepEqual(Object.keys(networks).toSorted(), Object.keys(counted).toSorted()))

for (const [name, build] of Object.entries(networks))
  test(`${name} has the parameters, multiply-adds and activations that fvcore, torchinfo and ptflops count`, () => {
    const graph = build()
    for (const { batch, parameters, fvcore, torchinfo, ptflops } of counted[name]!) {
      const found = cost(graph, { N: batch })
      const bytes = (layers: readonly LayerCost[]) => layers.reduce((sum, layer) => sum + Number(layer.bytes), 0)
      assert.equal(found.parameters, parameters)
      assert.equal(found.macs, fvcore.multiplyAdds)
      assert.equal(bytes(found.layers.filter(({ node }) => PRODUCTS.has(node.type))), 4 * fvcore.activations)
      assert.deepEqual(found.unknown, [])
      assert.ok(Number(found.flops) >= 2 * fvcore.multiplyAdds)
      const others = batch * ptflops.multiplyAddsOfOne
      assert.ok(others >= fvcore.multiplyAdds && others < 1.07 * fvcore.multiplyAdds, `${others}`)
      if (name === 'attention') continue // torchinfo does not see its products
      assert.equal(2 * bytes(found.layers.filter(({ trainable, frozen }) => trainable + frozen > 0)), torchinfo.outputBytes)
      assert.ok(torchinfo.multiplyAdds >= fvcore.multiplyAdds && torchinfo.multiplyAdds < 1.01 * fvcore.multiplyAdds, `${torchinfo.multiplyAdds}`)
    }
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
