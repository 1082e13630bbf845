import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { writeWhole } from '../files.ts'
import type { Look } from './judge.ts'

/** What a search has seen, in a file where one is named, so that a later search of the same goes on from there. */
export class KeptLooks {
  readonly #file: string | undefined
  readonly #of: string
  readonly #known: Record<string, Partial<Look>>

  /** @param of what is searched: a file of something else is refused. @throws Error naming the file where it is damaged, or of another search. */
  constructor(file: string | undefined, of: string) {
    this.#file = file
    this.#of = of
    this.#known = file !== undefined && existsSync(file) ? looksIn(file, of) : {}
  }

  /** What is known of a network by its name and by the options of what made it, or what `look` tells now. */
  async of<Seen extends Partial<Look>>(name: string, options: object, look: () => Promise<Seen>): Promise<Seen> {
    const key = Object.keys(options).length ? `${name} #${digest(JSON.stringify(options))}` : name
    if (this.#known[key]) return this.#known[key] as Seen
    const seen = await look()
    this.#known[key] = seen
    if (this.#file !== undefined) await writeWhole(this.#file, `${JSON.stringify({ format: FORMAT, version: VERSION, of: this.#of, looks: this.#known })}\n`)
    return seen
  }
}

/** A short name for bytes. */
export const digest = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex').slice(0, 12)

const FORMAT = 'hone tune'
const VERSION = 2

function looksIn(file: string, of: string): Record<string, Partial<Look>> {
  let saved: { format?: string; version?: number; of?: string; looks?: Record<string, Partial<Look>> } | null
  try {
    saved = JSON.parse(readFileSync(file, 'utf8')) as typeof saved
  } catch (error) {
    throw new Error(`${file} is damaged: ${(error as Error).message}. Remove it to begin anew.`, { cause: error })
  }
  if (saved?.format !== FORMAT || saved.version !== VERSION || typeof saved.looks !== 'object') throw new Error(`${file} is no search of this version of hone. Remove it, or name another file.`)
  if (saved.of !== of) throw new Error(`${file} is a search for ${saved.of}, not for ${of}. Name another file.`)
  return saved.looks
}
