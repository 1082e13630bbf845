import { fromBfloat16, fromSmallFloats, isSmallFloat, toBfloat16, toSmallFloats } from './small-floats.ts'

/** Element types, by ONNX's names in lower case. https://onnx.ai/onnx/intro/concepts.html#element-type */
export const DATA_TYPES = [
  'undefined', 'float32', 'uint8', 'int8', 'uint16', 'int16', 'int32', 'int64', 'string', 'bool', 'float16', 'float64', 'uint32', 'uint64',
  'complex64', 'complex128', 'bfloat16', 'float8e4m3fn', 'float8e4m3fnuz', 'float8e5m2', 'float8e5m2fnuz', 'uint4', 'int4', 'float4e2m1',
  'float8e8m0', 'uint2', 'int2', 'float6e2m3', 'float6e3m2',
] as const

/** Its place in the list is its number in `TensorProto.DataType`. */
export type DataType = (typeof DATA_TYPES)[number]

export type TypedArray =
  | Float32Array | Float64Array | Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array | BigInt64Array | BigUint64Array

type ArrayConstructor = { new (buffer: ArrayBufferLike, byteOffset: number, length: number): TypedArray; readonly BYTES_PER_ELEMENT: number }

/** How JavaScript views an element type; 16-bit and 8-bit floats are viewed as their bits. */
const VIEWS: Partial<Record<DataType, ArrayConstructor>> = {
  float32: Float32Array, float64: Float64Array, int8: Int8Array, uint8: Uint8Array, bool: Uint8Array, int16: Int16Array, uint16: Uint16Array,
  int32: Int32Array, uint32: Uint32Array, int64: BigInt64Array, uint64: BigUint64Array, float16: Uint16Array, bfloat16: Uint16Array,
  complex64: Float32Array, complex128: Float64Array,
  float8e4m3fn: Uint8Array, float8e4m3fnuz: Uint8Array, float8e5m2: Uint8Array, float8e5m2fnuz: Uint8Array, float8e8m0: Uint8Array,
  uint4: Uint8Array, int4: Uint8Array, float4e2m1: Uint8Array, uint2: Uint8Array, int2: Uint8Array, float6e2m3: Uint8Array, float6e3m2: Uint8Array,
}

const BITS: Partial<Record<DataType, number>> = {
  uint4: 4, int4: 4, float4e2m1: 4, uint2: 2, int2: 2, float6e2m3: 6, float6e3m2: 6, complex64: 64, complex128: 128,
}

/** Bits that one element takes when stored (4 for int4: two in a byte). */
export function bitsPerElement(dtype: DataType): number {
  return BITS[dtype] ?? (VIEWS[dtype]?.BYTES_PER_ELEMENT ?? 0) * 8
}

/** Bytes that `count` elements take when stored. */
export function byteLength(dtype: DataType, count: number): number {
  return Math.ceil((bitsPerElement(dtype) * count) / 8)
}

export const isFloat = (dtype: DataType | null): boolean => dtype !== null && /^b?float/.test(dtype)

const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

/**
 * An n-dimensional array as ONNX stores it: raw little-endian bytes with an element type. Immutable and shared by reference; `data` is a view of
 * the same bytes, made when first asked for.
 */
export class Tensor {
  readonly dtype: DataType
  readonly shape: readonly number[]
  /** Raw bytes, row-major; empty for strings. */
  readonly bytes: Uint8Array
  /** The elements of a string tensor. */
  readonly strings: readonly string[]
  #data: TypedArray | undefined

  private constructor(dtype: DataType, shape: readonly number[], bytes: Uint8Array, strings: readonly string[] = []) {
    this.dtype = dtype
    this.shape = shape
    this.bytes = bytes
    this.strings = strings
  }

  /** A tensor over raw bytes. @throws RangeError where the bytes do not fit the shape. */
  static raw(dtype: DataType, shape: readonly number[], bytes: Uint8Array): Tensor {
    const expected = byteLength(dtype, sizeOf(shape))
    if (!littleEndian) throw new Error('hone reads and writes tensors on little-endian processors only')
    if (bytes.byteLength !== expected)
      throw new RangeError(`a ${dtype} tensor of shape [${shape}] takes ${expected} bytes, not ${bytes.byteLength}`)
    return new Tensor(dtype, shape, bytes)
  }

  /**
   * A tensor of the given elements: a typed array of the element type (shared, not copied), or plain numbers, which are converted.
   * @throws RangeError where their count does not fit the shape.
   */
  static of(dtype: DataType, shape: readonly number[], data: TypedArray | readonly number[] | readonly bigint[] | readonly string[]): Tensor {
    if (data.length !== sizeOf(shape)) throw new RangeError(`shape [${shape}] holds ${sizeOf(shape)} elements, not ${data.length}`)
    if (dtype === 'string') return new Tensor(dtype, shape, new Uint8Array(), data as readonly string[])
    const View = VIEWS[dtype]
    if (!View) throw new TypeError(`${dtype} has no elements to set`)
    if (data instanceof (View as unknown as { new (): TypedArray })) return Tensor.raw(dtype, shape, bytesOf(data as TypedArray))
    return Tensor.raw(dtype, shape, bytesOf(converted(dtype, data as readonly number[] | readonly bigint[])))
  }

  /** float32 elements, the commonest case. */
  static float32(shape: readonly number[], data: Float32Array | readonly number[]): Tensor {
    return Tensor.of('float32', shape, data)
  }

