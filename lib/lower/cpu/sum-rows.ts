import { Builder } from '../../graph/builder.ts'
import { isStatic } from '../../graph/dim.ts'
import type { Graph, Node, Value } from '../../graph/graph.ts'
import { Tensor } from '../../graph/tensor.ts'
import { isZeros } from './scatter-into.ts'

/** Rows of a block: fewer make the products too short, more multiply by too many zeros. */
const SIZES = Array.from({ length: 33 }, (_, i) => 64 - i)

/** Numbers of a row: where there are fewer, sorting costs more than it spares. */
const WIDTH = 48

/**
 * Rows that are added to those of a table by their indices, as the gradient of an embedding is: ONNX Runtime's ScatterElements takes 30 ns for each number. The
 * rows are sorted by index instead, and each block of them is multiplied by the zeros and ones that add up those of one index: a fifth of the time.
 */
export function sumRows(graph: Graph): void {
  for (const scatter of graph.nodes('ScatterElements')) {
    const [table, updates, column] = [scatter.input(0), scatter.input(2), columnOf(scatter)]
    const size = SIZES.find((some) => Number(updates.shape?.[0]) % some === 0)
    if (!column || !size || !isStatic(updates.shape) || updates.rank !== 2 || updates.shape[1]! < WIDTH || updates.dtype !== 'float32' || scatter.string('reduction') !== 'add' || scatter.int('axis') !== 0) continue
    const builder = new Builder(graph, `${scatter.name}.`)
    const known = distinct(column)
    if (known && isZeros(table)) {
      scatter.output.replaceWith(summed(builder, updates, known.outputs[2]!, known.outputs[3]!, size))
      continue
    }
    const indices = builder.op('Mod', [builder.reshape(column, [-1]), builder.op('Shape', [table], { start: 0, end: 1 })])
    const [touched, , place, counts] = builder.ops('Unique', [indices], { sorted: 1 }, { outputs: 4 })
    // no row comes twice: of those that do, ScatterND loses some (see addedBack in lib/graph/ops/gather.ts)
    scatter.output.replaceWith(builder.op('ScatterND', [table, builder.unsqueeze(touched!, [1]), summed(builder, updates, place!, counts!, size)], { reduction: 'add' }))
  }
  graph.removeUnused()
  graph.sort()
}

/**
 * The sum of all rows of one place, for each place from 0 on.
 * @param updates [K, W]
 * @param place of each row, [K].
 * @param counts how many rows each place has, all at least one.
 * @param size of a block; divides K.
 */
function summed(graph: Builder, updates: Value, place: Value, counts: Value, size: number): Value {
  const [rows, width] = updates.shape as readonly [number, number]
  const blocks = rows / size
  const [sorted, order] = graph.ops('TopK', [place, graph.int64([rows])], { axis: 0, largest: 0 }, { outputs: 2 })
  const places = graph.reshape(sorted!, [blocks, size])
  const first = graph.slice(places, [0], [1], [1])
  const local = graph.reshape(graph.sub(places, first), [blocks, 1, size])
  const belongs = graph.cast(graph.op('Equal', [local, graph.tensor(counted(size, 1))]), 'float32')
  const sums = graph.matmul(belongs, graph.reshape(graph.gather(updates, order!), [blocks, size, width]))

  // the sum of a place stands in the block where its first row does; what later blocks have of it is their first sum
  const start = graph.op('CumSum', [counts, graph.scalar(0, 'int64')], { exclusive: 1 })
  const home = graph.div(start, graph.scalar(size, 'int64'))
  const all = graph.op('Range', [graph.scalar(0, 'int64'), graph.op('Size', [counts]), graph.scalar(1, 'int64')])
  const row = graph.add(graph.mul(home, graph.scalar(size, 'int64')), graph.sub(all, graph.gather(graph.reshape(first, [-1]), home)))
  const begun = graph.gather(graph.reshape(sums, [rows, width]), row)
  const beginsEarlier = graph.op('Less', [graph.gather(start, first), graph.tensor(counted(blocks, size))])
  const rest = graph.mul(graph.reshape(graph.slice(sums, [0], [1], [1]), [blocks, width]), graph.cast(beginsEarlier, 'float32'))
  return graph.op('ScatterElements', [begun, graph.op('Expand', [first, graph.int64([blocks, width])]), rest], { axis: 0, reduction: 'add' })
}

/** Multiples of a step from 0 on, as a column. */
const counted = (count: number, step: number): Tensor => Tensor.of('int64', [count, 1], Array.from({ length: count }, (_, i) => i * step))

/** The indices [K, 1], where those of a row are all alike. */
function columnOf(scatter: Node): Value | undefined {
  const { producer } = scatter.input(1)
  const column = producer?.type === 'Expand' ? producer.input(0) : undefined
  return column?.rank === 2 && column.shape![1] === 1 ? column : undefined
}

/** What finds the distinct ones of some numbers, where the column is the place of each among these. */
function distinct(column: Value): Node | undefined {
  const { producer } = column
  if (producer?.type === 'Unique') return producer.outputs[2] === column && producer.outputs[3] ? producer : undefined
  return producer && ['Reshape', 'Unsqueeze', 'Squeeze', 'Flatten'].includes(producer.type) ? distinct(producer.input(0)) : undefined
}
