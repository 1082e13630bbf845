import { availableParallelism } from 'node:os'
import type { Graph } from '../graph/graph.ts'
import { convolutions, lower } from '../lower/index.ts'
import { progress } from '../progress.ts'
import { named, type Tensors } from '../runtime/boundary.ts'
import { resolveDevice } from '../runtime/devices.ts'
import { graphOf } from '../runtime/model.ts'
import { OperatorSession } from '../runtime/operators.ts'
import { Session, type BoundRun, type SessionOptions } from '../runtime/session.ts'
import { table, type TableBundle } from '../table.ts'
import { digits, sizeText, timeRange, timeText } from '../units.ts'
import { bench } from './bench.ts'
import { memory } from './memory.ts'
import type { Measurement } from './result.ts'

export interface SwitchOptions extends Pick<SessionOptions, 'device' | 'threads'> {
  /** Time to measure latencies for (15 s). */
  readonly seconds?: number
  /** Names of the ways to measure beside the usual one (all that there are). */
  readonly only?: readonly string[]
}

/** A way of running a model. */
export interface Way {
  readonly name: string
  /** Seconds a run; compared with the usual way, timed in turn. */
  readonly latency: Measurement
  /** Most bytes in use by ONNX Runtime's own figures, and by how much the process grew at most; null where the runtime, or nobody, tells. */
  readonly peak: number | null
  readonly growth: number | null
}

/** Latency and memory of a model by how it is run. Shows itself as a table. */
export class Ways {
  readonly rows: readonly Way[]

  constructor(rows: readonly Way[]) {
    this.rows = rows
  }

  /** The fastest; the usual way unless another was seen to be faster. */
  get fastest(): Way {
    const [usual, ...others] = this.rows as [Way, ...Way[]]
    return others.filter(({ latency }) => latency.verdict === 'faster').reduce((best, way) => (way.latency.median < best.latency.median ? way : best), usual)
  }

  table(): TableBundle {
    const bytes = (count: number | null) => (count === null ? '' : sizeText(count))
    return table(this.rows, [
      { heading: 'run', cell: ({ name }) => name },
      { heading: 'time', cell: ({ latency }) => `${timeText(latency.median)} (${timeRange(latency.interval.low, latency.interval.high)})` },
      { heading: 'times as fast', cell: ({ latency }) => (latency.speedup ? digits(latency.speedup.value) : '1') },
      { heading: '', cell: ({ latency }) => (latency.verdict === 'baseline' ? '' : latency.verdict), align: 'left' },
      { heading: 'peak memory', cell: ({ peak }) => bytes(peak) },
      { heading: 'the process grew by', cell: ({ growth }) => bytes(growth) },
    ], "Times in turn. Peak memory by ONNX Runtime's own figures (without its arena it tells none); of the process, at most, the model included.")
  }

  [Symbol.for('Jupyter.display')](): TableBundle {
    return this.table()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.table()['text/plain']
  }
}

interface Contender {
  readonly name: string
  readonly graph: Graph
  readonly options: SessionOptions
  /** One session an operator: ONNX Runtime tells no memory of the whole. */
  readonly eager?: boolean
}

/**
 * Runs a model in every way that changes no result: threads within an operator and operators at once, memory pattern and arena, layout, fusion, Winograd convolutions, the
 * whole graph against operator by operator (what tracing gains over eager execution). One switch at a time beside the usual way: times in turn, memory in processes of their own.
 *
 * @example (await switches(net, plates.batch(1))).fastest
 * @throws RangeError where `only` names a way that there is not; Error where the model does not run.
 */
export async function switches(model: Graph | { readonly graph: Graph }, tensors: Tensors, { seconds = 15, only, device: wanted, threads }: SwitchOptions = {}): Promise<Ways> {
  const graph = graphOf(model)
  const feeds = named(graph, tensors)
  const device = await resolveDevice(wanted)
  const [usual, ...others] = contenders(graph, feeds, { device, ...(threads && { threads }) }) as [Contender, ...Contender[]]
  const unknown = only?.find((name) => !others.some((one) => one.name === name))
  if (unknown !== undefined) throw new RangeError(`there is no way "${unknown}" to run ${graph.name}, only ${others.map(({ name }) => name).join(', ')}`)
  const chosen = [usual, ...others.filter(({ name }) => !only || only.includes(name))]

  const opened = await Promise.all(chosen.map((one) => open(one, feeds)))
  const times = await bench(Object.fromEntries(opened.map(({ run }, i) => [chosen[i]!.name, run])), { seconds }).finally(() => Promise.all(opened.map(({ release }) => release())))
  const bar = progress('Memory', chosen.length)
  const rows: Way[] = []
  try {
    for (const { name, graph: it, options, eager } of chosen) {
      const found = eager ? null : await memory(it, feeds, options)
      rows.push({ name, latency: times[name]!, peak: found && (Math.max(found.peak.bytes, found.planned) || null), growth: found && found.growth })
      bar.tick()
    }
  } finally {
    bar.done()
  }
  return new Ways(rows)
}

/** The usual way first. */
function contenders(graph: Graph, feeds: Tensors, usual: SessionOptions): readonly Contender[] {
  const way = (name: string, options: SessionOptions): Contender => ({ name, graph, options: { ...usual, ...options } })
  const cores = availableParallelism()
  const threads = [1, 2, 4, 8, 16].filter((count) => count <= cores && count !== usual.threads)
  const onCpu = [
    ...threads.map((count) => way(`${count} ${count === 1 ? 'thread' : 'threads'}`, { threads: count })),
    way('2 operators at once', { interOpThreads: 2 }),
    way('threads spin', { spinning: true }),
    way('no memory pattern', { memoryPattern: false }),
    way('no arena', { arena: false }),
    way('no memory pattern, no arena', { memoryPattern: false, arena: false }),
    way('no layout of its own', { graphOptimization: 'extended' }),
  ]
  const sizes = sizesOf(graph, feeds)
  const winograd = convolutions(graph, sizes).length > 0 ? [{ name: 'Winograd', graph: lower(graph, 'cpu', { sizes }).graph, options: usual }] : []
  return [
    way('as usual', {}),
    ...(usual.device === 'cpu' ? [...onCpu, ...winograd] : []),
    way('no fused operators', { graphOptimization: 'basic' }),
    way('as written', { graphOptimization: 'disabled' }),
    { name: 'operator by operator', graph, options: usual, eager: true },
  ]
}

async function open({ graph, options, eager }: Contender, feeds: Tensors): Promise<{ run: BoundRun; release: () => Promise<void> }> {
  const session = eager ? await OperatorSession.create(graph, options) : await Session.create(graph, options)
  return { run: session.bind(feeds), release: () => session.release() }
}

/** The numbers that what is fed gives to the symbols of the inputs' shapes. */
function sizesOf(graph: Graph, feeds: Tensors): Record<string, number> {
  return Object.fromEntries(graph.inputs.flatMap(({ name, shape }) => (shape ?? []).flatMap((d, axis) => (typeof d === 'object' && d && feeds[name] ? [[String(d), feeds[name]!.shape[axis]!]] : []))))
}
