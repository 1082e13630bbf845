import type { Profiler } from 'node:inspector'
import { PerformanceObserver, type PerformanceEntry } from 'node:perf_hooks'
import { writeWhole } from '../files.ts'
import { nameOf, placeOf } from './call-tree.ts'
import { recordCpu, type CpuProfileOptions } from './cpu-profile.ts'
import { OperatorRecorder } from './operator-recorder.ts'

/** An event of Chrome's trace format; microseconds. https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU */
export interface ChromeEvent {
  readonly name: string
  /** X: took `dur`. C: a counter. M: names a track. */
  readonly ph: 'X' | 'C' | 'M'
  readonly pid: number
  readonly tid: number
  readonly ts: number
  readonly dur?: number
  readonly cat?: string
  readonly args?: Readonly<Record<string, unknown>>
}

/** The tracks of a trace. Those of sessions of ONNX Runtime come after. */
const TRACKS = { functions: 1, collections: 2, delays: 3, sessions: 10 } as const
/** Milliseconds between two looks at how late the event loop is. */
const LOOK_MS = 5

/**
 * What work does over time: JavaScript functions (V8's sampling profiler), garbage collection, how late the event loop is, and the operators of the
 * ONNX Runtime sessions that are made meanwhile. Rejects with what the work throws.
 */
export async function chromeTrace(work: () => unknown, options: CpuProfileOptions = {}): Promise<ChromeTrace> {
  const collections = new CollectionRecorder()
  const delays = new DelayRecorder()
  const operators = await OperatorRecorder.start(TRACKS.sessions)
  const start = performance.now() * 1000
  try {
    const profile = await recordCpu(work, options)
    await collections.settle()
    const functions = functionEvents(profile, start - profile.startTime, options.isHidden)
    const { events, unseen } = await operators.stop()
    return new ChromeTrace([...names(), ...functions, ...collections.events, ...delays.events, ...events], unseen)
  } finally {
    collections.stop()
    delays.stop()
    await operators.stop()
  }
}

/** A recorded trace. */
export class ChromeTrace {
  readonly events: readonly ChromeEvent[]
  /** Sessions that ran but were made before: their operators were not recorded. */
  readonly unseenSessions: number

  constructor(events: readonly ChromeEvent[], unseenSessions: number) {
    this.events = events
    this.unseenSessions = unseenSessions
  }

  /** Writes a file that https://ui.perfetto.dev and chrome://tracing open. */
  async save(path: string): Promise<void> {
    await writeWhole(path, JSON.stringify({ traceEvents: this.events, displayTimeUnit: 'ms' }))
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    const of = (category: string) => this.events.filter(({ cat }) => cat === category)
    const milliseconds = (events: readonly ChromeEvent[]) => (events.reduce((sum, { dur = 0 }) => sum + dur, 0) / 1000).toFixed(1)
    const delays = of('delay').map(({ args }) => Number(args?.ms))
    const [functions, collections, operators] = [of('function'), of('gc'), of('operator')]
    const unseen = this.unseenSessions > 0 ? `\nSessions that were made before: ${this.unseenSessions}. Their runs are shown whole; make them in the traced code to see their operators.` : ''
    return `${functions.length} function calls, ${collections.length} garbage collections (${milliseconds(collections)} ms), ${operators.length} operators (${milliseconds(operators)} ms), event loop up to ${Math.max(0, ...delays).toFixed(1)} ms late${unseen}`
  }
}

function names(): ChromeEvent[] {
  const track = (tid: number, name: string): ChromeEvent => ({ name: 'thread_name', ph: 'M', pid: process.pid, tid, ts: 0, args: { name } })
  return [track(TRACKS.functions, 'JavaScript'), track(TRACKS.collections, 'garbage collection'), track(TRACKS.delays, 'event-loop delay')]
}

/** Names that V8 gives to what is no function. */
const NOT_RUNNING = new Set(['(idle)', '(program)', '(root)'])
const COLLECTOR = '(garbage collector)'

/** From samples of the stack to calls that begin and end. Calls of one function that follow at once look like one. */
function functionEvents(profile: Profiler.Profile, shift: number, isHidden: (url: string) => boolean = () => false): ChromeEvent[] {
  const { nodes, samples = [], timeDeltas = [], startTime, endTime } = profile
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  const stacks = stacksOf(nodes, (id) => !isHidden(frames.get(id)!.url) && !NOT_RUNNING.has(frames.get(id)!.functionName))
  const events: ChromeEvent[] = []
  const open: { id: number; ts: number }[] = []
  const closeTo = (depth: number, now: number) => {
    while (open.length > depth) {
      const { id, ts } = open.pop()!
      const frame = frames.get(id)!
      const args = { place: placeOf(frame) }
      events.push({ name: nameOf(frame), cat: 'function', ph: 'X', pid: process.pid, tid: TRACKS.functions, ts: ts + shift, dur: now - ts, args })
    }
  }
  let now = startTime
  for (const [i, sample] of samples.entries()) {
    now += timeDeltas[i]
    if (frames.get(sample)!.functionName === COLLECTOR) continue
    const stack = stacks.get(sample)!
    let same = 0
    while (same < stack.length && open[same]?.id === stack[same]) same++
    closeTo(same, now)
    for (const id of stack.slice(same)) open.push({ id, ts: now })
  }
  closeTo(0, endTime)
  return events
}

/** The ids from the outermost call to each node. */
function stacksOf(nodes: readonly Profiler.ProfileNode[], isShown: (id: number) => boolean): Map<number, number[]> {
  const stacks = new Map<number, number[]>()
  const childrenOf = new Map(nodes.map(({ id, children = [] }) => [id, children]))
  const visit = (id: number, around: number[]) => {
    const stack = isShown(id) ? [...around, id] : around
    stacks.set(id, stack)
    for (const child of childrenOf.get(id)!) visit(child, stack)
  }
  visit(nodes[0].id, [])
  return stacks
}

/** https://nodejs.org/api/perf_hooks.html#garbage-collection-gc-details */
const COLLECTION_KINDS: Record<number, string> = { 1: 'scavenge', 2: 'minor mark-compact', 4: 'mark-sweep-compact', 8: 'incremental marking', 16: 'weak callbacks' }

class CollectionRecorder {
  readonly events: ChromeEvent[] = []
  readonly #observer: PerformanceObserver

  constructor() {
    this.#observer = new PerformanceObserver((list) => {
      for (const { startTime, duration, detail } of list.getEntries() as (PerformanceEntry & { detail?: unknown })[]) {
        const kind = COLLECTION_KINDS[(detail as { kind: number }).kind] ?? 'collection'
        this.events.push({ name: kind, cat: 'gc', ph: 'X', pid: process.pid, tid: TRACKS.collections, ts: startTime * 1000, dur: duration * 1000 })
      }
    })
    this.#observer.observe({ entryTypes: ['gc'] })
  }

  /** Entries reach an observer some turns of the event loop late. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
  }

  stop(): void {
    this.#observer.disconnect()
  }
}

class DelayRecorder {
  readonly events: ChromeEvent[] = []
  readonly #timer: NodeJS.Timeout
  #expected = performance.now() + LOOK_MS

  constructor() {
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const now = performance.now()
    const ms = Math.max(0, now - this.#expected)
    this.#expected = now + LOOK_MS
    this.events.push({ name: 'event-loop delay', cat: 'delay', ph: 'C', pid: process.pid, tid: TRACKS.delays, ts: now * 1000, args: { ms } })
  }
}
