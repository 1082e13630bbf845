import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Builder } from '../../../lib/graph/builder.ts'
import { Graph } from '../../../lib/graph/graph.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import * as nn from '../../../lib/nn/index.ts'
import { flushDenormals } from '../../../lib/passes/index.ts'

test('numbers too small for full precision become zero, the smallest with full precision stays, and the given graph keeps its own', async () => {
  const graph = new Graph('small')
  const x = graph.input('x', 'float32', [4])
  const weight = graph.parameter('w', Tensor.float32([4], [1e-39, -1e-45, 2 ** -126, -0]))
  graph.addOutput(new Builder(graph).mul(x, weight), 'y')
  const { graph: flushed, changes } = await flushDenormals().apply(graph)
  assert.deepEqual(flushed.parameters[0]!.initializer!.toNumbers(), [0, 0, 2 ** -126, -0])
  assert.ok(flushed.parameters[0]!.trainable)
  assert.deepEqual(changes.map(({ node, text }) => [node, text]), [['w', '2 of 4 numbers set to zero']])
  assert.equal(graph.parameters[0]!.initializer!.toNumbers()[0], Math.fround(1e-39))
  assert.equal((await flushDenormals().apply(flushed)).changes.length, 0)
})

test('a third of the published LPRNet is such numbers', async () => {
  const { changes } = await nn.models.lprnet({ weights: 'published' }).apply(flushDenormals())
  const count = (changes as readonly { text: string }[]).reduce((sum, { text }) => sum + Number(text.split(' ')[0]!.replaceAll(',', '')), 0)
  assert.ok(count > 446_976 / 3 && count < 446_976 / 2, `${count}`)
})
