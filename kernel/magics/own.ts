import type { OwnMagic } from '../provided.ts'
import type { Magic } from './magic.ts'

/** The magics that a person has added, by name. */
export const ownMagics = new Map<string, Magic>()

/** Adds a magic of a person's own, or replaces one of the same name. Throws a TypeError where name or function is none. */
export function addMagic(name: string, run: OwnMagic, summary = 'defined in this session'): void {
  if (!/^\w+$/.test(name)) throw new TypeError(`"${name}" cannot name a magic: use letters, digits and _.`)
  if (typeof run !== 'function') throw new TypeError('hone.magic takes a name and a function (argument, body, context) => value.')
  ownMagics.set(name, {
    name,
    summary,
    line: (argument, context) => run(argument, undefined, context),
    cell: (argument, body, context) => run(argument, body, context),
  })
}
