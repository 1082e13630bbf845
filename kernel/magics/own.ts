import { magics } from './index.ts'
import type { MagicContext } from './magic.ts'

/** A person's own magic. `body` is undefined in the line form. Its value becomes that of the line or cell. */
export type OwnMagic = (argument: string, body: string | undefined, context: MagicContext) => unknown

/** Adds a magic, or replaces one of the same name: `hone.magic('shout', (argument) => argument.toUpperCase())`. */
export function addMagic(name: string, run: OwnMagic, summary = 'defined in this session'): void {
  if (!/^\w+$/.test(name)) throw new TypeError(`"${name}" cannot name a magic: use letters, digits and _.`)
  if (typeof run !== 'function') throw new TypeError('hone.magic takes a name and a function (argument, body, context) => value.')
  magics.set(name, {
    name,
    summary,
    line: (argument, context) => run(argument, undefined, context),
    cell: (argument, body, context) => run(argument, body, context),
  })
}
