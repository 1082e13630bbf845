import { Worker } from 'node:worker_threads'
import type { HeapProfiler } from 'node:inspector'
import { cellSignal } from '../interrupt.ts'
import { stacked, table, type TableBundle } from '../table.ts'
import { percentText, sizeText } from '../units.ts'
import { byFunction, callTree, located, type FrameOptions, type FunctionCost, type Node } from './call-tree.ts'
import { recorded } from './recording.ts'

export interface MemoryProfileOptions extends FrameOptions {
  /** Mean number of bytes between two allocations that are looked at (32768). */
  readonly interval?: number
}

/**
 * What work takes of memory: the process before and after it, its peak, and which functions allocated, by V8's sampling heap profiler.
 * What was freed again counts as allocated. Rejects with what the work throws.
 * https://chromedevtools.github.io/devtools-protocol/v8/HeapProfiler/
 */
export async function memoryProfile(work: () => unknown, { interval = 32_768, ...frames }: MemoryProfileOptions = {}): Promise<MemoryProfile> {
  const peak = await PeakWatch.start()
  const before = process.memoryUsage()
  try {
    const head = await recorded(
      work,
      (session) => session.post('HeapProfiler.startSampling', { samplingInterval: interval, ...COLLECTED_TOO }),
      (session) => {
        let head!: HeapProfiler.SamplingHeapProfileNode
        session.post('HeapProfiler.stopSampling', (failure, answer) => {
          if (failure) throw failure
          head = answer.profile.head
        })
        return head
      },
    )
    return new MemoryProfile(before, process.memoryUsage(), await peak.stop(), byFunction(callTree(treeOf(head, frames), frames.isHidden)))
  } finally {
    await peak.stop()
  }
}

/** @types/node 20 does not know these yet. */
const COLLECTED_TOO = { includeObjectsCollectedByMajorGC: true, includeObjectsCollectedByMinorGC: true }

function treeOf({ callFrame, selfSize, children }: HeapProfiler.SamplingHeapProfileNode, options: FrameOptions): Node {
  return { frame: located(callFrame, options), self: selfSize, children: children.map((child) => treeOf(child, options)) }
}

/** Looks at the resident set from a thread of its own, so that busy JavaScript hides no peak. */
class PeakWatch {
  readonly #worker: Worker
  readonly #peak: Float64Array

  static async start(): Promise<PeakWatch> {
    const peak = new Float64Array(new SharedArrayBuffer(8))
    const worker = new Worker(WATCH, { eval: true, workerData: peak, execArgv: [], stdin: false })
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
    worker.unref()
    cellSignal()?.addEventListener('abort', () => void worker.terminate())
    return new PeakWatch(worker, peak)
  }

  private constructor(worker: Worker, peak: Float64Array) {
    this.#worker = worker
    this.#peak = peak
  }

  /** Bytes. */
  async stop(): Promise<number> {
    await this.#worker.terminate()
    return Math.max(this.#peak[0], process.memoryUsage.rss())
  }
}

const WATCH = `
  const { parentPort, workerData: peak } = require('node:worker_threads')
  const look = () => { peak[0] = Math.max(peak[0], process.memoryUsage.rss()) }
  look()
  setInterval(look, 5)
  parentPort.postMessage('ready')`

const DISPLAY = Symbol.for('Jupyter.display')
const SHOWN_FUNCTIONS = 15
const KINDS = { rss: 'resident set', heapUsed: 'JavaScript heap', external: 'outside the heap', arrayBuffers: 'of it array buffers' } as const

/** What work took of memory; bytes. Shows itself as two tables. */
export class MemoryProfile {
  readonly before: NodeJS.MemoryUsage
  readonly after: NodeJS.MemoryUsage
  /** The largest resident set that was seen; looked at every 5 ms. */
  readonly peak: number
  /** What functions allocated, the one that took most itself first. Sampled, so small ones may be missing. */
  readonly functions: readonly FunctionCost[]

  constructor(before: NodeJS.MemoryUsage, after: NodeJS.MemoryUsage, peak: number, functions: readonly FunctionCost[]) {
    this.before = before
    this.after = after
    this.peak = peak
    this.functions = functions
  }

  [DISPLAY](): TableBundle {
    return stacked([this.#usage(), this.#allocations()])
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this[DISPLAY]()['text/plain']
  }

  #usage(): TableBundle {
    const { before, after, peak } = this
    return table(
      Object.entries(KINDS) as [keyof typeof KINDS, string][],
      [
        { heading: 'memory', cell: ([, title]) => title },
        { heading: 'before', cell: ([kind]) => sizeText(before[kind]) },
        { heading: 'after', cell: ([kind]) => sizeText(after[kind]) },
        { heading: 'change', cell: ([kind]) => signed(after[kind] - before[kind]) },
        { heading: 'peak', cell: ([kind]) => (kind === 'rss' ? sizeText(peak) : '') },
      ],
      `peak memory: ${sizeText(peak)}, increment: ${sizeText(Math.max(0, peak - before.rss))}`,
    )
  }

  #allocations(): TableBundle {
    const total = this.functions.reduce((sum, { self }) => sum + self, 0)
    return table(
      this.functions.slice(0, SHOWN_FUNCTIONS),
      [
        { heading: 'function', cell: ({ name }) => name },
        { heading: 'place', cell: ({ place }) => place, align: 'left' },
        { heading: 'allocated', cell: ({ self }) => sizeText(self) },
        { heading: 'share', cell: ({ self }) => percentText(self / total) },
      ],
      `About ${sizeText(total)} were allocated on the JavaScript heap, by a sample of the allocations.`,
    )
  }
}

const signed = (bytes: number) => `${bytes < 0 ? '−' : '+'}${sizeText(Math.abs(bytes))}`
