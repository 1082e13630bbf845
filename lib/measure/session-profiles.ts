import { table, type TableBundle } from '../table.ts'
import { percentText, timeText } from '../units.ts'
import { Profile } from './profile-table.ts'

export interface SessionProfile {
  /** Of the model. */
  readonly name: string
  readonly profile: Profile
}

/** A session that could not be watched, and why. */
export interface Unwatched {
  readonly name: string
  readonly reason: string
}

/** The profiles of all sessions that ran while they were collected. Shows itself as two tables: the operators of all together, and the sessions. */
export class SessionProfiles {
  readonly sessions: readonly SessionProfile[]
  readonly unwatched: readonly Unwatched[]
  /** All sessions as one: its nodes are named `MODEL: NODE`, and the block counts as one run. */
  readonly all: Profile

  constructor(sessions: readonly SessionProfile[], unwatched: readonly Unwatched[]) {
    this.sessions = sessions
    this.unwatched = unwatched
    const total = sessions.reduce((sum, { profile }) => sum + profile.total, 0)
    const nodes = sessions.flatMap(({ name, profile }) => profile.sequence.map((node) => ({ ...node, name: `${name}: ${node.name}`, share: total ? node.seconds / total : 0 })))
    this.all = new Profile({ nodes, total, runs: 1 })
  }

  table(): TableBundle {
    const bundles = this.sessions.length ? [this.all.table(), this.#bySession()] : [this.#bySession()]
    const joined = (kind: keyof TableBundle, between: string) => bundles.map((bundle) => bundle[kind]).join(between)
    return { 'text/html': joined('text/html', ''), 'text/plain': joined('text/plain', '\n\n') }
  }

  #bySession(): TableBundle {
    const notes = this.unwatched.map(({ name, reason }) => `${name} was not watched: ${reason}.`)
    return table(this.sessions, [
      { heading: 'session', cell: ({ name }) => name },
      { heading: 'runs', cell: ({ profile }) => String(profile.runs) },
      { heading: 'time', cell: ({ profile }) => timeText(profile.total) },
      { heading: 'share', cell: ({ profile }) => percentText(this.all.total ? profile.total / this.all.total : 0) },
      { heading: 'costliest operator', cell: ({ profile: { types: [first] } }) => (first ? `${first.type}, ${percentText(first.share)}` : ''), align: 'left' },
    ], this.sessions.length ? notes.join('\n') : ['No session ran.', ...notes].join('\n'))
  }

  [Symbol.for('Jupyter.display')](): TableBundle {
    return this.table()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.table()['text/plain']
  }
}
