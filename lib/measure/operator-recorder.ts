import type { ChromeEvent } from './chrome-trace.ts'
import { NativeSessions, type WatchedSession } from './native-sessions.ts'
import type { TraceEvent } from './trace.ts'

/** Records the runs of all ONNX Runtime sessions as tracks of a trace, and the operators of those that are made meanwhile. */
export class OperatorRecorder {
  readonly #firstTrack: number
  readonly #sessions: NativeSessions

  static async start(firstTrack: number): Promise<OperatorRecorder> {
    return new OperatorRecorder(await NativeSessions.watch(), firstTrack)
  }

  private constructor(sessions: NativeSessions, firstTrack: number) {
    this.#sessions = sessions
    this.#firstTrack = firstTrack
  }

  /** Ends the recording. `unseen` sessions ran that were made before. */
  async stop(): Promise<{ readonly events: ChromeEvent[]; readonly unseen: number }> {
    const watched = await this.#sessions.end()
    return { events: watched.flatMap((session, i) => this.#track(session, i)), unseen: watched.filter(({ trace }) => trace === undefined).length }
  }

  #track({ runs, trace }: WatchedSession, i: number): ChromeEvent[] {
    const tid = this.#firstTrack + i
    return [
      { name: 'thread_name', ph: 'M', pid: process.pid, tid, ts: 0, args: { name: `ONNX Runtime session ${i + 1}` } },
      ...runs.map(([start, end]): ChromeEvent => ({ name: 'run', cat: 'run', ph: 'X', pid: process.pid, tid, ts: start, dur: end - start })),
      ...(trace ? operatorEvents(trace, runs, tid) : []),
    ]
  }
}

/** The runtime counts from the session's start. Each of its runs begins after the call that asked for it, the promptest one just after. */
function operatorEvents(events: readonly TraceEvent[], calls: readonly (readonly [start: number, end: number])[], tid: number): ChromeEvent[] {
  const runs = events.filter(({ name }) => name === 'model_run').map(({ ts }) => ts).toSorted((a, b) => a - b)
  const shift = calls.slice(0, runs.length).reduce((latest, [start], i) => Math.max(latest, start - runs[i]), -Infinity)
  return events
    .filter(({ cat, name }) => cat === 'Node' && name.endsWith('_kernel_time'))
    .map(({ name, ts, dur, args }) => ({ name: args.op_name ?? name, cat: 'operator', ph: 'X', pid: process.pid, tid, ts: ts + shift, dur, args: { node: name.replace(/_kernel_time$/, '') } }))
}
