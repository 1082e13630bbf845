import { limits } from '../display/limits.ts'
import { UsageError, type Magic } from './magic.ts'

type Setting = keyof typeof limits

const MEANINGS: Record<Setting, string> = {
  rows: 'rows that a table shows',
  columns: 'columns that a table shows',
  depth: 'levels of nested objects that text shows',
  items: 'entries of an array, a Map or a Set that text shows',
  characters: 'characters of a string that text shows',
}

export const config: Magic = {
  name: 'config',
  summary: 'list or change how much of a large value is shown',
  usage: '%config lists the settings, %config rows=100 changes one.',
  words: () => Object.keys(limits),
  line(argument, { print }) {
    const [, name, value] = /^(\w*)\s*(?:=\s*(.*))?$/.exec(argument.trim()) ?? []
    const names = Object.keys(limits) as Setting[]
    const chosen = names.filter((known) => name === '' || known === name)
    if (chosen.length === 0) throw new UsageError(`"${argument}" is no setting. There are ${names.join(', ')}: %config rows=100.`)
    if (value === undefined) return print(chosen.map((known) => `${known} = ${limits[known]}`.padEnd(20) + ` ${MEANINGS[known]}\n`).join(''))
    const count = Number(value)
    if (!Number.isInteger(count) || count < 1) throw new UsageError(`${name} takes a whole number from 1 on, not "${value}".`)
    limits[chosen[0]] = count
  },
}
