import { existsSync, readFileSync } from 'node:fs'
import { writeWholeSync } from '../files.ts'
import { throwIfInterrupted } from '../interrupt.ts'
import { progress } from '../progress.ts'
import { RepeatResult, type Values } from './repeat-result.ts'

export interface RepeatOptions {
  /** Where finished runs are kept: a later call with the same file goes on from there. */
  readonly file?: string
  /** What is repeated (settings, data): a file of something else is refused. */
  readonly of?: unknown
  /** Seed of the first run (0); the others follow. */
  readonly firstSeed?: number
}

/** One finished run. */
export interface Run {
  readonly seed: number
  readonly values: Values
}

interface SavedRuns {
  readonly format: typeof FORMAT
  readonly version: typeof VERSION
  readonly of: unknown
  readonly runs: readonly Run[]
}

const FORMAT = 'hone repeat'
const VERSION = 1

/**
 * Runs something several times, each time with another seed, and says how the results spread. A run answers a number, or several by name.
 *
 * @example const runs = await repeat(5, async (seed) => ({ accuracy: ..., seconds: ... }), { file: 'float32.json' }); runs.of('accuracy').mean
 * @throws Error where a run fails or answers what is no number; the runs before are in the file. Where the file is of something else.
 */
export async function repeat(count: number, run: (seed: number) => number | Values | Promise<number | Values>, options: RepeatOptions = {}): Promise<RepeatResult> {
  const { file, of = null, firstSeed = 0 } = options
  if (!(Number.isInteger(count) && count > 0)) throw new RangeError(`something is repeated 1 time or more, not ${count}`)
  const seeds = Array.from({ length: count }, (_, i) => firstSeed + i)
  const finished = new Map((file === undefined ? [] : readRuns(file, of)).map((one) => [one.seed, one]))
  const missing = seeds.filter((seed) => !finished.has(seed))
  const bar = progress('Runs', count)
  bar.tick(count - missing.length)
  try {
    for (const seed of missing) {
      throwIfInterrupted()
      finished.set(seed, { seed, values: await valuesOf(run, seed, file) })
      if (file !== undefined) writeRuns(file, of, [...finished.values()])
      bar.tick()
    }
  } finally {
    bar.done()
  }
  return new RepeatResult(seeds.map((seed) => finished.get(seed)!))
}

async function valuesOf(run: (seed: number) => unknown, seed: number, file: string | undefined): Promise<Values> {
  const kept = file === undefined ? '' : ` The runs before it are kept in ${file}.`
  const failed = (message: string, cause?: unknown) => new Error(`The run with seed ${seed} ${message}.${kept}`, { cause })
  let answer: unknown
  try {
    answer = await run(seed)
  } catch (error) {
    throwIfInterrupted()
    throw failed(`failed: ${(error as Error)?.message ?? String(error)}`, error)
  }
  const values = typeof answer === 'number' ? { value: answer } : answer
  if (typeof values !== 'object' || values === null) throw failed(`answered ${String(answer)}, which is neither a number nor numbers by name`)
  const bad = Object.entries(values).find(([, value]) => !Number.isFinite(value))
  if (bad) throw failed(`answered ${bad[0]} = ${String(bad[1])}, and that is no measurement`)
  return values as Values
}

function writeRuns(file: string, of: unknown, runs: readonly Run[]): void {
  const saved: SavedRuns = { format: FORMAT, version: VERSION, of, runs }
  writeWholeSync(file, `${JSON.stringify(saved, undefined, 1)}\n`)
}

/** @throws Error naming the file where it is damaged, of another version, or of something else. */
function readRuns(file: string, of: unknown): readonly Run[] {
  if (!existsSync(file)) return []
  let saved: Partial<SavedRuns> | null
  try {
    saved = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new Error(`${file} is no JSON: ${(error as Error).message}. Remove it to begin anew.`, { cause: error })
  }
  if (saved?.format !== FORMAT || !Array.isArray(saved.runs)) throw new Error(`${file} holds no repeated runs. Remove it, or name another file.`)
  if (saved.version !== VERSION) throw new Error(`${file} was written in version ${saved.version} of the format, and this hone reads version ${VERSION}. Remove it to begin anew.`)
  if (JSON.stringify(saved.of) !== JSON.stringify(of)) throw new Error(`${file} holds runs of ${JSON.stringify(saved.of)}, not of ${JSON.stringify(of)}. Name another file, or remove it to begin anew.`)
  return saved.runs
}
