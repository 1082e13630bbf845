import { createHash } from 'node:crypto'
import { existsSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { threadId } from 'node:worker_threads'

/**
 * The folders where files of a data set are looked for, best first: `$HONE_DATA/NAME`, then what ships with hone.
 * @throws Error where HONE_DATA names no folder.
 */
export function dataFolders(name: string): string[] {
  const shipped = join(packageFolder(), 'notebooks', 'data', name)
  const { HONE_DATA: own } = process.env
  if (!own) return [shipped]
  if (!statSync(own, { throwIfNoEntry: false })?.isDirectory())
    throw new Error(`HONE_DATA is "${own}", and that is not a folder. Correct it, or unset it to use the data that ships with hone.`)
  return [join(own, name), shipped]
}

/** Where package.json stands: a package may resolve its own name. https://nodejs.org/api/packages.html#self-referencing-a-package-using-its-name */
export function packageFolder(): string {
  return dirname(createRequire(import.meta.url).resolve('honejs/package.json'))
}

/** What hone keeps for this user and can get again. https://specifications.freedesktop.org/basedir-spec/latest/ */
export function userCache(): string {
  const { XDG_CACHE_HOME: chosen, LOCALAPPDATA: local } = process.env
  const folder = chosen || (process.platform === 'darwin' ? join(homedir(), 'Library', 'Caches') : process.platform === 'win32' && local ? local : join(homedir(), '.cache'))
  return join(folder, 'hone')
}

/**
 * A file's bytes, compared with the SHA256SUMS beside it where that names the file.
 * @throws Error naming the file where it is missing or damaged.
 */
export function readVerified(path: string): Uint8Array {
  if (!existsSync(path)) throw new Error(`${path} is missing. Put it there, or install hone again.`)
  const bytes = readFileSync(path)
  const expected = listedChecksum(path)
  if (expected && createHash('sha256').update(bytes).digest('hex') !== expected)
    throw new Error(`${path} is damaged: its ${bytes.length.toLocaleString('en')} bytes do not match the SHA256SUMS beside it. Fetch it again, or install hone again.`)
  return bytes
}

function listedChecksum(path: string): string | undefined {
  const sums = join(dirname(path), 'SHA256SUMS')
  if (!existsSync(sums)) return undefined
  const line = readFileSync(sums, 'utf8').split('\n').find((text) => text.slice(66).trimEnd() === basename(path))
  return line?.slice(0, 64)
}

/** @throws Error where a folder, a device or a pipe is in the place of a file. */
export function checkReplaceable(path: string): void {
  const there = statSync(path, { throwIfNoEntry: false })
  if (there && !there.isFile()) throw new Error(`${path} is ${there.isDirectory() ? 'a folder' : 'no regular file'}, and a file would be put in its place. Choose another path.`)
}

let written = 0

/** A file's true place, a name beside it, and how to write there: with the mode of the former one. */
function places(path: string) {
  checkReplaceable(path)
  const place = existsSync(path) ? realpathSync(path) : path
  const mode = statSync(place, { throwIfNoEntry: false })?.mode
  return { place, beside: `${place}.${process.pid}.${threadId}.${written++}`, options: { flag: 'wx', flush: true, ...(mode !== undefined && { mode }) } as const }
}

/**
 * Writes a file, or its parts one after another, beside its place, and puts it there when all of it is on the disk: the former one stays until then. (npm's write-file-atomic
 * takes a write that was cut short, as on a disk that fills up or beyond 2 GB, for a whole one.)
 */
export async function writeWhole(path: string, data: string | Uint8Array | Iterable<Uint8Array>): Promise<void> {
  const { place, beside, options } = places(path)
  try {
    await writeFile(beside, data, options)
    await rename(beside, place)
  } catch (error) {
    await rm(beside, { force: true }).catch(() => {})
    throw error
  }
}

/** The same at once. */
export function writeWholeSync(path: string, data: string | Uint8Array): void {
  const { place, beside, options } = places(path)
  try {
    writeFileSync(beside, data, options)
    renameSync(beside, place)
  } catch (error) {
    rmSync(beside, { force: true })
    throw error
  }
}
