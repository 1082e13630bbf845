import { gzipSync } from 'node:zlib'
import { packTar } from 'modern-tar'

/** A .tar.gz of these files. */
export async function tarGz(files: Readonly<Record<string, Uint8Array | string>>): Promise<Uint8Array> {
  const entries = Object.entries(files).map(([name, content]) => {
    const body = Buffer.from(content)
    return { header: { name, size: body.length, type: 'file' as const }, body }
  })
  return gzipSync(await packTar(entries))
}

/** A gzipped idx file of bytes. */
export function idx(shape: readonly number[], data: Uint8Array): Uint8Array {
  const header = Buffer.alloc(4 + 4 * shape.length)
  header[2] = 8
  header[3] = shape.length
  shape.forEach((d, axis) => header.writeUInt32BE(d, 4 + 4 * axis))
  return gzipSync(Buffer.concat([header, data]))
}
