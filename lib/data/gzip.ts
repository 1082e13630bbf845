import { gunzipSync } from 'node:zlib'
import { readVerified } from '../files.ts'

/** What a gzipped file holds. @throws Error naming the file where it is missing, damaged or truncated. */
export function readGzip(path: string): Buffer {
  const bytes = readVerified(path)
  try {
    return gunzipSync(bytes)
  } catch (error) {
    throw new Error(`${path} (${bytes.length.toLocaleString('en')} bytes) is damaged or truncated: ${(error as Error).message}. Fetch it again.`, { cause: error })
  }
}
