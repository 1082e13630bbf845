import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { unzipSync, type Unzipped } from 'fflate'
import { readVerified } from '../files.ts'
import { byCodePoint } from './code-points.ts'

/** A JPEG file, not decoded yet. */
export interface Jpeg {
  readonly path: string
  readonly bytes: Uint8Array
}

/** The JPEG files of a folder or a zip archive, in code-point order of their names. @throws Error where the archive is missing or damaged. */
export function readJpegs(source: string): Jpeg[] {
  const files = source.endsWith('.zip') ? inArchive(source) : inFolder(source)
  return files.sort((a, b) => byCodePoint(a.path, b.path))
}

const JPEG = /\.jpe?g$/i

function inFolder(folder: string): Jpeg[] {
  const paths = readdirSync(folder).filter((name) => JPEG.test(name)).map((name) => join(folder, name))
  return paths.map((path) => ({ path, bytes: readFileSync(path) }))
}

function inArchive(archive: string): Jpeg[] {
  const entries = Object.entries(extracted(archive)).filter(([name]) => JPEG.test(name))
  return entries.map(([name, bytes]) => ({ path: join(archive, name), bytes }))
}

function extracted(archive: string): Unzipped {
  const bytes = readVerified(archive)
  try {
    return unzipSync(bytes)
  } catch (error) {
    throw new Error(`${archive} (${bytes.length.toLocaleString('en')} bytes) is a damaged or truncated zip archive. Fetch it again.`, { cause: error })
  }
}
