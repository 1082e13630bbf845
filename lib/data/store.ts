import { byteLength, sizeOf, Tensor } from '../graph/tensor.ts'
import { throwIfInterrupted } from '../interrupt.ts'
import { readPicture, type Picture } from './picture.ts'
import { resized } from './resize.ts'

/** A tensor as messages between threads carry it. The first axis counts the samples. */
export type Packed = Pick<Tensor, 'dtype' | 'shape' | 'bytes'>

/** Pictures in files, decoded whenever a batch needs them, and stretched to one size. */
export interface PictureFiles {
  readonly paths: readonly string[]
  readonly height: number
  readonly width: number
}

/** How one of a model's inputs is stored. Plain data: a worker thread reads it too. */
export type Stored = Packed | PictureFiles

/** The same bytes in memory that all threads see, so that none of them needs a copy. */
export function shared(bytes: Uint8Array): Uint8Array {
  if (bytes.buffer instanceof SharedArrayBuffer) return bytes
  const memory = new Uint8Array(new SharedArrayBuffer(bytes.length))
  memory.set(bytes)
  return memory
}

/** Whether samples are pictures, which can be transformed: in files, or 8-bit or float32 planes [N, channels, height, width]. */
export function holdsPictures(stored: Stored): boolean {
  return 'paths' in stored || (stored.shape.length === 4 && (stored.dtype === 'uint8' || stored.dtype === 'float32'))
}

/** One sample's picture, before any transform. Planes in memory are not copied. @throws Error naming the file that is missing or damaged. */
export function storedPicture(stored: Stored, place: number): Picture {
  if ('paths' in stored) return resized(readPicture(stored.paths[place]), stored.height, stored.width)
  const [, channels, height, width] = stored.shape
  const bytes = storedRow(stored, place)
  return { channels, height, width, pixels: stored.dtype === 'uint8' ? bytes : new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4) }
}

/** The bytes of one sample: a view, not a copy. */
export function storedRow({ dtype, shape, bytes }: Packed, place: number): Uint8Array {
  const size = byteLength(dtype, sizeOf(shape.slice(1)))
  return bytes.subarray(place * size, (place + 1) * size)
}

/** The pictures at some places, decoded: [places.length, 3, height, width] of 8 bits. @throws Error naming the file that is missing or damaged. */
export function planesOf(files: PictureFiles, places: readonly number[]): Tensor {
  const size = 3 * files.height * files.width
  const pixels = new Uint8Array(new SharedArrayBuffer(places.length * size))
  places.forEach((place, n) => {
    throwIfInterrupted()
    pixels.set(storedPicture(files, place).pixels, n * size)
  })
  return Tensor.raw('uint8', [places.length, 3, files.height, files.width], pixels)
}
