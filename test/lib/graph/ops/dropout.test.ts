import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Builder } from '../../../../lib/graph/builder.ts'
import { symbol } from '../../../../lib/graph/dim.ts'
import { Graph } from '../../../../lib/graph/graph.ts'
import { HONE } from '../../../../lib/graph/operator.ts'
import { Tensor } from '../../../../lib/graph/tensor.ts'
import { gradients } from '../../../../lib/train/gradient.ts'
import { openGraph } from '../run.ts'

const COUNT = 20_000
const ones = Tensor.float32([COUNT / 10, 10], new Float32Array(COUNT).fill(1))

/** What becomes of ones, and the gradient of their sum. */
async function dropped({ ratio = 0.3, seed = 7, stream = 0 } = {}) {
  const graph = new Graph()
  const builder = new Builder(graph)
  const x = graph.input('x', 'float32', [symbol('N'), 10])
  const step = graph.input('step', 'float32', [])
  const [y] = builder.ops('DropoutTrain', [x, step], { ratio, seed, stream }, { domain: HONE, outputs: 2 })
  const loss = builder.op('ReduceSum', [y!], { keepdims: 0 })
  graph.addOutput(builder.identity(gradients(graph, loss, [x]).get(x)!), 'dx')
  graph.addOutput(y!, 'y')
  const run = await openGraph(graph)
  return async (at: number) => {
    const { y, dx } = await run({ x: ones, step: Tensor.scalar('float32', at) })
    return { y: y!.toNumbers(), dx: dx!.toNumbers() }
  }
}

const share = (values: readonly boolean[]) => values.filter(Boolean).length / values.length
const near = (actual: number, expected: number, what: string) => assert.ok(Math.abs(actual - expected) < 0.02, `${what}: ${actual}, not ${expected}`)

test('a share of the elements is dropped, the others are scaled, and the gradient takes the same way', async () => {
  const { y, dx } = await (await dropped())(1)
  near(share(y.map((v) => v === 0)), 0.3, 'dropped')
  assert.ok(y.every((v) => v === 0 || Math.abs(v - 1 / 0.7) < 1e-6))
  assert.deepEqual(dx, y)
})

test('what is dropped depends on seed, step, node and place alone, each without a trace of the others', async () => {
  const run = await dropped()
  const first = (await run(1)).y
  await run(2)
  assert.deepEqual((await run(1)).y, first)
  assert.deepEqual((await (await dropped())(1)).y, first)
  const others = { 'the next step': (await run(2)).y, 'another seed': (await (await dropped({ seed: 8 }))(1)).y, 'another node': (await (await dropped({ stream: 1 }))(1)).y }
  for (const [what, other] of Object.entries(others)) near(share(other.map((v, i) => (v === 0) === (first[i] === 0))), 0.3 ** 2 + 0.7 ** 2, `alike with ${what}`)
  for (const distance of [1, 2, 10, 64]) near(share(first.slice(distance).map((v, i) => (v === 0) === (first[i] === 0))), 0.58, `alike ${distance} apart`)
})
