import { readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, resolve } from 'node:path'

interface Paths {
  /** How much of the line's end the matches replace. */
  length: number
  matches: { text: string; type: 'file' | 'folder' }[]
}

/** In a string, or in the argument of a magic or a command. */
const PATH_BEFORE = /(?:['"`]|^\s*[%!].*\s)((?:~|\.{1,2})?\/[^'"`\s]*|[^'"`\s/]*)$/

/** Files and folders that continue a path at the end of a line; undefined where no path is. */
export function completePath(line: string): Paths | undefined {
  const typed = PATH_BEFORE.exec(line)?.[1]
  if (typed === undefined) return undefined
  const last = typed.slice(typed.lastIndexOf('/') + 1)
  const folder = resolve(dirname(`${typed.replace(/^~(?=\/)/, homedir())}_`))
  const fitting = entriesOf(folder).filter(({ name }) => name.startsWith(last) && (last !== '' || !name.startsWith('.')))
  const matches = fitting.map((entry) => (entry.isDirectory() ? ({ text: `${entry.name}/`, type: 'folder' } as const) : ({ text: entry.name, type: 'file' } as const)))
  return { length: last.length, matches }
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return []
  }
}
