import { readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, resolve } from 'node:path'
import type { Matches } from './completion.ts'

/** Files and folders that continue the path that a pattern finds at the end of a line; undefined where it finds none. */
export function completePath(line: string, offset: number, pattern: RegExp): Matches | undefined {
  const typed = pattern.exec(line)?.[1]
  if (typed === undefined) return undefined
  const last = typed.slice(typed.lastIndexOf('/') + 1)
  const folder = resolve(dirname(`${typed.replace(/^~(?=\/)/, homedir())}_`))
  const fitting = entriesOf(folder).filter(({ name }) => name.startsWith(last) && (last !== '' || !name.startsWith('.')))
  const matches = fitting.map((entry) => (entry.isDirectory() ? { text: `${entry.name}/`, type: 'folder' } : { text: entry.name, type: 'file' }))
  return { start: offset - last.length, matches }
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return []
  }
}
