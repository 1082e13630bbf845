import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Graph } from '../../../lib/graph/graph.ts'
import { lower } from '../../../lib/lower/index.ts'
import { choose } from '../../../lib/measure/choose.ts'
import { conv2d, flatten, linear, relu, sequential } from '../../../lib/nn/index.ts'
import { Scope } from '../../../lib/nn/scope.ts'
import { noise } from '../lower/cpu/both.ts'
import { relativeDistance, runGraph } from '../graph/run.ts'

const LAYERS = ['2x3x8x8 16x3x3 stride 1 padding 1', '2x16x8x8 16x3x3 stride 1 padding 1']
let folder: string
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'hone-choices-'))
})
after(() => rmSync(folder, { recursive: true }))

function network(): Graph {
  const scope = Scope.root('small')
  const layers = sequential(conv2d(3, 16, 3, { padding: 1 }), relu(), conv2d(16, 16, 3, { padding: 1 }), relu(), conv2d(16, 16, 3, { padding: 1 }), flatten(), linear(1024, 2))
  scope.graph.addOutput(layers(scope, scope.input('x', ['N', 3, 8, 8])), 'y')
  return scope.graph
}

const options = { sizes: { N: 2 }, threads: 1 }

test('what is chosen computes the same, is kept, and is not timed again', async () => {
  const file = join(folder, 'new', 'choices.json')
  const graph = network()
  const choices = await choose(graph, { ...options, file })
  assert.ok(Object.entries(choices).every(([layer, algorithm]) => LAYERS.includes(layer) && algorithm === 'direct'))
  const feeds = { x: noise([2, 3, 8, 8], 1) }
  const [found, expected] = [await runGraph(lower(graph, 'cpu', { ...options, choices }).graph, feeds), await runGraph(graph, feeds)]
  assert.ok(relativeDistance(found.y!.toNumbers(), expected.y!.toNumbers()) < 1e-5)

  const [key] = Object.keys(JSON.parse(readFileSync(file, 'utf8')) as object)
  const other = { [LAYERS[0]!]: 'columns' }
  writeFileSync(file, JSON.stringify({ [key!]: other }))
  assert.deepEqual(await choose(graph, { ...options, file }), other)
})

test('another batch size is timed for itself', async () => {
  const file = join(folder, 'sizes.json')
  await choose(network(), { ...options, file })
  await choose(network(), { ...options, sizes: { N: 1 }, file })
  assert.equal(Object.keys(JSON.parse(readFileSync(file, 'utf8')) as object).length, 2)
})

test('a damaged file of choices is written anew', async () => {
  const file = join(folder, 'damaged.json')
  writeFileSync(file, '{"a": {')
  await choose(network(), { ...options, file })
  assert.equal(Object.keys(JSON.parse(readFileSync(file, 'utf8')) as object).length, 1)
})

test('a batch size that is not known: the error names the input', () =>
  assert.rejects(choose(network(), { file: join(folder, 'none.json') }), /small: the input "x" is \[N, 3, 8, 8\], and timing needs numbers/))
