import type { Graph, Node } from '../graph/graph.ts'
import type { DataType } from '../graph/tensor.ts'
import { grouped, kernelsOf, nodeName, runsOf, type TraceEvent } from './trace.ts'
import { bytesOf, dtypeOf, familyOf, flopsOf } from './work.ts'

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
  /** Floating-point operations of all calls, two for a multiply-add; null where they are not known. */
  readonly flops: number | null
  /** Bytes that all calls read (activations and weights) and wrote. */
  readonly bytes: number
  /** Where it ran, such as CPUExecutionProvider. */
  readonly provider: string
  /** Element type of its first input. */
  readonly dtype: DataType | null
  /** Of its first output, in its first call. */
  readonly shape: readonly number[] | null
}

/** What a trace adds up to. */
export interface TraceSum {
  /** By node, in the order in which they ran. */
  readonly nodes: OperatorTime[]
  /** Seconds of the runs that count. */
  readonly total: number
  /** Runs that count. */
  readonly runs: number
}

/**
 * Adds up a trace by node, leaving out the first `skip` runs. A trace that holds no whole run beyond those (the model failed) counts from its beginning.
 * @param model tells the attributes of the operators.
 */
export function operatorTimes(events: readonly TraceEvent[], skip: number, model?: Graph): TraceSum {
  const runs = runsOf(events).slice(skip)
  const from = runs[0]?.ts ?? 0
  const kernels = kernelsOf(events).filter(({ ts }) => ts >= from)
  const total = seconds(runs.length ? runs : kernels)
  const own = ownTimes(kernels)
  const originOf = origins(model)
  const nodes = [...grouped(kernels, nodeName)].map(([name, calls]) => {
    const { op_name: type = '', provider = '', input_type_shape: inputs = [], output_type_shape: outputs = [] } = calls[0].args
    const spent = calls.reduce((sum, call) => sum + own.get(call)!, 0) / 1e6
    const origin = originOf(name, type)
    return {
      name, type, calls: calls.length, seconds: spent, mean: spent / calls.length, share: total ? spent / total : 0,
      flops: calls.reduce<number | null>((sum, { args }) => plus(sum, flopsOf(type, args.input_type_shape ?? [], args.output_type_shape ?? [], origin)), 0),
      bytes: calls.reduce((sum, { args }) => sum + bytesOf(type, args, origin), 0),
      provider, dtype: dtypeOf(inputs[0]), shape: Object.values(outputs[0] ?? {})[0] ?? null,
    }
  })
  return { nodes, total, runs: runs.length }
}

const plus = (a: number | null, b: number | null) => (a === null || b === null ? null : a + b)

/** How many nodes before the one that gives an executed operator its name may have been fused into it. */
const FUSED = 4

/**
 * The node of the model that an executed one stands for: it has its name, or is named after its output and the layout that the runtime chose; or,
 * where several were fused under the last one's name, the one of them that does the same work.
 */
function origins(model: Graph | undefined): (name: string, type: string) => Node | undefined {
  const nodes = model?.allNodes() ?? []
  const byName = new Map(nodes.map((node) => [node.name, node]))
  const byOutput = new Map(nodes.flatMap((node) => node.outputs.map((output) => [output.name, node])))
  return (name, type) => {
    let node: Node | null | undefined = byName.get(name) ?? byOutput.get(name.replace(/_n(chw|hw)c$/, ''))
    for (let step = 0; node && familyOf(node.type) !== familyOf(type); step++) node = step < FUSED ? node.inputs[0]?.producer : null
    return node ?? undefined
  }
}

/** A Loop's event spans those of its body: each event's duration without the events inside it. */
function ownTimes(events: readonly TraceEvent[]): Map<TraceEvent, number> {
  const own = new Map(events.map((event) => [event, event.dur]))
  const around: TraceEvent[] = []
  for (const event of events.toSorted((a, b) => a.ts - b.ts || b.dur - a.dur)) {
    while (around.length && end(around.at(-1)!) <= event.ts) around.pop()
    const outer = around.at(-1)
    if (outer && end(event) <= end(outer)) own.set(outer, own.get(outer)! - event.dur)
    around.push(event)
  }
  return own
}

const end = ({ ts, dur }: TraceEvent) => ts + dur
const seconds = (events: readonly TraceEvent[]) => events.reduce((sum, { dur }) => sum + dur, 0) / 1e6
