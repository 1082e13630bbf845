import { Session } from 'node:inspector'
import { RUNTIME } from '../rewrite.ts'

let session: Session | undefined

/** The names that cells have declared. */
export function declaredNames(): string[] {
  if (session === undefined) {
    session = new Session()
    session.connect()
  }
  let declared: string[] = []
  session.post('Runtime.globalLexicalScopeNames', (_, answer) => (declared = answer.names))
  return [...new Set(declared)].filter((name) => name !== RUNTIME).sort()
}

/** Whether a name means something to a cell, so that `!name` is TypeScript and no command. */
export function isDeclared(name: string): boolean {
  return name in globalThis || declaredNames().includes(name)
}
