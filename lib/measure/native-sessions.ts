import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type * as Ort from 'onnxruntime-node'
import { cellSignal } from '../interrupt.ts'
import type { TraceEvent } from './trace.ts'

type Native = Ort.InferenceSession
type SessionClass = typeof Ort.InferenceSession & { create: (model: unknown, ...rest: unknown[]) => Promise<Native>; prototype: { run: (...args: unknown[]) => Promise<unknown> } }

/** A native session that ran while it was watched. */
export interface WatchedSession {
  readonly native: Native
  /** What it was made from, a path or bytes; undefined where it was made before. */
  readonly model: unknown
  /** When each run began and ended, by `performance.now` in microseconds. */
  readonly runs: (readonly [start: number, end: number])[]
  /** What ONNX Runtime's profiler wrote; undefined where the session was made before: it cannot be profiled any more. */
  readonly trace: readonly TraceEvent[] | undefined
}

interface Made {
  readonly model: unknown
  /** What its profile's file begins with. */
  readonly prefix: string
}

/**
 * Watches the runs of all native sessions of onnxruntime-node, whoever made them, and has the runtime profile those that are made meanwhile. An interrupt
 * of the notebook cell ends it. https://onnxruntime.ai/docs/performance/tune-performance/profiling-tools.html
 */
export class NativeSessions {
  readonly #folder: string
  readonly #restore: () => void
  readonly #made = new Map<Native, Made>()
  readonly #runs = new Map<Native, [start: number, end: number][]>()
  #watched: Promise<WatchedSession[]> | undefined

  static async watch(): Promise<NativeSessions> {
    const [{ InferenceSession }, folder] = await Promise.all([import('onnxruntime-node'), mkdtemp(join(tmpdir(), 'hone-sessions-'))])
    return new NativeSessions(InferenceSession as SessionClass, folder)
  }

  private constructor(sessions: SessionClass, folder: string) {
    this.#folder = folder
    this.#restore = this.#replace(sessions)
    cellSignal()?.addEventListener('abort', this.#restore)
  }

  /** Whether a session was made meanwhile. */
  profiles(native: Native): boolean {
    return this.#made.has(native)
  }

  /** Ends the watch; the sessions that ran, in the order of their first runs. */
  end(): Promise<WatchedSession[]> {
    return (this.#watched ??= this.#read())
  }

  #replace(sessions: SessionClass): () => void {
    const { create } = sessions
    const { run } = sessions.prototype
    const [made, runs, folder] = [this.#made, this.#runs, this.#folder]
    let count = 0
    sessions.create = async (model, ...rest) => {
      const options = (typeof rest.at(-1) === 'object' ? rest.pop() : {}) as { enableProfiling?: boolean }
      if (options.enableProfiling) return Reflect.apply(create, sessions, [model, ...rest, options])
      const prefix = `${++count}-`
      const native = await Reflect.apply(create, sessions, [model, ...rest, { ...options, enableProfiling: true, profileFilePrefix: join(folder, prefix) }])
      made.set(native, { model, prefix })
      return native
    }
    sessions.prototype.run = async function (this: Native, ...args) {
      const start = performance.now() * 1000
      try {
        return await Reflect.apply(run, this, args)
      } finally {
        const own = runs.get(this) ?? []
        runs.set(this, own)
        own.push([start, performance.now() * 1000])
      }
    }
    return () => {
      sessions.create = create
      sessions.prototype.run = run
    }
  }

  async #read(): Promise<WatchedSession[]> {
    this.#restore()
    try {
      for (const native of this.#made.keys()) endProfile(native)
      const files = await readdir(this.#folder)
      return await Promise.all([...this.#runs].map(async ([native, runs]): Promise<WatchedSession> => {
        const { model, prefix } = this.#made.get(native) ?? {}
        const file = prefix && files.find((name) => name.startsWith(prefix))
        return { native, model, runs, trace: file ? JSON.parse(await readFile(join(this.#folder, file), 'utf8')) as TraceEvent[] : undefined }
      }))
    } finally {
      await rm(this.#folder, { recursive: true, force: true })
    }
  }
}

/** A session that was released has ended its profile itself. */
function endProfile(native: Native): void {
  try {
    native.endProfiling()
  } catch {}
}
