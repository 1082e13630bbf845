import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Builder } from '../../../../lib/graph/builder.ts'
import type { Graph, Value } from '../../../../lib/graph/graph.ts'
import { Tensor } from '../../../../lib/graph/tensor.ts'
import { verify } from '../../../../lib/graph/verify.ts'
import { inBlocks } from '../../../../lib/lower/cpu/blocks.ts'
import { runGraph } from '../../graph/run.ts'
import { graphOf, noise } from './both.ts'

const [ROWS, COLUMNS] = [24, 4]
const BYTES = ROWS * COLUMNS * 4
const shape = [ROWS, COLUMNS]
const shapes = { x: shape, y: shape, row: [COLUMNS] }
const EXACT_ENOUGH = 1e-5

function blocked(graph: Graph, large = BYTES): Graph {
  const copy = graph.copy()
  inBlocks(copy, { large, block: BYTES / 4 })
  return verify(copy)
}

/** The largest difference between any two numbers of the outputs. */
async function difference(graph: Graph): Promise<number> {
  const feeds = Object.fromEntries(graph.inputs.map((input, i) => [input.name, noise(input.shape as readonly number[], i + 1)]))
  const [found, expected] = [await runGraph(blocked(graph), feeds), await runGraph(graph, feeds)]
  return Math.max(...Object.keys(expected).flatMap((name) => expected[name]!.toNumbers().map((value, i) => Math.abs(value - found[name]!.toNumbers()[i]!))))
}

const ones = (g: Builder): Value => g.tensor(Tensor.float32([1, ROWS], new Float32Array(ROWS).fill(1 / ROWS)))
const mean = (g: Builder, x: Value): Value => g.reshape(g.matmul(ones(g), x), [-1])
const turned = (g: Builder, x: Value): Value => g.transpose(g.transpose(x))

test('a normalization is three chains: its mean, its variance, and the rest; what is cheap is computed in each instead of kept', async () => {
  const graph = graphOf(shapes, (g, x, y, row) => {
    const centred = g.sub(g.add(x, y), mean(g, g.add(x, y)))
    const variance = mean(g, g.mul(centred, centred))
    return [turned(g, g.relu(g.mul(centred, g.div(row, g.sqrt(g.add(variance, 1))))))]
  })
  const found = blocked(graph)
  assert.equal(found.nodes('Scan').length, 3)
  assert.deepEqual(found.nodes().filter(({ type, output }) => ['Add', 'Sub', 'Mul', 'Relu'].includes(type) && String(output.shape) === String(shape)), [])
  assert.ok((await difference(graph)) < EXACT_ENOUGH)
})

test('small tensors, a single operator, and outputs of the graph are left alone', () => {
  const chain = graphOf(shapes, (g, x, y) => [turned(g, g.exp(g.add(x, y)))])
  assert.equal(blocked(chain, 2 * BYTES).nodes('Scan').length, 0)
  assert.equal(blocked(chain).nodes('Scan').length, 1)
  assert.equal(blocked(graphOf(shapes, (g, x, y) => [turned(g, g.add(x, y))])).nodes('Scan').length, 0)
  assert.equal(blocked(graphOf(shapes, (g, x, y) => [g.exp(g.add(x, y))])).nodes('Scan').length, 0)
})

/** Each step reads two of the values before it. All are continuous and keep numbers small, so that rounding stays small. */
const operations: readonly ((g: Builder, a: Value, b: Value, row: Value) => Value)[] = [
  (g, a, b) => g.mul(g.add(a, b), 0.5), (g, a, b) => g.op('Tanh', [g.mul(a, b)]), (g, a) => g.relu(a), (g, a, _, row) => g.sub(a, row), (g, a, b) => g.op('Max', [a, b]),
  (g, a, b) => g.sub(a, mean(g, b)), (g, a) => turned(g, a), (g, a) => g.op('Softmax', [a], { axis: 0 }),
]

test('any program of chains, sums and operators between them computes the same in blocks', async () => {
  const step = fc.record({ operation: fc.nat(operations.length - 1), a: fc.nat(), b: fc.nat() })
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 14 }), async (program) => {
    const graph = graphOf(shapes, (g, x, y, row) => {
      const values = [x, y]
      for (const { operation, a, b } of program) values.push(operations[operation]!(g, values[a % values.length]!, values[b % values.length]!, row))
      return [turned(g, values.at(-1)!), turned(g, values.at(-2)!), mean(g, values.at(-1)!)]
    })
    assert.ok((await difference(graph)) < EXACT_ENOUGH)
  }), { numRuns: 25 })
})
