import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { userCache, writeWholeSync } from '../files.ts'
import type { Choices } from '../lower/index.ts'

/** Where this person's choices are kept. */
export function choicesFile(): string {
  return join(userCache(), 'choices.json')
}

/** What was chosen before under this key. A damaged file counts as none: it is written anew. */
export function keptChoices(file: string, key: string): Choices | undefined {
  return read(file)[digest(key)]
}

/** Keeps choices beside those that are there. A folder that cannot be written to keeps none, and the next process times again. */
export function keepChoices(file: string, key: string, choices: Choices): void {
  try {
    mkdirSync(dirname(file), { recursive: true })
    writeWholeSync(file, `${JSON.stringify({ ...read(file), [digest(key)]: choices }, null, 1)}\n`)
  } catch (error) {
    if (!['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}

/** Counts the changes of the lowering after which what was fastest before need not be so any more. */
const VERSION = 3

const digest = (key: string): string => createHash('sha256').update(`${VERSION} ${key}`).digest('hex').slice(0, 16)

function read(file: string): Readonly<Record<string, Choices>> {
  if (!existsSync(file)) return {}
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, Choices>
  } catch (error) {
    if (error instanceof SyntaxError) return {}
    throw error
  }
}
