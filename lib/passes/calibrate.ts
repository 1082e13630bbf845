import { Graph, type Value } from '../graph/graph.ts'
import type { Tensor } from '../graph/tensor.ts'
import { named, type Tensors } from '../runtime/boundary.ts'
import { filledUp, fixedBatch } from '../runtime/samples.ts'
import { Session } from '../runtime/session.ts'
import { largestMagnitude } from './affine.ts'
import { Histogram, type CutMethod } from './histogram.ts'

/** Inputs like those that the network will see, by name: some batches, or a data set to take them from. */
export type Calibration = Iterable<Tensors> | AsyncIterable<Tensors> | { batches(size: number): Iterable<{ readonly inputs: Tensors }> }

/** The numbers that a value takes. */
export type Range = readonly [low: number, high: number]

/** How a range is found: from the extremes of single batches, or by cutting off what is rare. */
export type RangeMethod = keyof typeof MERGED | CutMethod

const CUTS: readonly string[] = ['percentile', 'entropy', 'mse'] satisfies CutMethod[]

/** Names of the methods. */
export const RANGE_METHODS: readonly string[] = ['average', 'extremes', ...CUTS]

const MERGED: Readonly<Record<'average' | 'extremes', (former: Range, seen: Range, count: number) => Range>> = {
  average: ([low, high], [least, most], count) => [low + (least - low) / count, high + (most - high) / count],
  extremes: ([low, high], [least, most], count) => (count === 1 ? [least, most] : [Math.min(low, least), Math.max(high, most)]),
}

/**
 * Runs the graph over the calibration data and finds the range of each of the values. Extremes are taken inside the graph; a method that cuts goes over the data once
 * more and counts, so memory does not grow with the data. @throws Error where there is no data, or a value is not finite.
 */
export async function calibrated(
  graph: Graph, values: readonly Value[], calibration: Calibration, { batch, method }: { batch: number; method: RangeMethod },
): Promise<ReadonlyMap<Value, Range>> {
  const ranges = new Map<Value, Range>(values.map((value) => [value, [0, 0]]))
  const merged = method === 'average' ? MERGED.average : MERGED.extremes
  let batches = 0
  await eachBatch(graph, watched(graph, values), calibration, batch, (seen) => {
    batches++
    values.forEach((value, i) => ranges.set(value, merged(ranges.get(value)!, finite(value, seen[`least_${i}`], seen[`most_${i}`]), batches)))
  })
  if (!batches) throw new Error('calibration: there is no data')
  if (!isCut(method)) return ranges
  const histograms = new Map(values.map((value) => [value, new Histogram(ranges.get(value)!)]))
  let again = 0
  await eachBatch(graph, shown(graph, values), calibration, batch, (seen) => {
    again++
    values.forEach((value, i) => histograms.get(value)!.add(seen[`value_${i}`].toFloat32()))
  })
  if (again !== batches) throw new Error(`calibration: the data gave ${batches} batches at first, then ${again}: ${method} reads them twice, so give a list or a data set`)
  return new Map(values.map((value) => [value, histograms.get(value)!.cut(method)]))
}

/** Nodes of a graph that is run as it is written. */
const LARGE = 2000

const isCut = (method: RangeMethod): method is CutMethod => CUTS.includes(method)

/** Runs `watching`, which reads some of the inputs of `graph`. */
async function eachBatch(graph: Graph, watching: Graph, calibration: Calibration, batch: number, see: (seen: Readonly<Record<string, Tensor>>) => void): Promise<void> {
  // with thousands of outputs ONNX Runtime takes minutes to rewrite a graph, and it would win seconds by that
  const graphOptimization = watching.nodes().length > LARGE ? 'disabled' : 'all'
  const session = await Session.create(watching, { device: 'cpu', spinning: false, graphOptimization })
  try {
    let count = 0
    for await (const inputs of feedsOf(graph, calibration, batch)) {
      const feeds = Object.fromEntries(session.inputs.map(({ name }) => [name, inputs[name]!]))
      count++
      // a minimum passes over what is no number
      const spoilt = Object.keys(feeds).find((name) => feeds[name].dtype === 'float32' && Number.isNaN(largestMagnitude(feeds[name].toFloat32())))
      if (spoilt !== undefined) throw new Error(`calibration: "${spoilt}" holds NaN in batch ${count}`)
      see(await session.run(feeds))
    }
  } finally {
    await session.release()
  }
}

function finite(value: Value, ...extremes: readonly [Tensor, Tensor]): Range {
  const [least, most] = extremes.map((tensor) => tensor.toNumbers()[0])
  const endless = [least, most].find((x) => !Number.isFinite(x))
  if (endless !== undefined) throw new Error(`calibration: "${value}" took the value ${endless}, which has no place on a scale`)
  return [least, most]
}

/** What calibration feeds to a network: of a data set `batch` samples a run, or as many as the network fixes. @throws Error where its inputs have other names. */
export async function* feedsOf(graph: Graph, calibration: Calibration, batch: number): AsyncGenerator<Tensors> {
  const fixed = fixedBatch(graph)
  if (typeof calibration !== 'object' || calibration === null) throw new TypeError(`calibration: a data set is wanted, or a list of batches, not ${calibration}`)
  if ('batches' in calibration) for (const { inputs } of calibration.batches(fixed ?? batch)) yield named(graph, fixed === null ? inputs : filledUp(inputs, fixed))
  else if (Symbol.iterator in calibration || Symbol.asyncIterator in calibration) for await (const inputs of calibration) yield named(graph, inputs)
  else throw new TypeError('calibration: a data set is wanted, or a list of batches: [data.batch(100)] for one of them')
}

/** The graph with the extremes of the values as its only outputs. */
function watched(graph: Graph, values: readonly Value[]): Graph {
  return withOutputs(graph, values, (copy, value, i) => {
    for (const [name, type] of [[`least_${i}`, 'ReduceMin'], [`most_${i}`, 'ReduceMax']] as const)
      copy.addOutput(copy.add(type, [value], { keepdims: 0 }, { outputs: [copy.unique(name)], types: [{ dtype: 'float32', shape: [] }] }).output)
  })
}

/** The graph with the values themselves as its only outputs. */
function shown(graph: Graph, values: readonly Value[]): Graph {
  return withOutputs(graph, values, (copy, value, i) => copy.addOutput(copy.add('Identity', [value], {}, { outputs: [copy.unique(`value_${i}`)], types: [value] }).output))
}

function withOutputs(graph: Graph, values: readonly Value[], add: (copy: Graph, value: Value, i: number) => void): Graph {
  const copy = new Graph()
  const map = new Map<Value, Value>()
  graph.copyInto(copy, map)
  copy.truncateOutputs(0)
  values.forEach((value, i) => add(copy, map.get(value)!, i))
  copy.removeUnused()
  return copy
}
