import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Graph, type Value } from '../../../lib/graph/graph.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import {
  binarize, compare, equalize, float8, halfPrecision, holdZeros, pruneBlocks, pruneChannels, pruneColumns, pruneL1, pruneNofM, pruneRandom, quantize, quantizeAware, quantizeDynamic, ternarize,
} from '../../../lib/passes/index.ts'
import { Net, noise } from './networks.ts'

/** A layer, then one in each branch of an If, one of which stores its weight inside the branch. */
function network(): Graph {
  const net = new Net()
  const x = net.builder.relu(net.linear(net.input([2, 8]), 'before', 8))
  const branch = (name: string, weight: (graph: Graph) => Value) => {
    const graph = new Graph(name, net.graph)
    graph.addOutput(graph.add('Gemm', [x, weight(graph)], {}, { name: `${name}.layer`, types: [{ dtype: 'float32', shape: [2, 4] }] }).output)
    return graph
  }
  const outside = net.parameter('outside', [8, 4])
  const branches = { then_branch: branch('then', () => outside), else_branch: branch('else', (graph) => graph.constant(noise([8, 4], 77), 'inside')) }
  const chosen = net.graph.add('If', [net.graph.input('condition', 'bool', [])], branches, { name: 'choice', types: [{ dtype: 'float32', shape: [2, 4] }] }).output
  return net.output(chosen)
}

const feeds = (condition: boolean) => ({ x: noise([2, 8]), condition: Tensor.of('bool', [], [Number(condition)]) })
const INNER = ['else.layer', 'then.layer']

test('what sets weights to zero does so in branches, too', async () => {
  for (const pass of [pruneL1({ amount: 0.5 }), pruneRandom({ amount: 0.5 }), pruneNofM(), pruneBlocks({ amount: 0.5, block: [2, 2] }), pruneColumns({ amount: 0.5 })]) {
    const { graph, changes } = await pass.apply(network())
    assert.deepEqual(changes.map(({ node }) => node).toSorted(), ['before', ...INNER], pass.name)
    for (const condition of [true, false]) assert.ok((await compare(network(), graph, feeds(condition))).largest > 0, pass.name)
  }
  assert.deepEqual((await pruneL1({ amount: 0.5, include: ['then.layer'] }).apply(network())).changes.map(({ node }) => node), ['then.layer'])
})

test('what rewrites layers refuses those of branches by name, and says why', async () => {
  const calibrate = [feeds(true), feeds(false)]
  const passes = [
    quantize({ calibrate }), quantizeDynamic(), quantizeAware({ calibrate }), ternarize(), binarize(), float8(), halfPrecision({ device: 'cuda' }), pruneChannels({ amount: 0.5 }), equalize(), holdZeros(),
  ]
  for (const pass of passes) {
    const { graph, refusals } = await pass.apply(network())
    const inner = refusals.filter(({ node }) => INNER.includes(node))
    assert.deepEqual(inner.map(({ node }) => node).toSorted(), INNER, pass.name)
    assert.ok(inner.every(({ reason }) => reason === 'it is inside choice (If), and only what runs unconditionally, and once, can be changed so'), pass.name)
    for (const condition of [true, false]) assert.ok((await compare(network(), graph, feeds(condition))).relative < 1, pass.name)
  }
})
