import { convertIndexedToRgb, decode, type DecodedPng } from 'fast-png'
import type { InterleavedPixels } from './picture.ts'

export function isPng(bytes: Uint8Array): boolean {
  return bytes[0] === 0x89 && bytes[1] === 0x50 && bytes[2] === 0x4e && bytes[3] === 0x47
}

/** The pixels of a PNG file, at 8 bits and without transparency; grey ones as red, green and blue alike. @throws Error with the reason where the file is damaged. */
export function decodePng(bytes: Uint8Array): InterleavedPixels {
  const png = decode(bytes, { checkCrc: true })
  const { width, height, depth } = png
  const palette = png.palette ?? (depth < 8 ? greys(depth) : undefined)
  const data = palette ? convertIndexedToRgb({ ...png, palette }) : png.data
  const channels = data.length / (width * height)
  const divisor = depth === 16 ? 257 : 1
  const rgb = new Uint8Array(3 * width * height)
  for (let i = 0; i < rgb.length; i++) rgb[i] = Math.round(data[Math.floor(i / 3) * channels + (channels < 3 ? 0 : i % 3)] / divisor)
  return { width, height, rgb }
}

/** Grey pixels of fewer than 8 bits are packed as indices are. */
function greys(depth: number): NonNullable<DecodedPng['palette']> {
  const brightest = 2 ** depth - 1
  return Array.from({ length: brightest + 1 }, (_, level) => Array.from({ length: 3 }, () => Math.round((255 * level) / brightest)) as [number, number, number])
}
