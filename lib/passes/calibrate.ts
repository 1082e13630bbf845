import { Graph, type Value } from '../graph/graph.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { Tensors } from '../runtime/boundary.ts'
import { Session } from '../runtime/session.ts'

/** Inputs like those that the network will see, by name: some batches, or a data set to take them from. */
export type Calibration = Iterable<Tensors> | AsyncIterable<Tensors> | { batches(size: number): Iterable<{ readonly inputs: Tensors }> }

/** The numbers that a value takes. */
export type Range = readonly [low: number, high: number]

/** How the ranges of single batches become one. */
export type RangeMethod = 'average' | 'extremes'

const MERGED: Readonly<Record<RangeMethod, (former: Range, seen: Range, count: number) => Range>> = {
  average: ([low, high], [least, most], count) => [low + (least - low) / count, high + (most - high) / count],
  extremes: ([low, high], [least, most], count) => (count === 1 ? [least, most] : [Math.min(low, least), Math.max(high, most)]),
}

/**
 * Runs the graph over the calibration data and finds the range of each of the values. The extremes are taken inside the graph, so memory does not
 * grow with the data. @throws Error where there is no data, or a value is not finite.
 */
export async function calibrated(
  graph: Graph, values: readonly Value[], calibration: Calibration, { batch, method }: { batch: number; method: RangeMethod },
): Promise<ReadonlyMap<Value, Range>> {
  const session = await Session.create(watched(graph, values), { device: 'cpu', spinning: false })
  const ranges = new Map<Value, Range>(values.map((value) => [value, [0, 0]]))
  const wanted = session.inputs.map(({ name }) => name)
  let batches = 0
  try {
    for await (const inputs of feedsOf(calibration, batch)) {
      const seen = await session.run(Object.fromEntries(wanted.filter((name) => inputs[name]).map((name) => [name, inputs[name]])))
      batches++
      values.forEach((value, i) => ranges.set(value, MERGED[method](ranges.get(value)!, finite(value, seen[`least_${i}`], seen[`most_${i}`]), batches)))
    }
  } finally {
    await session.release()
  }
  if (!batches) throw new Error('quantize: there is no calibration data')
  return ranges
}

function finite(value: Value, ...extremes: readonly [Tensor, Tensor]): Range {
  const [least, most] = extremes.map((tensor) => tensor.toNumbers()[0])
  const endless = [least, most].find((x) => !Number.isFinite(x))
  if (endless !== undefined) throw new Error(`quantize: "${value}" took the value ${endless} in calibration, which has no place on a scale`)
  return [least, most]
}

async function* feedsOf(calibration: Calibration, batch: number): AsyncGenerator<Tensors> {
  if ('batches' in calibration) for (const { inputs } of calibration.batches(batch)) yield inputs
  else yield* calibration
}

/** The graph with the extremes of the values as its only outputs. */
function watched(graph: Graph, values: readonly Value[]): Graph {
  const copy = new Graph()
  const map = new Map<Value, Value>()
  graph.copyInto(copy, map)
  copy.truncateOutputs(0)
  values.forEach((value, i) => {
    for (const [name, type] of [[`least_${i}`, 'ReduceMin'], [`most_${i}`, 'ReduceMax']] as const)
      copy.addOutput(copy.add(type, [map.get(value)!], { keepdims: 0 }, { outputs: [copy.unique(name)], types: [{ dtype: 'float32', shape: [] }] }).output)
  })
  copy.removeUnused()
  return copy
}
