import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { throwIfInterrupted } from '../interrupt.ts'
import type { Tensors } from '../runtime/boundary.ts'
import { structureOf } from '../runtime/model.ts'
import { Session, type BoundRun, type RunCollector } from '../runtime/session.ts'
import { operatorTimes } from './operator-times.ts'
import { Profile } from './profile-table.ts'
import { SessionProfiles, type SessionProfile, type Unwatched } from './session-profiles.ts'

const COLLECTOR = Symbol.for('hone.profile')

/**
 * Profiles every session that runs from now until `end`, whenever it was opened: its runs go to a twin that ONNX Runtime watches, which is loaded at
 * the first of them.
 *
 * @example const collected = collectProfiles(); try { await work() } finally { console.log(await collected.end()) }
 * @throws Error where profiles are being collected already.
 */
export function collectProfiles(): { end(): Promise<SessionProfiles> } {
  const scope = globalThis as { [COLLECTOR]?: RunCollector }
  if (scope[COLLECTOR]) throw new Error('profiles are being collected already: end that first')
  const collector = new Collector()
  scope[COLLECTOR] = collector
  return {
    end() {
      if (scope[COLLECTOR] === collector) delete scope[COLLECTOR]
      return collector.end()
    },
  }
}

class Collector implements RunCollector {
  readonly #folder = mkdtemp(join(tmpdir(), 'hone-collect-'))
  readonly #twins = new Map<Session, Promise<Session | null>>()
  readonly #unwatched: Unwatched[] = []

  async run(session: Session, feeds: Tensors, plain: BoundRun): ReturnType<BoundRun> {
    if (session.options.profile !== undefined) return plain()
    const opened = this.#twins.get(session) ?? this.#twin(session, this.#twins.size)
    this.#twins.set(session, opened)
    const twin = await opened
    return twin ? twin.run(feeds) : plain()
  }

  async #twin(session: Session, number: number): Promise<Session | null> {
    const { source, name } = session
    try {
      if (source === undefined) throw new Error('its model is gone: keep a reference to it')
      return await Session.create(source, { ...session.options, device: session.device, profile: join(await this.#folder, `${number}.`) })
    } catch (error) {
      throwIfInterrupted()
      this.#unwatched.push({ name, reason: (error as Error).message })
      return null
    }
  }

  async end(): Promise<SessionProfiles> {
    const folder = await this.#folder
    const profiles: SessionProfile[] = []
    try {
      for (const [index, [session, opened]] of [...this.#twins].entries()) {
        const twin = await opened
        if (!twin) continue
        twin.endProfile()
        const file = (await readdir(folder)).find((name) => name.startsWith(`${index}.`))!
        const { source } = session
        const sum = operatorTimes(JSON.parse(await readFile(join(folder, file), 'utf8')), 0, source === undefined ? undefined : structureOf(source))
        profiles.push({ name: session.name, profile: new Profile(sum) })
        await twin.release()
      }
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
    return new SessionProfiles(profiles, this.#unwatched)
  }
}
