import { join, resolve } from 'node:path'
import { matches } from './glob.ts'
import { jupyterDataFolder } from './jupyter-folder.ts'
import { log } from './log.ts'
import { listSessions, readSessions, SessionFile } from './sessions.ts'

/** A cell that ran. */
export interface HistoryEntry {
  /** Counts the sessions of this person from 1. */
  session: number
  /** Execution count. */
  line: number
  input: string
  /** The value as plain text, of cells of the running session alone, as in IPython. */
  output?: string
}

/** A request's content, as far as it is known. https://jupyter-client.readthedocs.io/en/stable/messaging.html#history */
export interface HistoryQuery {
  hist_access_type?: unknown
  n?: unknown
  session?: unknown
  start?: unknown
  stop?: unknown
  pattern?: unknown
  unique?: unknown
}

/** How many entries `tail` means without a number, as in IPython. */
const TAIL = 10

/** Where sessions are kept; undefined where they are not. HONE_HISTORY names another folder, or is `off`. */
export function historyFolder({ HONE_HISTORY: chosen } = process.env): string | undefined {
  if (chosen === 'off') return undefined
  return chosen ? resolve(chosen) : join(jupyterDataFolder(), 'hone', 'history')
}

/** The cells of this session, and those of earlier ones. */
export class History {
  readonly #folder: string | undefined
  readonly #own = new Map<number, Omit<HistoryEntry, 'session'>>()
  /** Made with the first cell; undefined where that cannot be. */
  #file: Promise<SessionFile | undefined> | undefined

  /** Without a folder nothing is kept beyond the session. */
  constructor(folder: string | undefined) {
    this.#folder = folder
  }

  add(line: number, input: string): void {
    this.#own.set(line, { line, input })
    if (this.#folder === undefined) return
    this.#file ??= SessionFile.create(this.#folder).catch((error: Error) => {
      log(`the history is not kept: ${error.message}`)
      return undefined
    })
    void this.#file.then((file) => file?.append({ line, input }))
  }

  setOutput(line: number, output: string): void {
    const entry = this.#own.get(line)
    if (entry !== undefined) entry.output = output
  }

  /** Entries in the order in which they ran: the last ones, a range of lines of a session, or those that a glob pattern matches. */
  async find(query: HistoryQuery): Promise<HistoryEntry[]> {
    const { hist_access_type: type, n, pattern, unique } = query
    if (type === 'range') return this.#range(query)
    if (type === 'search') return this.#latest(isCount(n) ? n : Infinity, matches(typeof pattern === 'string' ? pattern : '*'), unique === true)
    return this.#latest(isCount(n) ? n : TAIL, () => true, false)
  }

  /** Resolves when everything is on the disk. */
  async close(): Promise<void> {
    await (await this.#file)?.close()
  }

  /** 0 is the running session, -1 the one before. */
  async #range({ session, start, stop }: HistoryQuery): Promise<HistoryEntry[]> {
    const running = await this.#session()
    const asked = Number.isInteger(session) ? (session as number) : 0
    const wanted = asked > 0 ? asked : running + asked
    const entries = wanted === running ? this.#ownEntries(running) : await this.#stored(wanted)
    const first = isCount(start) ? start : 1
    const end = isCount(stop) && stop > 0 ? stop : Infinity
    return entries.filter(({ line }) => line >= first && line < end)
  }

  async #stored(session: number): Promise<HistoryEntry[]> {
    if (this.#folder === undefined) return []
    for await (const { cells } of readSessions(this.#folder, [session])) return cells.map((cell) => ({ session, ...cell }))
    return []
  }

  /** Goes back, from this session through earlier ones, until there are enough. */
  async #latest(limit: number, isWanted: (input: string) => boolean, isUnique: boolean): Promise<HistoryEntry[]> {
    const found: HistoryEntry[] = []
    const seen = new Set<string>()
    for await (const entries of this.#newestFirst()) {
      for (const entry of entries.reverse()) {
        if (found.length >= limit) return found.reverse()
        if (!isWanted(entry.input) || (isUnique && seen.has(entry.input))) continue
        seen.add(entry.input)
        found.push(entry)
      }
    }
    return found.reverse()
  }

  async *#newestFirst(): AsyncGenerator<HistoryEntry[]> {
    const running = await this.#session()
    yield this.#ownEntries(running)
    if (this.#folder === undefined) return
    const others = (await listSessions(this.#folder)).filter((session) => session !== running)
    for await (const { session, cells } of readSessions(this.#folder, others)) yield cells.map((cell) => ({ session, ...cell }))
  }

  /** The number of this session, or that which it would get. */
  async #session(): Promise<number> {
    const file = await this.#file
    if (file !== undefined) return file.session
    return this.#folder === undefined ? 1 : ((await listSessions(this.#folder))[0] ?? 0) + 1
  }

  #ownEntries(session: number): HistoryEntry[] {
    return [...this.#own.values()].map((entry) => ({ session, ...entry }))
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0
}
