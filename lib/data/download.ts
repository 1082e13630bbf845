import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream, statSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import { cellSignal, throwIfInterrupted } from '../interrupt.ts'
import { progress, type Progress } from '../progress.ts'
import { sizeText } from '../units.ts'
import type { OfficialFile } from './official.ts'

/** A server that is silent for this long, in milliseconds, is given up. */
const PATIENCE = 30_000

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  ENOTFOUND: 'no network, or no such server',
  EAI_AGAIN: 'no network',
  ENOSPC: 'no space left on the disk',
  EACCES: 'the cache folder cannot be written: set XDG_CACHE_HOME to another one',
  EROFS: 'the cache folder cannot be written: set XDG_CACHE_HOME to another one',
  UND_ERR_CONNECT_TIMEOUT: 'the server does not answer',
  UND_ERR_SOCKET: 'connection closed',
}

/** A file did not arrive, or not the right one. */
export class DownloadError extends Error {}

/**
 * Fetches a file, with progress. What arrives is kept in `PATH.part`: a broken connection is taken up again where it broke, now or at the next
 * call. The file appears under its name when it is all there and its checksum is right. With `HONE_DATA_MIRROR` set to a URL it comes
 * from there: `MIRROR/FOLDER/NAME`.
 * @throws DownloadError saying how much arrived, why not all, and how to go on.
 */
export async function download(file: OfficialFile, path: string): Promise<void> {
  const part = `${path}.part`
  const bar = progress(`Downloading ${file.name}`, file.bytes, sizeText)
  try {
    await mkdir(dirname(path), { recursive: true })
    bar.tick(arrived(part))
    await complete(file, part, bar)
    await verify(file, part)
    await rename(part, path)
  } catch (error) {
    throwIfInterrupted()
    if (error instanceof DownloadError) throw error
    throw new DownloadError(`${file.name}: ${count(arrived(part))} of ${count(file.bytes)} bytes arrived (${reason(error)}). Run again to go on from there, or put the file into HONE_DATA/${file.folder}.`, { cause: error })
  } finally {
    bar.done()
  }
}

/** As long as a connection brings something, another one goes on where it broke. */
async function complete(file: OfficialFile, part: string, bar: Progress): Promise<void> {
  for (let before = arrived(part); before < file.bytes; before = arrived(part)) {
    const failure = await receive(file, part, before, bar).then(() => new Error('the server ended early'), (error: Error) => error)
    if (arrived(part) <= before) throw failure
  }
}

async function receive(file: OfficialFile, part: string, from: number, bar: Progress): Promise<void> {
  const silence = new AbortController()
  const timer = setTimeout(() => silence.abort(new Error('the server fell silent')), PATIENCE)
  const signal = AbortSignal.any([silence.signal, ...[cellSignal() ?? []].flat()])
  try {
    const headers = { 'accept-encoding': 'identity', ...(from > 0 && { range: `bytes=${from}-` }) }
    const response = await fetch(address(file), { headers, signal })
    if (!response.ok || !response.body) throw new Error(`the server answered ${response.status} ${response.statusText}`)
    const resumed = response.status === 206
    const body = Readable.fromWeb(response.body as ReadableStream<Uint8Array>)
    body.on('data', (chunk: Uint8Array) => {
      timer.refresh()
      bar.tick(chunk.length)
    })
    await pipeline(body, createWriteStream(part, { flags: resumed ? 'a' : 'w' }), { signal })
  } finally {
    clearTimeout(timer)
  }
}

function address({ folder, name, url }: OfficialFile): string {
  const { HONE_DATA_MIRROR: mirror } = process.env
  return mirror ? `${mirror.replace(/\/$/, '')}/${folder}/${name}` : url
}

async function verify(file: OfficialFile, part: string): Promise<void> {
  const [[algorithm, expected]] = Object.entries(file.checksum)
  const hash = createHash(algorithm)
  await pipeline(createReadStream(part), hash)
  if (hash.digest('hex') === expected) return
  const bytes = arrived(part)
  await rm(part)
  throw new DownloadError(`${file.name}: the ${count(bytes)} bytes that arrived do not match the published checksum, and were removed. Run again; if that ends here too, put the file into HONE_DATA/${file.folder}.`)
}

const arrived = (part: string): number => statSync(part, { throwIfNoEntry: false })?.size ?? 0

const count = (bytes: number): string => bytes.toLocaleString('en')

/** fetch says no more than "fetch failed": the reason stands in its cause. */
function reason(error: unknown): string {
  const { cause = error } = error as Error
  const { code, message } = cause as NodeJS.ErrnoException
  return REASONS[code ?? ''] ?? message
}
