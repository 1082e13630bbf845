import { types } from 'node:util'
import type { MimeBundle } from './bundle.ts'

/** The first bytes of image files. WebP has its length between its two marks. https://en.wikipedia.org/wiki/List_of_file_signatures */
const SIGNATURES: [type: string, pattern: RegExp][] = [
  ['image/png', /^\x89PNG\r\n/],
  ['image/jpeg', /^\xff\xd8\xff/],
  ['image/gif', /^GIF8[79]a/],
  ['image/webp', /^RIFF[^]{4}WEBP/],
  ['application/pdf', /^%PDF-/],
  ['image/svg+xml', /^\s*(<\?xml[^>]*>\s*)?<svg[\s>]/],
]
const LONGEST_SIGNATURE = 200

/** The MIME type of an image or a PDF file by its first bytes. */
export function imageType(bytes: Uint8Array): string | undefined {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, LONGEST_SIGNATURE)).toString('latin1')
  return SIGNATURES.find(([, pattern]) => pattern.test(start))?.[0]
}

/** The content of an image file, whatever holds the bytes. */
export function image(value: object): MimeBundle | Promise<MimeBundle> | undefined {
  if (value instanceof Blob) return value.type.startsWith('image/') ? value.arrayBuffer().then((bytes) => fileBundle(new Uint8Array(bytes)) ?? {}) : undefined
  if (types.isUint8Array(value)) return fileBundle(value)
  return types.isAnyArrayBuffer(value) ? fileBundle(new Uint8Array(value)) : undefined
}

function fileBundle(bytes: Uint8Array): MimeBundle | undefined {
  const type = imageType(bytes)
  if (type === undefined) return undefined
  const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  return { 'text/plain': `${type}, ${bytes.length.toLocaleString('en')} bytes`, [type]: content.toString(type === 'image/svg+xml' ? 'utf8' : 'base64') }
}

/** What draws, as a canvas does in browsers and in their counterparts for Node. */
export function canvas(value: object): MimeBundle | undefined {
  if (!('toDataURL' in value && typeof value.toDataURL === 'function')) return undefined
  const [, type, content] = /^data:([^;]+);base64,(.*)$/.exec(String(value.toDataURL())) ?? []
  return type === undefined ? undefined : { [type]: content }
}
