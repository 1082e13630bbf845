import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Builder } from '../../../../lib/graph/builder.ts'
import { Graph, type Value } from '../../../../lib/graph/graph.ts'
import { Tensor } from '../../../../lib/graph/tensor.ts'
import { lower } from '../../../../lib/lower/index.ts'
import { runGraph } from '../../graph/run.ts'
import { typesOf } from './both.ts'

const [ROWS, WIDTH] = [40, 48]

/** Adds a row for each index to the rows of a table. */
function added(graph: Builder, table: Value, indices: Value, updates: Value): Value {
  const column = graph.op('Expand', [graph.reshape(indices, [-1, 1]), graph.shapeOf(updates)])
  return graph.op('ScatterElements', [table, column, updates], { axis: 0, reduction: 'add' })
}

/** Each index once, and what it sums, as in a step that moves touched rows. */
function addedOnce(graph: Builder, table: Value, indices: Value, updates: Value): Value {
  const [touched, , place] = graph.ops('Unique', [indices], { sorted: 1 }, { outputs: 4 })
  return added(graph, graph.zerosLike(graph.gather(table, touched!)), place!, updates)
}

const forms = {
  'rows added to those of a table': { write: added, least: -ROWS },
  'rows added to zeros': { write: (graph: Builder, table: Value, indices: Value, updates: Value) => added(graph, graph.zerosLike(table), indices, updates), least: -ROWS },
  'rows of each index once': { write: addedOnce, least: 0 },
}

for (const [name, { write, least }] of Object.entries(forms))
  test(`${name} are summed in blocks, however often an index comes`, async () => {
    const indices = fc.integer({ min: 1, max: 4 }).chain((blocks) => fc.oneof(
      fc.array(fc.integer({ min: least, max: ROWS - 1 }), { minLength: 48 * blocks, maxLength: 48 * blocks }),
      fc.integer({ min: least, max: ROWS - 1 }).map((index): number[] => Array(48 * blocks).fill(index)),
    ))
    await fc.assert(fc.asyncProperty(indices, fc.infiniteStream(fc.integer({ min: -9, max: 9 })), async (wanted, numbers) => {
      const graph = new Graph('small')
      const feeds: Record<string, Tensor> = {
        table: Tensor.of('float32', [ROWS, WIDTH], Array.from({ length: ROWS * WIDTH }, (_, i) => i)),
        indices: Tensor.int64(wanted),
        updates: Tensor.of('float32', [wanted.length, WIDTH], [...numbers.take(wanted.length * WIDTH)]),
      }
      const [table, at, updates] = Object.entries(feeds).map(([input, { dtype, shape }]) => graph.input(input, dtype, shape))
      graph.addOutput(write(new Builder(graph), table!, at!, updates!), 'sums')
      const { graph: lowered } = lower(graph, 'cpu')
      assert.ok(typesOf(lowered).has('TopK'))
      assert.deepEqual((await runGraph(lowered, feeds)).sums, (await runGraph(graph, feeds)).sums)
    }), { numRuns: 25 })
  })
