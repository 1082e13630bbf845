import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { unpackTar } from 'modern-tar'
import { throwIfInterrupted } from '../interrupt.ts'

/** The files of a .tar.gz whose names fit, by name. @throws Error naming the archive where it is damaged. */
export async function readTarGz(path: string, wanted: RegExp): Promise<Map<string, Uint8Array>> {
  const file = createReadStream(path, { highWaterMark: 1 << 20 })
  const unzipped = createGunzip({ chunkSize: 1 << 20 })
  file.on('error', (error) => unzipped.destroy(error))
  const stream = Readable.toWeb(file.pipe(unzipped)) as ReadableStream<Uint8Array>
  const filter = ({ name }: { name: string }) => {
    throwIfInterrupted()
    return wanted.test(name)
  }
  try {
    const entries = await unpackTar(stream, { filter, strict: true })
    return new Map(entries.flatMap(({ header, data }) => (data ? [[header.name, data]] : [])))
  } catch (error) {
    throwIfInterrupted()
    throw new Error(`${path} is damaged or truncated: ${(error as Error).message}. Fetch it again.`, { cause: error })
  } finally {
    file.destroy()
  }
}
