import { basename } from 'node:path'
import type * as Ort from 'onnxruntime-node'
import { cellSignal, throwIfInterrupted } from '../interrupt.ts'
import type { Tensors } from '../runtime/boundary.ts'
import { structureOf } from '../runtime/model.ts'
import { Session, type BoundRun, type RunCollector } from '../runtime/session.ts'
import { NativeSessions, type WatchedSession } from './native-sessions.ts'
import { operatorTimes } from './operator-times.ts'
import { Profile } from './profile-table.ts'
import { SessionProfiles } from './session-profiles.ts'

const COLLECTOR = Symbol.for('hone.profile')

/**
 * Profiles every ONNX Runtime session that runs from now until `end`, whoever opened it. One that was opened before runs as a twin that the runtime
 * watches, loaded at the first of its runs; only what onnxruntime-node itself opened before cannot be watched any more, and is named.
 *
 * @example const collected = await collectProfiles(); try { await work() } finally { console.log(await collected.end()) }
 * @throws Error where profiles are being collected already.
 */
export async function collectProfiles(): Promise<{ end(): Promise<SessionProfiles> }> {
  const scope = globalThis as { [COLLECTOR]?: RunCollector }
  const free = () => {
    if (scope[COLLECTOR]) throw new Error('profiles are being collected already: end that first')
  }
  free()
  const natives = await NativeSessions.watch()
  free()
  const collector = new Collector(natives)
  scope[COLLECTOR] = collector
  const leave = () => {
    if (scope[COLLECTOR] === collector) delete scope[COLLECTOR]
  }
  cellSignal()?.addEventListener('abort', leave)
  return {
    end() {
      leave()
      return collector.end()
    },
  }
}

const NO_TWIN = 'onnxruntime-node itself opened it before; open it in the profiled code'

class Collector implements RunCollector {
  readonly #natives: NativeSessions
  readonly #twins = new Map<Session, Promise<Session | null>>()
  /** Whose runs the native ones are. */
  readonly #owners = new Map<Ort.InferenceSession, Session>()
  readonly #reasons = new Map<Session, string>()

  constructor(natives: NativeSessions) {
    this.#natives = natives
  }

  async run(session: Session, feeds: Tensors, plain: BoundRun): ReturnType<BoundRun> {
    this.#owners.set(session.native, session)
    if (this.#natives.profiles(session.native)) return plain()
    const opened = this.#twins.get(session) ?? this.#twin(session)
    this.#twins.set(session, opened)
    const twin = await opened
    return twin ? twin.run(feeds) : plain()
  }

  async #twin(session: Session): Promise<Session | null> {
    const { source, options: { profile, ...options }, device } = session
    try {
      if (profile !== undefined) throw new Error('it writes a profile of its own')
      if (source === undefined) throw new Error('its model is gone: keep a reference to it')
      const twin = await Session.create(source, { ...options, device })
      this.#owners.set(twin.native, session)
      return twin
    } catch (error) {
      throwIfInterrupted()
      this.#reasons.set(session, (error as Error).message)
      return null
    }
  }

  async end(): Promise<SessionProfiles> {
    const twins = await Promise.all(this.#twins.values())
    const watched = await this.#natives.end()
    await Promise.all(twins.map((twin) => twin?.release()))
    const ran = watched.map((session, i) => ({ ...session, name: this.#owners.get(session.native)?.name ?? nameOf(session, i) }))
    return new SessionProfiles(
      ran.filter(({ trace }) => trace).map(({ name, native, model, trace }) => {
        const source = this.#owners.get(native)?.source ?? (typeof model === 'string' || model instanceof Uint8Array ? model : undefined)
        return { name, profile: new Profile(operatorTimes(trace!, 0, source === undefined ? undefined : structureOf(source))) }
      }),
      ran.filter(({ trace }) => !trace).map(({ name, native }) => ({ name, reason: this.#reasons.get(this.#owners.get(native)!) ?? NO_TWIN })),
    )
  }
}

function nameOf({ model }: WatchedSession, i: number): string {
  return typeof model === 'string' ? basename(model) : `session ${i + 1}`
}
