import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { dataFolders, userCache } from '../files.ts'
import { download } from './download.ts'

/** A file of a data set as its authors publish it. */
export interface OfficialFile {
  /** The data set's folder in HONE_DATA and in the cache. */
  readonly folder: string
  readonly name: string
  readonly url: string
  readonly bytes: number
  /** Its checksum in hexadecimal: SHA-256, or MD5 where no other is known. */
  readonly checksum: { readonly sha256: string } | { readonly md5: string }
}

const arriving = new Map<string, Promise<void>>()

/**
 * The path of an official file: in `$HONE_DATA/FOLDER`, in the cache, or downloaded into the cache now.
 * @throws DownloadError saying how far the download came and how to go on.
 */
export async function obtain(file: OfficialFile): Promise<string> {
  const cached = join(cacheFolder(file.folder), file.name)
  const present = [...dataFolders(file.folder).map((folder) => join(folder, file.name)), cached].find((path) => existsSync(path))
  if (present) return present
  const arrival = arriving.get(cached) ?? download(file, cached)
  arriving.set(cached, arrival)
  await arrival.finally(() => arriving.delete(cached))
  return cached
}

/** Where downloads of a data set are kept. */
export function cacheFolder(name: string): string {
  return join(userCache(), 'data', name)
}
