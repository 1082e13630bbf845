import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type * as Ort from 'onnxruntime-node'
import { cellSignal } from '../interrupt.ts'
import type { ChromeEvent } from './chrome-trace.ts'
import type { TraceEvent } from './trace.ts'

type SessionClass = typeof Ort.InferenceSession
type Session = Ort.InferenceSession
type Create = (model: unknown, ...rest: unknown[]) => Promise<Session>

/** A session that is made while it is recorded. */
interface Recorded {
  readonly session: Session
  /** What its profile's file begins with. */
  readonly prefix: string
}

/**
 * Records every session that onnxruntime-node makes meanwhile, by the runtime's own profiler, and the runs of all sessions.
 * https://onnxruntime.ai/docs/performance/tune-performance/profiling-tools.html
 */
export class OperatorRecorder {
  readonly #firstTrack: number
  readonly #folder: string
  readonly #restore: () => void
  readonly #recorded: Recorded[] = []
  readonly #runs = new Map<Session, [start: number, end: number][]>()
  #events: Promise<ChromeEvent[]> | undefined

  static async start(firstTrack: number): Promise<OperatorRecorder> {
    const [{ InferenceSession }, folder] = await Promise.all([import('onnxruntime-node'), mkdtemp(join(tmpdir(), 'hone-trace-'))])
    return new OperatorRecorder(InferenceSession, folder, firstTrack)
  }

  private constructor(sessions: SessionClass, folder: string, firstTrack: number) {
    this.#firstTrack = firstTrack
    this.#folder = folder
    this.#restore = this.#watch(sessions)
    cellSignal()?.addEventListener('abort', this.#restore)
  }

  /** How many sessions ran that were made before. */
  get unseen(): number {
    return [...this.#runs.keys()].filter((session) => !this.#recorded.some((known) => known.session === session)).length
  }

  /** Ends the recording; its operators and runs, a track a session. */
  stop(): Promise<ChromeEvent[]> {
    return (this.#events ??= this.#read())
  }

  #watch(sessions: SessionClass): () => void {
    const methods = sessions as unknown as { create: Create; prototype: { run: (...args: unknown[]) => Promise<unknown> } }
    const { create } = methods
    const { run } = methods.prototype
    const runs = this.#runs
    methods.create = async (model, ...rest) => {
      const prefix = `session-${this.#recorded.length}-`
      const options = { ...(rest.at(-1) as object | undefined), enableProfiling: true, profileFilePrefix: join(this.#folder, prefix) }
      const session = await Reflect.apply(create, sessions, [model, ...rest.slice(0, -1), options])
      this.#recorded.push({ session, prefix })
      return session
    }
    methods.prototype.run = async function (this: Session, ...args) {
      const start = performance.now() * 1000
      try {
        return await Reflect.apply(run, this, args)
      } finally {
        runs.set(this, [...(runs.get(this) ?? []), [start, performance.now() * 1000]])
      }
    }
    return () => {
      methods.create = create
      methods.prototype.run = run
    }
  }

  async #read(): Promise<ChromeEvent[]> {
    this.#restore()
    try {
      for (const { session } of this.#recorded) endProfile(session)
      const files = await readdir(this.#folder)
      const events: ChromeEvent[] = []
      for (const [i, [session, runs]] of [...this.#runs].entries()) {
        const tid = this.#firstTrack + i
        const args = { name: `ONNX Runtime session ${i + 1}` }
        events.push({ name: 'thread_name', ph: 'M', pid: process.pid, tid, ts: 0, args })
        for (const [start, end] of runs) events.push({ name: 'run', cat: 'run', ph: 'X', pid: process.pid, tid, ts: start, dur: end - start })
        const prefix = this.#recorded.find((known) => known.session === session)?.prefix
        const file = prefix && files.find((name) => name.startsWith(prefix))
        if (file) events.push(...operatorEvents(JSON.parse(await readFile(join(this.#folder, file), 'utf8')) as TraceEvent[], runs, tid))
      }
      return events
    } finally {
      await rm(this.#folder, { recursive: true, force: true })
    }
  }
}

/** A session that was released has ended its profile itself. */
function endProfile(session: Session): void {
  try {
    session.endProfiling()
  } catch {}
}

/** The runtime counts from the session's start. Each of its runs begins after the call that asked for it, the promptest one just after. */
function operatorEvents(events: readonly TraceEvent[], calls: readonly [start: number, end: number][], tid: number): ChromeEvent[] {
  const runs = events.filter(({ name }) => name === 'model_run').map(({ ts }) => ts).toSorted((a, b) => a - b)
  const shift = calls.slice(0, runs.length).reduce((latest, [start], i) => Math.max(latest, start - runs[i]), -Infinity)
  return events
    .filter(({ cat, name }) => cat === 'Node' && name.endsWith('_kernel_time'))
    .map(({ name, ts, dur, args }) => ({ name: args.op_name ?? name, cat: 'operator', ph: 'X', pid: process.pid, tid, ts: ts + shift, dur, args: { node: name.replace(/_kernel_time$/, '') } }))
}
