import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { Graph } from '../../../lib/graph/graph.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { profile } from '../../../lib/measure/profile.ts'
import { machineLimits, roofline } from '../../../lib/measure/roofline.ts'

/** A product of [512, 512] matrices, and a relu of it. */
function productAndRelu(): Graph {
  const graph = new Graph('layers')
  const [a, b] = ['a', 'b'].map((name) => graph.input(name, 'float32', [512, 512]))
  const product = graph.add('MatMul', [a, b], {}, { name: 'product' }).output
  graph.addOutput(graph.add('Relu', [product], {}, { name: 'act' }).output, 'y')
  return graph
}

test('a product is bound by compute, an elementwise operator by memory; their shares add up', async () => {
  const feeds = { a: Tensor.zeros('float32', [512, 512]), b: Tensor.zeros('float32', [512, 512]) }
  const found = await profile(productAndRelu(), feeds, { device: 'cpu', threads: 1, runs: 3, graphOptimization: 'disabled' })
  const roof = roofline(found, { flops: 100e9, bandwidth: 10e9 })
  assert.deepEqual(Object.fromEntries(roof.rows.map(({ name, bound }) => [name, bound])), { product: 'compute', act: 'memory' })
  const [product, act] = ['product', 'act'].map((wanted) => roof.rows.find(({ name }) => name === wanted)!)
  assert.equal(product.intensity, (2 * 512 ** 3) / (3 * 4 * 512 ** 2))
  assert.equal(act.intensity, 512 ** 2 / (2 * 4 * 512 ** 2))
  assert.ok(Math.abs(product.share + act.share - 1) < 1e-9)
  assert.equal(roof.memoryBound, act.share)
  const slow = roofline(found, { flops: 100e9, bandwidth: 1e9 })
  assert.deepEqual(slow.rows.map(({ bound }) => bound), ['memory', 'memory'], 'less bandwidth, and memory holds the product back too')
  assert.match(inspect(roof), /product +MatMul .*compute\n.*below 10\.0 FLOP\/byte on this machine \(100 GFLOP\/s, 10\.0 GB\/s\)/s)
})

test('the limits of this machine are numbers above 0', async () => {
  const { flops, bandwidth } = await machineLimits({ device: 'cpu', threads: 1 })
  assert.ok(flops > 1e8 && flops < 1e14 && bandwidth > 1e7 && bandwidth < 1e13, `${flops}, ${bandwidth}`)
})
