import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Builder } from '../../../../lib/graph/builder.ts'
import { symbol } from '../../../../lib/graph/dim.ts'
import { Graph } from '../../../../lib/graph/graph.ts'
import { HONE } from '../../../../lib/graph/operator.ts'
import { Tensor } from '../../../../lib/graph/tensor.ts'
import { relativeDistance, runGraph, scattered } from '../run.ts'

const [N, T, C, L, BLANK] = [4, 5, 4, 3, 3]
const labels = [[0, 1, -1], [0, 0, -1], [2, -1, -1], [0, 1, 2]]

/** −log of the summed probability of every sequence of T classes that collapses to the label. */
function byEnumeration(logits: readonly number[], label: readonly number[]): number {
  const rows = Array.from({ length: T }, (_, t) => logits.slice(t * C, (t + 1) * C)).map((row) => {
    const sum = row.reduce((s, v) => s + Math.exp(v), 0)
    return row.map((v) => Math.exp(v) / sum)
  })
  const wanted = label.filter((c) => c >= 0).join()
  let probability = 0
  for (let code = 0; code < C ** T; code++) {
    const path = Array.from({ length: T }, (_, t) => Math.floor(code / C ** t) % C)
    const collapsed = path.filter((c, t) => c !== BLANK && c !== path[t - 1]).join()
    if (collapsed === wanted) probability += path.reduce((p, c, t) => p * rows[t]![c]!, 1)
  }
  return -Math.log(probability)
}

const logits = scattered('float32', [N, T, C])
const sample = (values: readonly number[], n: number) => values.slice(n * T * C, (n + 1) * T * C)

function graph(): Graph {
  const g = new Graph()
  const builder = new Builder(g)
  const x = g.input('logits', 'float32', [symbol('N'), T, C])
  const y = g.input('labels', 'int64', [symbol('N'), L])
  const weights = g.input('dy', 'float32', [symbol('N')])
  g.addOutput(builder.op('CtcLoss', [x, y], { blank: BLANK }, { domain: HONE }), 'loss')
  g.addOutput(builder.op('CtcLossGrad', [x, y, weights], { blank: BLANK }, { domain: HONE }), 'gradient')
  return g
}

test('the loss sums the probability of every path that reads as the label: repeats, short and full labels', async () => {
  const { loss } = await runGraph(graph(), { logits, labels: Tensor.of('int64', [N, L], labels.flat()), dy: Tensor.float32([N], [1, 1, 1, 1]) })
  const expected = labels.map((label, n) => byEnumeration(sample(logits.toNumbers(), n), label))
  assert.ok(relativeDistance(loss!.toNumbers(), expected) < 1e-6, `${loss!.toNumbers()} ${expected}`)
})

test('the gradient equals central differences of that sum', async () => {
  const dy = [1, 2, 0.5, -1]
  const { gradient } = await runGraph(graph(), { logits, labels: Tensor.of('int64', [N, L], labels.flat()), dy: Tensor.float32([N], dy) })
  const expected = labels.flatMap((label, n) => {
    const values = sample(logits.toNumbers(), n)
    return values.map((v, i) => (dy[n]! * (byEnumeration(values.with(i, v + 1e-5), label) - byEnumeration(values.with(i, v - 1e-5), label))) / 2e-5)
  })
  assert.ok(relativeDistance(gradient!.toNumbers(), expected) < 1e-5)
})
