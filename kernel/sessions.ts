import { mkdir, open, readdir, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { log } from './log.ts'

/**
 * Sessions on the disk: a folder with a file for each, `session-12.jsonl`, and a line of JSON for each cell. A file has one
 * writer, which made it: so kernels that run at once, on one machine or on several that share the folder, never meet.
 */

/** A cell as a line of its session's file. */
export interface StoredCell {
  line: number
  input: string
}

/** Bytes that one question about history reads at most, newest first. */
const READ_LIMIT = 32 * 2 ** 20

const fileOf = (folder: string, session: number) => join(folder, `session-${session}.jsonl`)

/** The numbers of all sessions, newest first. */
export async function listSessions(folder: string): Promise<number[]> {
  const names = await readdir(folder).catch(() => [])
  const numbers = names.map((name) => Number(/^session-(\d{1,9})\.jsonl$/.exec(name)?.[1]))
  return numbers.filter((number) => number > 0).sort((a, b) => b - a)
}

/** The file of the running session. */
export class SessionFile {
  readonly session: number
  readonly #handle: FileHandle
  #writing: Promise<void> = Promise.resolve()
  #isDamaged = false

  /** Takes the next number that no other session has. */
  static async create(folder: string): Promise<SessionFile> {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    for (let session = ((await listSessions(folder))[0] ?? 0) + 1; ; session++) {
      try {
        return new SessionFile(session, await open(fileOf(folder, session), 'ax', 0o600))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      }
    }
  }

  private constructor(session: number, handle: FileHandle) {
    this.session = session
    this.#handle = handle
  }

  /** Adds a cell when those before it are written. */
  append(cell: StoredCell): void {
    this.#writing = this.#writing.then(() => this.#write(`${JSON.stringify(cell)}\n`))
  }

  /** What is left of a line that could not be written must not damage the next one. */
  async #write(line: string): Promise<void> {
    try {
      await this.#handle.appendFile(this.#isDamaged ? `\n${line}` : line)
      this.#isDamaged = false
    } catch (error) {
      if (!this.#isDamaged) log(`a cell could not be added to the history: ${(error as Error).message}`)
      this.#isDamaged = true
    }
  }

  /** Resolves when everything is written. */
  async close(): Promise<void> {
    await this.#writing
    await this.#handle.close()
  }
}

/** The cells of the sessions, of as many as are read at most; a session that is too long lacks its beginning. */
export async function* readSessions(folder: string, sessions: Iterable<number>): AsyncGenerator<{ session: number; cells: StoredCell[] }> {
  let left = READ_LIMIT
  for (const session of sessions) {
    const text = await readEnd(fileOf(folder, session), left)
    left -= text.length
    yield { session, cells: text.toString().split('\n').flatMap(parseCell) }
    if (left <= 0) return
  }
}

/** A file that is gone or cannot be read has nothing. */
async function readEnd(path: string, limit: number): Promise<Buffer> {
  try {
    const file = await open(path)
    try {
      const { size } = await file.stat()
      const bytes = Buffer.alloc(Math.min(size, limit))
      const { bytesRead } = await file.read(bytes, 0, bytes.length, size - bytes.length)
      return bytes.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  } catch {
    return Buffer.alloc(0)
  }
}

/** Nothing where the line is damaged, as the last one is when its kernel was killed, or when the disk was full. */
function parseCell(text: string): StoredCell[] {
  try {
    const { line, input } = JSON.parse(text) as Partial<StoredCell>
    return typeof line === 'number' && typeof input === 'string' ? [{ line, input }] : []
  } catch {
    return []
  }
}
