import { timeline } from '../plot/timeline.ts'
import { withCharts } from '../plot/under.ts'
import { table, Table, type TableBundle } from '../table.ts'
import { percentText, sizeText } from '../units.ts'
import type { HostMemory } from './memory-process.ts'
import { kernelsOf, nodeName, plainName, runsOf, type TraceEvent } from './trace.ts'

/** An operator in the first run: bytes of ONNX Runtime's allocator. */
export interface OperatorMemory {
  readonly name: string
  readonly type: string
  /** In use at most while it ran, as far as the runtime tells: what was in use after it, or more where it raised the peak. */
  readonly inUse: number
  /** In use after it. */
  readonly after: number
  /** By how much it raised the run's peak. */
  readonly raised: number
  readonly outputs: number
  readonly weights: number
}

/** The memory that a model takes while it runs. Shows itself as a table, with what is in use over the operators of a run. */
export class MemoryProfile {
  /** The operators of the first run in order, before the runtime keeps to a plan. */
  readonly operators: readonly OperatorMemory[]
  /** Most bytes in use in the first run, and the operator that reached them. */
  readonly peak: { readonly bytes: number; readonly owner: string }
  /** Most bytes in use in the last run, the planned block included. */
  readonly planned: number
  /** Bytes that the allocator holds of the system after the last run, in use or not. */
  readonly held: number
  /** The process, stage by stage. */
  readonly host: readonly HostMemory[]
  /** Bytes of what the model is fed: the state of a training step among them. */
  readonly fed: number
  /** Most bytes on NVIDIA GPUs, the driver's own included; null on other devices. */
  readonly gpu: number | null

  constructor(events: readonly TraceEvent[], host: readonly HostMemory[], gpu: number | null, fed = 0) {
    const runs = runsOf(events)
    const kernels = kernelsOf(events)
    const [, second] = runs
    this.operators = operatorsOf(second ? kernels.filter(({ ts }) => ts < second.ts) : kernels)
    const owner = this.operators.reduce((most, operator) => (operator.inUse > most.inUse ? operator : most), this.operators[0])
    this.peak = { bytes: owner?.inUse ?? 0, owner: owner?.name ?? '' }
    const last = kernels.filter(({ ts }) => ts >= (runs.at(-1)?.ts ?? 0))
    this.planned = Math.max(0, ...last.map(({ args }) => Number(args.mem_bytes_in_use ?? 0)))
    this.held = Number(last.at(-1)?.args.mem_arena_held ?? 0)
    this.host = host
    this.gpu = gpu
    this.fed = fed
  }

  /** Most bytes that the runtime's allocator and what the model is fed take together. */
  get most(): number {
    return this.fed + Math.max(this.peak.bytes, this.planned)
  }

  /** Bytes by which the process grew at most for the model and its runs. */
  get growth(): number {
    const [started] = this.host
    return this.host.at(-1)!.highest - started.rss
  }

  /** The process, stage by stage. */
  table(): TableBundle {
    const { peak, planned, held, fed, gpu } = this
    const caption = [
      `In the first run ${sizeText(peak.bytes)} at most, in ${peak.owner}. From the second on ${sizeText(planned)} in one planned block; the allocator holds ${sizeText(held)}. It is fed ${sizeText(fed)}. The process grew by ${sizeText(this.growth)} at most.`,
      ...(gpu === null ? [] : [`On the GPU ${sizeText(gpu)} at most.`]),
    ].join('\n')
    return table(this.host, [
      { heading: 'stage', cell: ({ stage }) => stage },
      { heading: 'resident', cell: ({ rss }) => sizeText(rss) },
      { heading: 'resident at most', cell: ({ highest }) => sizeText(highest) },
      { heading: "V8's heap", cell: ({ heapUsed }) => sizeText(heapUsed) },
      { heading: 'external', cell: ({ external }) => sizeText(external) },
    ], caption)
  }

  /** The operators of the first run in order, or the `limit` of them that use most. */
  byOperator(limit = Infinity): Table {
    const rows = limit < this.operators.length ? this.operators.toSorted((a, b) => b.inUse - a.inUse).slice(0, limit) : this.operators
    return new Table(table(rows, [
      { heading: 'operator', cell: ({ name }) => name },
      { heading: '', cell: ({ type }) => type, align: 'left' },
      { heading: 'in use', cell: ({ inUse }) => sizeText(inUse) },
      { heading: 'of the peak', cell: ({ inUse }) => percentText(inUse / this.peak.bytes) },
      { heading: 'raised the peak by', cell: ({ raised }) => (raised ? sizeText(raised) : '') },
      { heading: 'after it', cell: ({ after }) => sizeText(after) },
      { heading: 'outputs', cell: ({ outputs }) => sizeText(outputs) },
      { heading: 'weights', cell: ({ weights }) => sizeText(weights) },
    ]))
  }

  [Symbol.for('Jupyter.display')](): Promise<TableBundle> {
    return withCharts(this.table(), this.operators.length ? [timeline(this.operators)] : [])
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.table()['text/plain']
  }
}

/** A kernel that sets no new peak used no more than is in use after it, or than an earlier one. */
function operatorsOf(kernels: readonly TraceEvent[]): OperatorMemory[] {
  let highest = 0
  return kernels.map((kernel) => {
    const { op_name: type = '', mem_bytes_in_use: inUse, mem_in_use_peak: reached, output_size: outputs, parameter_size: weights } = kernel.args
    const [after, peak] = [Number(inUse ?? 0), Number(reached ?? 0)]
    const raised = Math.max(0, peak - highest)
    highest = Math.max(highest, peak)
    return { name: plainName(nodeName(kernel)), type, inUse: raised ? peak : after, after, raised, outputs: Number(outputs ?? 0), weights: Number(weights ?? 0) }
  })
}