  /** A one-dimensional int64 tensor, as ONNX wants shapes, axes and pads. */
  static int64(values: readonly number[]): Tensor {
    return Tensor.of('int64', [values.length], BigInt64Array.from(values, (v) => BigInt(v)))
  }

  static scalar(dtype: DataType, value: number): Tensor {
    return Tensor.of(dtype, [], [value])
  }

  static zeros(dtype: DataType, shape: readonly number[]): Tensor {
    return Tensor.raw(dtype, shape, new Uint8Array(byteLength(dtype, sizeOf(shape))))
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape)
  }

  /** The elements; 16-bit and smaller floats as their bits (see `toFloat32`). Copied only where the bytes are not aligned. */
  get data(): TypedArray {
    if (this.#data) return this.#data
    const View = VIEWS[this.dtype]
    if (!View) throw new TypeError(`the elements of a ${this.dtype} tensor are not numbers`)
    const length = Math.floor(this.bytes.byteLength / View.BYTES_PER_ELEMENT)
    // a Buffer's slice would not copy
    const aligned = this.bytes.byteOffset % View.BYTES_PER_ELEMENT === 0 ? this.bytes : new Uint8Array(this.bytes)
    return (this.#data = new View(aligned.buffer, aligned.byteOffset, length))
  }

  /** Every element as a JavaScript number. int64 beyond 2^53 loses its last bits. */
  toNumbers(): number[] {
    return Array.from(isCoded(this.dtype) ? this.toFloat32() : (this.data as ArrayLike<number | bigint>), Number)
  }

  /** The elements as float32: itself where it is, converted otherwise. */
  toFloat32(): Float32Array {
    const { dtype, data } = this
    if (dtype === 'float32') return data as Float32Array
    if (isSmallFloat(dtype)) return fromSmallFloats(data as Uint16Array, dtype)
    if (dtype === 'bfloat16') return fromBfloat16(data as Uint16Array)
    return typeof data[0] === 'bigint' ? Float32Array.from(data as BigInt64Array, Number) : Float32Array.from(data as Int32Array)
  }

  /** The same elements under another shape. */
  reshape(shape: readonly number[]): Tensor {
    if (sizeOf(shape) !== this.size) throw new RangeError(`[${this.shape}] cannot be reshaped to [${shape}]`)
    return new Tensor(this.dtype, shape, this.bytes, this.strings)
  }

  /** The same in memory of its own: a Buffer's `slice` would share it, and what is not aligned would be copied at its first use. */
  copy(): Tensor {
    return Tensor.raw(this.dtype, this.shape, new Uint8Array(this.bytes))
  }

  /** The entries `indices` along `axis`, in that order. */
  take(axis: number, indices: readonly number[]): Tensor {
    const inner = byteLength(this.dtype, sizeOf(this.shape.slice(axis + 1)))
    const outer = sizeOf(this.shape.slice(0, axis))
    const extent = this.shape[axis] ?? 0
    const bad = indices.find((i) => !(i >= 0 && i < extent))
    if (bad !== undefined) throw new RangeError(`index ${bad} is outside axis ${axis} of [${this.shape}]`)
    if (bitsPerElement(this.dtype) % 8) throw new TypeError(`entries of a packed ${this.dtype} tensor cannot be taken one by one`)
    const bytes = new Uint8Array(outer * indices.length * inner)
    const whole = this.bytes.byteOffset % 4 === 0 && inner % 4 === 0
    const [from, to] = whole ? [words(this.bytes), words(bytes)] : [this.bytes, bytes]
    const each = whole ? inner / 4 : inner
    // a call for each entry pays from some dozens of elements on
    const few = each < 64
    for (let o = 0, at = 0; o < outer; o++)
      for (const i of indices) {
        const first = (o * extent + i) * each
        if (few) for (let k = 0; k < each; k++) to[at + k] = from[first + k]
        else to.set(from.subarray(first, first + each), at)
        at += each
      }
    return new Tensor(this.dtype, this.shape.map((d, a) => (a === axis ? indices.length : d)), bytes)
  }

  toString(): string {
    return `${this.dtype}[${this.shape}]`
  }
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, d) => product * d, 1)
}

const words = ({ buffer, byteOffset, byteLength: length }: Uint8Array) => new Uint32Array(buffer, byteOffset, length / 4)

function bytesOf(array: TypedArray): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}

const isCoded = (dtype: DataType): boolean => isSmallFloat(dtype) || dtype === 'bfloat16'

const float32 = (data: readonly number[] | readonly bigint[] | TypedArray): Float32Array => (data instanceof Float32Array ? data : Float32Array.from(data as readonly number[], Number))

function converted(dtype: DataType, data: readonly number[] | readonly bigint[]): TypedArray {
  switch (dtype) {
    case 'int64': return BigInt64Array.from(data as readonly number[], (v) => within(dtype, BigInt(v), BigInt.asIntN))
    case 'uint64': return BigUint64Array.from(data as readonly number[], (v) => within(dtype, BigInt(v), BigInt.asUintN))
    case 'float16': case 'float8e4m3fn': case 'float8e5m2': return toSmallFloats(float32(data), dtype)
    case 'bfloat16': return toBfloat16(float32(data))
    default: return (VIEWS[dtype] as unknown as { from(data: readonly number[]): TypedArray }).from(data as readonly number[])
  }
}

/** What 64 bits can hold; anything else they would hold as another number. */
function within(dtype: DataType, value: bigint, wrapped: (bits: number, value: bigint) => bigint): bigint {
  if (wrapped(64, value) !== value) throw new RangeError(`${value} is outside the numbers of ${dtype}`)
  return value
}
