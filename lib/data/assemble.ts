import { byteLength, sizeOf } from '../graph/tensor.ts'
import { drawn, type Draw } from './draw.ts'
import { blend, blendRows, type Blend } from './mixup.ts'
import { holdsPictures, storedPicture, storedRow, type Packed, type Stored } from './store.ts'
import { transformed, type Mixup, type PictureTransform, type Transform } from './transforms.ts'

/** All that it takes to make a batch. Plain data, so that a worker thread can make it, unless a function makes the samples. */
export interface Recipe {
  /** The data set's name, for errors. */
  readonly name: string
  readonly inputs: Readonly<Record<string, Stored>>
  readonly transforms: readonly Transform[]
}

/** Which samples become a batch, and the random numbers of it. */
export interface Order extends Draw {
  readonly places: readonly number[]
  /** The batch's number in the epoch. */
  readonly batch: number
}

/** A batch, and how its samples were blended where they were. */
export interface Assembled {
  readonly inputs: Readonly<Record<string, Packed>>
  readonly blend?: Blend
}

/** Memory that batches are made in, over and over, by input. */
export type Buffers = Readonly<Record<string, ArrayBuffer>>

/** A batch after the recipe, in `buffers` where they are large enough. @throws Error naming the sample that cannot be read or transformed. */
export function assemble(recipe: Recipe, order: Order, buffers: Buffers = {}): Assembled {
  const mixup = recipe.transforms.find((transform): transform is Mixup => transform.kind === 'mixup')
  const chosen = mixup && blend(order.places.length, mixup.alpha, drawn(order, 'batch', order.batch))
  const inputs = Object.fromEntries(Object.entries(recipe.inputs).map(([input, stored]) => {
    const batch = gathered(recipe, stored, order, buffers[input])
    if (chosen) blendRows(floats(recipe.name, batch), chosen)
    return [input, batch]
  }))
  return { inputs, blend: chosen }
}

function gathered(recipe: Recipe, stored: Stored, order: Order, buffer: ArrayBuffer | undefined): Packed {
  if ('paths' in stored || holdsPictures(stored)) return pictures(recipe, stored, order, buffer)
  const batch = room(stored.dtype, [order.places.length, ...stored.shape.slice(1)], buffer)
  order.places.forEach((place, n) => {
    const row = named(recipe.name, place, stored, () => storedRow(stored, place))
    batch.bytes.set(row, n * row.length)
  })
  return batch
}

function pictures({ name, transforms }: Recipe, stored: Stored, order: Order, buffer: ArrayBuffer | undefined): Packed {
  const steps = transforms.filter((transform): transform is PictureTransform => transform.kind !== 'mixup')
  let batch: Packed | undefined
  order.places.forEach((place, n) => {
    const { channels, height, width, pixels } = named(name, place, stored, () => transformed(storedPicture(stored, place), steps, drawn(order, 'sample', place)))
    batch ??= room(pixels instanceof Uint8Array ? 'uint8' : 'float32', [order.places.length, channels, height, width], buffer)
    batch.bytes.set(new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength), n * pixels.byteLength)
  })
  return batch ?? room('float32', [0, ...('paths' in stored ? [3, stored.height, stored.width] : stored.shape.slice(1))], buffer)
}

/** A tensor to be filled, in the buffer's memory where that is large enough. */
function room(dtype: Packed['dtype'], shape: readonly number[], buffer: ArrayBuffer | undefined): Packed {
  const size = byteLength(dtype, sizeOf(shape))
  return { dtype, shape, bytes: new Uint8Array(buffer && buffer.byteLength >= size ? buffer : new ArrayBuffer(size), 0, size) }
}

function floats(name: string, { dtype, bytes }: Packed): Float32Array {
  if (dtype !== 'float32') throw new TypeError(`${name}: mixup blends float32 inputs, not ${dtype}. Put toFloat() before it.`)
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
}

/** Says which sample an error is about. Errors about a file name it themselves. */
function named<T>(name: string, place: number, stored: Stored, work: () => T): T {
  try {
    return work()
  } catch (error) {
    const { message } = error as Error
    const path = 'paths' in stored ? stored.paths[place] : `sample ${place}`
    throw new Error(message.startsWith(path) ? message : `${name}, ${path}: ${message}`, { cause: error })
  }
}
