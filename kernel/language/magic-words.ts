import { SHELL } from '../magics/expand.ts'
import { everyMagic, findMagic } from '../magics/index.ts'
import type { Matches } from './completion.ts'

/** A magic's name that is being typed, at the start of a line or as what is assigned. */
const NAME = /(?:^|=)\s*(%{1,2})(\w*)$/
/** An argument that is being typed. */
const ARGUMENT = /(?:^|=)\s*%{1,2}(\w+)\s+(?:.*\s)?([^\s=]*)$/

/** Names of magics, or words that their arguments may be; undefined where the line is about something else. */
export function completeMagic(line: string, offset: number): Matches | undefined {
  const [, sign, prefix] = NAME.exec(line) ?? []
  if (sign !== undefined) {
    const named = [...everyMagic().values()].filter(({ name, cell, line: onLine }) => name !== SHELL && name.startsWith(prefix) && (sign === '%' ? onLine : cell) !== undefined)
    return { start: offset - prefix.length, matches: named.map(({ name, summary }) => ({ text: name, type: 'magic', documentation: summary })) }
  }
  const [, name, word] = ARGUMENT.exec(line) ?? []
  const words = (findMagic(name)?.words?.() ?? []).filter((known) => known.startsWith(word))
  return words.length === 0 ? undefined : { start: offset - word.length, matches: words.map((text) => ({ text, type: 'keyword' })) }
}
