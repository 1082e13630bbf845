import { readFileSync } from 'node:fs'
import { inflateSync } from 'node:zlib'

/** An array of a MATLAB file: column-major, the first index runs fastest. */
export interface MatArray {
  readonly shape: readonly number[]
  readonly data: ArrayLike<number>
}

interface Element {
  readonly type: number
  readonly data: Buffer
  /** Where the next element begins. */
  readonly next: number
}

const HEADER = 128
const MATRIX = 14
const COMPRESSED = 15
/** Numeric types by their number, in the file's little-endian order. */
const NUMBERS: Readonly<Record<number, { readonly size: number; readonly read: (data: Buffer, at: number) => number }>> = {
  1: { size: 1, read: (data, at) => data.readInt8(at) },
  2: { size: 1, read: (data, at) => data[at] },
  3: { size: 2, read: (data, at) => data.readInt16LE(at) },
  4: { size: 2, read: (data, at) => data.readUInt16LE(at) },
  5: { size: 4, read: (data, at) => data.readInt32LE(at) },
  6: { size: 4, read: (data, at) => data.readUInt32LE(at) },
  7: { size: 4, read: (data, at) => data.readFloatLE(at) },
  9: { size: 8, read: (data, at) => data.readDoubleLE(at) },
}

/**
 * The numeric arrays of a MATLAB 5 file, by name; others are passed over. "MAT-File Format", MathWorks:
 * https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf
 * @throws Error naming the file and the byte where it stops making sense.
 */
export function readMat(path: string): Map<string, MatArray> {
  const bytes = readFileSync(path)
  if (bytes.length < HEADER || bytes.toString('latin1', 126, 128) !== 'IM')
    throw new Error(`${path} is not a little-endian MATLAB 5 file: its first 128 bytes do not say so. Fetch it again.`)
  const arrays = new Map<string, MatArray>()
  let at = HEADER
  try {
    while (at < bytes.length) {
      const { type, data, next } = element(bytes, at, false)
      const matrix = type === COMPRESSED ? element(inflateSync(data), 0) : { type, data }
      const [name, array] = (matrix.type === MATRIX && numericArray(matrix.data)) || []
      if (name !== undefined && array) arrays.set(name, array)
      at = next
    }
  } catch (error) {
    throw new Error(`${path} is damaged or truncated in the array that begins at byte ${at.toLocaleString('en')}: ${(error as Error).message}. Fetch it again.`, { cause: error })
  }
  return arrays
}

/** The element at a byte. Its data are padded to eight bytes, but for a compressed one; up to four bytes stand within the tag. */
function element(bytes: Buffer, at: number, padded = true): Element {
  const word = bytes.readUInt32LE(at)
  const small = word >>> 16
  const [type, size, start] = small ? [word & 0xffff, small, at + 4] : [word, bytes.readUInt32LE(at + 4), at + 8]
  const end = start + size
  if (end > bytes.length) throw new Error(`an element of ${size.toLocaleString('en')} bytes reaches beyond the end`)
  const after = small ? at + 8 : end + (padded || type !== COMPRESSED ? (8 - (size % 8)) % 8 : 0)
  return { type, data: bytes.subarray(start, end), next: after }
}

/** Flags, dimensions, name, real part. */
function numericArray(matrix: Buffer): [name: string, array: MatArray] | undefined {
  const flags = element(matrix, 0)
  const dimensions = element(matrix, flags.next)
  const name = element(matrix, dimensions.next)
  const values = element(matrix, name.next)
  const number = NUMBERS[values.type]
  if (!number) return undefined
  const shape = Array.from({ length: dimensions.data.length / 4 }, (_, axis) => dimensions.data.readInt32LE(4 * axis))
  const count = values.data.length / number.size
  const expected = shape.reduce((product, d) => product * d, 1)
  if (count !== expected) throw new Error(`"${name.data.toString('latin1')}" has ${count.toLocaleString('en')} values, and its shape [${shape}] takes ${expected.toLocaleString('en')}`)
  const data = number.size === 1 && values.type === 2 ? values.data : Float64Array.from({ length: count }, (_, i) => number.read(values.data, i * number.size))
  return [name.data.toString('latin1'), { shape, data }]
}
