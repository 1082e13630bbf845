import { formatShape } from '../graph/dim.ts'
import { table, Table, type Column, type TableBundle } from '../table.ts'
import { countText, digits, percentText, sizeText, timeText } from '../units.ts'
import type { OperatorTime, TraceSum } from './operator-times.ts'
import type { Interval } from './stats.ts'
import { grouped } from './trace.ts'

const DISPLAY = Symbol.for('Jupyter.display')

/** What was seen beside the trace. */
export interface Beside {
  /** Seconds of the counted runs by JavaScript's own clock: the call into ONNX Runtime included. */
  readonly stopwatch?: number
  /** How much longer a run took for being watched, as a share of an unwatched one, with its 95 % interval. */
  readonly cost?: Interval
  /** The model failed in the last run. */
  readonly failed?: boolean
}

/** An operator profile. Shows itself as a table by type of operator; `nodes` has each one, and `byNode()` shows them. */
export class Profile {
  /** One entry a node, the costliest first. */
  readonly nodes: readonly OperatorTime[]
  /** One entry a type of operator, the costliest first. */
  readonly types: readonly OperatorTime[]
  /** The nodes in the order in which they ran. */
  readonly sequence: readonly OperatorTime[]
  /** Seconds of all counted runs together, between the operators too. */
  readonly total: number
  readonly runs: number
  /** Seconds of the counted runs by an independent clock; null where there was none. */
  readonly stopwatch: number | null
  /** How much longer a run took for being watched, as a share of an unwatched one, with its 95 % interval; null where that was not measured. */
  readonly cost: Interval | null
  /** Whether the model failed in the last run. */
  readonly failed: boolean

  constructor({ nodes, total, runs }: TraceSum, { stopwatch, cost, failed = false }: Beside = {}) {
    this.sequence = nodes
    this.nodes = nodes.toSorted(costliest)
    this.types = byType(nodes, total)
    this.total = total
    this.runs = runs
    this.stopwatch = stopwatch ?? null
    this.cost = cost ?? null
    this.failed = failed
  }

  /** By type of operator, as HTML and as text. */
  table(): TableBundle {
    return table(this.types, [{ heading: 'operator', cell: ({ type }) => type }, ...this.#columns()], this.#caption())
  }

  /** Each node, the costliest `limit` of them. */
  byNode(limit = Infinity): Table {
    const columns: Column<OperatorTime>[] = [
      { heading: 'node', cell: ({ name }) => name },
      { heading: 'operator', cell: ({ type }) => type, align: 'left' },
      { heading: 'output', cell: ({ shape }) => formatShape(shape) },
      ...this.#columns(),
    ]
    return new Table(table(this.nodes.slice(0, limit), columns))
  }

  #columns(): Column<OperatorTime>[] {
    const runs = Math.max(1, this.runs)
    return [
      { heading: 'calls per run', cell: ({ calls }) => countText(calls / runs) },
      { heading: 'time per run', cell: (row) => timeText(row.seconds / runs) },
      { heading: 'mean of a call', cell: ({ mean }) => timeText(mean) },
      { heading: 'share', cell: ({ share }) => percentText(share) },
      { heading: 'FLOP', cell: ({ flops }) => (flops === null ? '?' : countText(flops / runs)) },
      { heading: 'moved', cell: ({ bytes }) => sizeText(bytes / runs) },
      { heading: 'GFLOP/s', cell: (row) => rate(row.flops, row.seconds) },
      { heading: 'GB/s', cell: (row) => rate(row.bytes, row.seconds) },
      { heading: 'FLOP/byte', cell: (row) => (intensity(row) === null ? '?' : digits(intensity(row)!)) },
      { heading: 'type', cell: ({ dtype }) => dtype ?? '', align: 'left' },
      { heading: 'on', cell: ({ provider }) => provider.replace('ExecutionProvider', ''), align: 'left' },
    ]
  }

  #caption(): string {
    if (this.failed) return `The model failed in run ${this.runs}: this is what ran before.`
    const { runs, total, stopwatch } = this
    const between = total - this.nodes.reduce((sum, { seconds }) => sum + seconds, 0)
    const call = stopwatch === null ? '' : ` Each call took ${timeText((stopwatch - total) / runs)} more, by a stopwatch.`
    return `${runs} ${runs === 1 ? 'run, ' : 'runs, '}${timeText(total / runs)}${runs === 1 ? '' : ' each'}, ${percentText(between / total)} of it between operators.${call}${this.#costText()}`
  }

  #costText(): string {
    if (this.cost === null) return ''
    const { value, low, high } = this.cost
    return ` Watching made a run ${percentText(Math.abs(value))} ${value < 0 ? 'shorter' : 'longer'}${Number.isFinite(high) ? ` (${percentText(low)} to ${percentText(high)})` : ''}.`
  }

  [DISPLAY](): TableBundle {
    return this.table()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.table()['text/plain']
  }
}

/** Floating-point operations for each byte that is read or written: below a machine's ratio of the two, memory is the bottleneck. */
export function intensity({ flops, bytes }: Pick<OperatorTime, 'flops' | 'bytes'>): number | null {
  return flops === null || bytes === 0 ? null : flops / bytes
}

const rate = (amount: number | null, seconds: number) => (amount === null || seconds === 0 ? '?' : digits(amount / seconds / 1e9))

const costliest = (a: OperatorTime, b: OperatorTime) => b.seconds - a.seconds

function byType(nodes: readonly OperatorTime[], total: number): OperatorTime[] {
  return [...grouped(nodes, ({ type }) => type)].map(([type, members]) => {
    const add = (of: (node: OperatorTime) => number) => members.reduce((sum, node) => sum + of(node), 0)
    const [calls, seconds] = [add((node) => node.calls), add((node) => node.seconds)]
    const flops = members.some((node) => node.flops === null) ? null : add((node) => node.flops!)
    const all = (of: (node: OperatorTime) => string | null) => [...new Set(members.map(of))].join(', ')
    const dtype = members.every((node) => node.dtype === members[0].dtype) ? members[0].dtype : null
    return { name: type, type, calls, seconds, mean: seconds / calls, share: total ? seconds / total : 0, flops, bytes: add((node) => node.bytes), provider: all((node) => node.provider), dtype, shape: null }
  }).toSorted(costliest)
}
