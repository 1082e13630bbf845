/** What an operator took, in all runs that count. */
export interface OperatorTime {
  /** The node's name in the graph that ran. */
  readonly name: string
  readonly type: string
  readonly calls: number
  /** Seconds of all calls, without those of nodes inside its subgraphs. ONNX Runtime counts whole microseconds. */
  readonly seconds: number
  readonly mean: number
  /** Of the time of the runs. */
  readonly share: number
}

/** An event of ONNX Runtime's trace (microseconds). https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU */
export interface TraceEvent {
  readonly cat: string
  readonly name: string
  readonly ts: number
  readonly dur: number
  readonly args: { readonly op_name?: string }
}

const KERNEL = '_kernel_time'

/** Adds up a trace by node, the costliest first, leaving out the first `skip` runs; `total` is the time of the others. */
export function operatorTimes(events: readonly TraceEvent[], skip: number): { nodes: OperatorTime[]; total: number } {
  const runs = events.filter(({ cat, name }) => cat === 'Session' && name === 'model_run').toSorted(byStart).slice(skip)
  const total = seconds(runs)
  const from = runs[0]?.ts ?? Infinity
  const kernels = events.filter(({ cat, name, ts }) => cat === 'Node' && name.endsWith(KERNEL) && ts >= from)
  const own = ownTimes(kernels)
  const nodes = [...grouped(kernels, ({ name }) => name)].map(([name, calls]) => {
    const spent = calls.reduce((sum, call) => sum + own.get(call)!, 0) / 1e6
    return { name: name.slice(0, -KERNEL.length), type: calls[0].args.op_name ?? '', calls: calls.length, seconds: spent, mean: spent / calls.length, share: spent / total }
  })
  return { nodes: nodes.toSorted((a, b) => b.seconds - a.seconds), total }
}

/** A Loop's event spans those of its body: each event's duration without the events inside it. */
function ownTimes(events: readonly TraceEvent[]): Map<TraceEvent, number> {
  const own = new Map(events.map((event) => [event, event.dur]))
  const around: TraceEvent[] = []
  for (const event of events.toSorted((a, b) => byStart(a, b) || b.dur - a.dur)) {
    while (around.length && end(around.at(-1)!) <= event.ts) around.pop()
    const outer = around.at(-1)
    if (outer && end(event) <= end(outer)) own.set(outer, own.get(outer)! - event.dur)
    around.push(event)
  }
  return own
}

/** The items that share a key, by key. */
export function grouped<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group) group.push(item)
    else groups.set(key, [item])
  }
  return groups
}

const byStart = (a: TraceEvent, b: TraceEvent) => a.ts - b.ts
const end = ({ ts, dur }: TraceEvent) => ts + dur
const seconds = (events: readonly TraceEvent[]) => events.reduce((sum, { dur }) => sum + dur, 0) / 1e6
