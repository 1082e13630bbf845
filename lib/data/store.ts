import { byteLength, sizeOf, Tensor, type DataType } from '../graph/tensor.ts'
import { throwIfInterrupted } from '../interrupt.ts'
import { told } from '../require.ts'
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

/** Samples that a function makes one by one, whenever a batch needs them. `shape` counts them first. No worker thread can have it. */
export interface MadeSamples {
  readonly dtype: DataType
  readonly shape: readonly number[]
  readonly make: (index: number) => Tensor
}

/** How one of a model's inputs is stored: plain data, which a worker thread reads too, unless a function makes it. */
export type Stored = Packed | PictureFiles | MadeSamples

/** `count` samples like the first that a function makes. @throws TypeError where it makes no tensor. */
export function madeBy(name: string, make: (index: number) => Tensor, count: number): MadeSamples {
  const first: unknown = make(0)
  if (!(first instanceof Tensor)) throw new TypeError(`${name}: its function is to answer with the tensor of one sample, at once, and answers with ${told(first)}`)
  return { dtype: first.dtype, shape: [count, ...first.shape], make }
}

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

/** The bytes of one sample: a view, not a copy, unless a function makes it. @throws TypeError where that makes something else than at first. */
export function storedRow(stored: Packed | MadeSamples, place: number): Uint8Array {
  const { dtype, shape } = stored
  if ('make' in stored) {
    const made: unknown = stored.make(place)
    const isAlike = made instanceof Tensor && made.dtype === dtype && String(made.shape) === String(shape.slice(1))
    if (!isAlike) throw new TypeError(`its function made ${made instanceof Tensor ? made : told(made)}, and ${dtype}[${shape.slice(1)}] for the first sample`)
    return new Uint8Array(made.bytes)
  }
  const size = byteLength(dtype, sizeOf(shape.slice(1)))
  return stored.bytes.subarray(place * size, (place + 1) * size)
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
