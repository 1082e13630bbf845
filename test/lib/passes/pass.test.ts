import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { compare, difference, foldBatchNorm, pass, pipeline, pruneL1, removeIdentities } from '../../../lib/passes/index.ts'
import { Model } from '../../../lib/nn/model.ts'
import { Net, noise, types } from './networks.ts'

function network() {
  const net = new Net()
  const x = net.input([1, 3, 8, 8])
  const y = net.builder.op('Dropout', [net.relu(net.norm(net.conv(x, 'conv', 4), 'bn'), 'relu')], {}, { name: 'drop' })
  return net.output(net.norm(net.builder.identity(y), 'late'))
}

test('a result shows what was done and what was refused, as a table and as text', async () => {
  const result = await foldBatchNorm().apply(network())
  assert.match(inspect(result), /^pass +node +outcome\n[─ ]+\nfold-batch-norm  bn    folded into conv\nfold-batch-norm  late  refused: its input is identity \(Identity\), not a convolution\n\n1 changed, 1 refused$/)
  assert.match(inspect(result.changes), /fold-batch-norm  bn    folded into conv/)
  assert.match(inspect(result.refusals), /late +its input is identity/)
  const display = Symbol.for('Jupyter.display')
  const bundle = (result.changes as unknown as Record<symbol, () => Record<string, string>>)[display]!()
  assert.match(bundle['text/html']!, /<td[^>]*>folded into conv<\/td>/)
  assert.match(inspect((await removeIdentities().apply(result.graph)).refusals), /nothing was refused/)
})

test('a pipeline is a pass: changes and refusals add up in order, and the first graph stays as it is', async () => {
  const graph = network()
  const both = pipeline([foldBatchNorm(), removeIdentities(), pruneL1({ amount: 0.5 })])
  assert.equal(both.name, 'fold-batch-norm + remove-identities + prune-l1')
  const { graph: after, changes } = await both.apply(graph)
  assert.deepEqual(changes.map(({ pass, node }) => [pass, node]), [['fold-batch-norm', 'bn'], ['remove-identities', 'drop'], ['remove-identities', 'identity'], ['prune-l1', 'conv']])
  assert.deepEqual(types(after), ['Conv', 'Relu', 'BatchNormalization'])
  assert.deepEqual(types(graph), types(network()))
})

test('a model takes a pass and carries its changes', async () => {
  const model = await new Model(network()).apply(foldBatchNorm())
  assert.equal(model.changes[0]!.text, 'folded into conv')
  assert.match(inspect(model.refusals), /late/)
})

test('a pass that leaves a wrong graph is told by name', async () => {
  const broken = pass('broken', {}, (graph) => {
    graph.nodes('Relu')[0]!.setInput(0, graph.constant(noise([2]), 'stray'))
    graph.nodes('Conv')[0]!.setInput(0, graph.constant(noise([1, 5, 8, 8]), 'x5'))
    graph.addOutput(graph.nodes('Conv')[0]!.output)
  })
  await assert.rejects(broken.apply(network()), /^Error: broken leaves a graph that is not valid: conv \(Conv\): its input has 5 channels/)
})

test('graphs are compared as text: nodes that went, came and stayed, and tensors with other elements', async () => {
  const graph = network()
  const folded = (await foldBatchNorm().apply(graph)).graph
  assert.equal(String(difference(graph, folded)), [
    '  1 node the same',
    '- bn_out: float32[1, 4, 6, 6] = BatchNormalization(conv_out, bn.weight: float32[4], bn.bias: float32[4], bn.mean: float32[4], bn.variance: float32[4])',
    '- relu_out: float32[1, 4, 6, 6] = Relu(bn_out)',
    '+ relu_out: float32[1, 4, 6, 6] = Relu(conv_out)',
    '  3 nodes the same',
    '~ conv.weight: float32[4, 3, 3, 3]',
    '~ conv.bias: float32[4]',
  ].join('\n'))
  assert.equal(difference(graph, graph.copy()).toString(), '  6 nodes the same')
  const pruned = (await pruneL1({ amount: 0.5 }).apply(graph)).graph
  assert.equal(String(difference(graph, pruned)), '  6 nodes the same\n~ conv.weight: float32[4, 3, 3, 3]')
})

test('graphs are compared by what they compute', async () => {
  const graph = network()
  const pruned = (await pruneL1({ amount: 0.5 }).apply(graph)).graph
  const feeds = { x: noise([1, 3, 8, 8]) }
  assert.equal((await compare(graph, graph.copy(), feeds)).largest, 0)
  const { outputs: [y] } = await compare(graph, pruned, feeds)
  assert.equal(y!.output, 'y')
  assert.ok(y!.largest > 0.01 && y!.relative > 0.01)
  assert.match(inspect(await compare(graph, pruned, feeds)), /^output  largest difference  relative L2\n/)
  const other = new Net()
  other.output(other.relu(other.input([1, 3, 8, 8]), 'relu'))
  await assert.rejects(compare(graph, other.graph, feeds), /the output "y" is \[1,4,6,6\] in the first graph and \[1,3,8,8\] in the second/)
})

test('what is not a pass is named by its place', () => {
  assert.throws(() => pipeline([foldBatchNorm(), foldBatchNorm as never]), /^TypeError: pipeline: number 2 is not a pass: call it, as in foldBatchNorm\(\)$/)
  assert.throws(() => pipeline([undefined as never]), /^TypeError: pipeline: number 1 is not a pass$/)
})
