import type { Profiler } from 'node:inspector'
import { writeWhole } from '../files.ts'
import { table, type TableBundle } from '../table.ts'
import { percentText, timeText } from '../units.ts'
import { byFunction, callTree, located, selfTimes, type Call, type FrameOptions, type FunctionCost, type Node } from './call-tree.ts'
import { flameGraph } from './flame-graph.ts'
import { recorded } from './recording.ts'

export interface CpuProfileOptions extends FrameOptions {
  /** Seconds between two looks at the stack (0.001). Shorter ones cost more. */
  readonly interval?: number
}

/**
 * Where JavaScript spends its time, by V8's sampling profiler. Native code counts for the function that calls it; other threads do not count.
 * Rejects with what the work throws.
 * https://chromedevtools.github.io/devtools-protocol/v8/Profiler/
 */
export async function cpuProfile(work: () => unknown, options: CpuProfileOptions = {}): Promise<CpuProfile> {
  return new CpuProfile(await recordCpu(work, options), options)
}

/** V8's own record of the work, with frames as the person knows them. */
export async function recordCpu(work: () => unknown, { interval = 0.001, ...options }: CpuProfileOptions = {}): Promise<Profiler.Profile> {
  const profile = await recorded(
    work,
    (session) => {
      session.post('Profiler.enable')
      session.post('Profiler.setSamplingInterval', { interval: Math.round(interval * 1e6) })
      session.post('Profiler.start')
    },
    (session) => {
      let profile!: Profiler.Profile
      session.post('Profiler.stop', (failure, answer) => {
        if (failure) throw failure
        profile = answer.profile
      })
      return profile
    },
  )
  return { ...profile, nodes: profile.nodes.map((node) => ({ ...node, callFrame: located(node.callFrame, options) })) }
}

const SHOWN_FUNCTIONS = 20

/** A profile. Shows itself as a table by the time that functions took themselves, and a flame graph. */
export class CpuProfile {
  /** One entry a function, the one that took most time itself first; microseconds. */
  readonly functions: readonly FunctionCost[]
  /** Seconds. */
  readonly duration: number
  /** V8's record, the content of a .cpuprofile file. */
  readonly record: Profiler.Profile
  readonly #root: Call

  constructor(record: Profiler.Profile, { isHidden }: FrameOptions = {}) {
    this.record = record
    this.duration = (record.endTime - record.startTime) / 1e6
    this.#root = callTree(treeOf(record), isHidden)
    this.functions = byFunction(this.#root)
  }

  /** The flame graph as SVG. */
  flameGraph(): string {
    return flameGraph(this.#root, (time) => timeText(time / 1e6))
  }

  /** Writes a .cpuprofile file, which VS Code and the developer tools of Chrome open. */
  async save(path: string): Promise<void> {
    await writeWhole(path, JSON.stringify(this.record))
  }

  [Symbol.for('Jupyter.display')](): TableBundle {
    const bundle = this.#table()
    return { ...bundle, 'text/html': `${bundle['text/html']}${this.flameGraph()}` }
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.#table()['text/plain']
  }

  #table(): TableBundle {
    const { functions, duration, record } = this
    const busy = this.#root.total
    const samples = record.samples?.length ?? 0
    const left = functions.length - SHOWN_FUNCTIONS
    const more = left > 0 ? ` ${left} more functions are in .functions.` : ''
    return table(
      functions.slice(0, SHOWN_FUNCTIONS),
      [
        { heading: 'function', cell: ({ name }) => name },
        { heading: 'place', cell: ({ place }) => place, align: 'left' },
        { heading: 'self', cell: ({ self }) => timeText(self / 1e6) },
        { heading: 'share', cell: ({ self }) => percentText(self / busy) },
        { heading: 'with callees', cell: ({ total }) => timeText(total / 1e6) },
      ],
      `${timeText(busy / 1e6)} of JavaScript in ${timeText(duration)}, ${samples.toLocaleString('en')} samples, one every ${timeText(duration / Math.max(1, samples))}.${more}`,
    )
  }
}

function treeOf(record: Profiler.Profile): Node {
  const times = selfTimes(record)
  const nodes = new Map(record.nodes.map((node) => [node.id, node]))
  const read = (id: number): Node => {
    const { callFrame, children = [] } = nodes.get(id)!
    return { frame: callFrame, self: times.get(id)!, children: children.map(read) }
  }
  return read(record.nodes[0].id)
}
