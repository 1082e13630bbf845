import { Builder } from '../graph/builder.ts'
import { Graph } from '../graph/graph.ts'
import { Tensor } from '../graph/tensor.ts'
import type { Tensors } from '../runtime/boundary.ts'
import { Session, type SessionOptions } from '../runtime/session.ts'
import { table, type TableBundle } from '../table.ts'
import { countText, digits, percentText, sizeText, timeText } from '../units.ts'
import type { OperatorTime } from './operator-times.ts'
import { intensity, type Profile } from './profile-table.ts'
import { plainName } from './trace.ts'

/** What a machine reaches at most. */
export interface MachineLimits {
  /** Floating-point operations a second, in a large matrix product. */
  readonly flops: number
  /** Bytes read and written a second, in elementwise operators over tensors that no cache holds. */
  readonly bandwidth: number
}

/** An operator under the roof. */
export interface RooflineRow {
  readonly name: string
  readonly type: string
  /** Seconds a run. */
  readonly seconds: number
  /** Of the time of all operators. */
  readonly share: number
  /** Floating-point operations for each byte; null where they are not known. */
  readonly intensity: number | null
  /** Floating-point operations a second; null where they are not known. */
  readonly rate: number | null
  /** Which limit is the lower one at its intensity. */
  readonly bound: 'memory' | 'compute' | 'unknown'
}

const SIDE = 1024
const FLOATS = 2 ** 24
const RUNS = 7

/** Measures what a device reaches through ONNX Runtime with so many threads: the best of some runs. */
export async function machineLimits(options: Pick<SessionOptions, 'device' | 'threads'> = {}): Promise<MachineLimits> {
  const product = new Graph('matrix product')
  const [a, b] = ['a', 'b'].map((name) => product.input(name, 'float32', [SIDE, SIDE]))
  product.addOutput(new Builder(product).matmul(a, b), 'y')
  const square = Tensor.float32([SIDE, SIDE], Float32Array.from({ length: SIDE * SIDE }, (_, i) => (i % 7) - 3))

  const stream = new Graph('stream')
  const builder = new Builder(stream)
  const sum = builder.add(stream.input('x', 'float32', [FLOATS]), 1)
  stream.addOutput(builder.op('ReduceMax', [sum], { keepdims: 0 }), 'y')
  const bytes = 3 * 4 * FLOATS // the sum reads and writes, the maximum reads

  const best = { ...options, graphOptimization: 'disabled' } as const
  return {
    flops: (2 * SIDE ** 3) / (await shortest(product, { a: square, b: square }, best)),
    bandwidth: bytes / (await shortest(stream, { x: Tensor.zeros('float32', [FLOATS]) }, best)),
  }
}

async function shortest(graph: Graph, feeds: Tensors, options: SessionOptions): Promise<number> {
  const session = await Session.create(graph, options)
  try {
    const run = session.bind(feeds)
    let best = Infinity
    for (let i = 0; i < RUNS; i++) {
      const start = performance.now()
      await run()
      best = Math.min(best, (performance.now() - start) / 1000)
    }
    return best
  } finally {
    await session.release()
  }
}

/**
 * Which limit holds each operator of a profile back, by how many operations it does for each byte that it reads and writes: what stays in a cache counts
 * as if it came from memory. Williams, Waterman, Patterson 2009, https://doi.org/10.1145/1498765.1498785
 */
export function roofline(profile: Profile, limits: MachineLimits): Roofline {
  return new Roofline(profile, limits)
}

/** Operators under a machine's roof. Shows itself as a table of the costliest; `plot.roofline` draws it. */
export class Roofline {
  readonly limits: MachineLimits
  /** The costliest first. */
  readonly rows: readonly RooflineRow[]

  constructor({ nodes, runs }: Profile, limits: MachineLimits) {
    const total = nodes.reduce((sum, { seconds }) => sum + seconds, 0)
    this.limits = limits
    this.rows = nodes.map((node) => ({
      name: plainName(node.name), type: node.type, seconds: node.seconds / Math.max(1, runs), share: node.seconds / total,
      intensity: intensity(node), rate: node.flops === null || node.seconds === 0 ? null : node.flops / node.seconds, bound: boundOf(node, limits),
    }))
  }

  /** Share of the operators' time in those that memory holds back. */
  get memoryBound(): number {
    return this.rows.reduce((sum, { bound, share }) => sum + (bound === 'memory' ? share : 0), 0)
  }

  table(limit = 12): TableBundle {
    const { limits: { flops, bandwidth }, rows } = this
    const rest = rows.length > limit ? ` The ${limit} costliest of ${rows.length} operators.` : ''
    return table(rows.slice(0, limit), [
      { heading: 'operator', cell: ({ name }) => name },
      { heading: '', cell: ({ type }) => type, align: 'left' },
      { heading: 'time per run', cell: ({ seconds }) => timeText(seconds) },
      { heading: 'share', cell: ({ share }) => percentText(share) },
      { heading: 'FLOP/byte', cell: (row) => (row.intensity === null ? '?' : digits(row.intensity)) },
      { heading: 'GFLOP/s', cell: ({ rate }) => (rate === null ? '?' : digits(rate / 1e9)) },
      { heading: 'bound by', cell: ({ bound }) => bound, align: 'left' },
    ], `${percentText(this.memoryBound)} of the time in operators that memory holds back: below ${digits(flops / bandwidth)} FLOP/byte on this machine (${countText(flops)}FLOP/s, ${sizeText(bandwidth)}/s).${rest}`)
  }

  [Symbol.for('Jupyter.display')](): TableBundle {
    return this.table()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.table()['text/plain']
  }
}

function boundOf(node: OperatorTime, { flops, bandwidth }: MachineLimits): RooflineRow['bound'] {
  const perByte = intensity(node)
  if (perByte === null) return 'unknown'
  return perByte < flops / bandwidth ? 'memory' : 'compute'
}
