/**
 * Floating-point numbers of 16 and 8 bits: https://onnx.ai/onnx/technical/float8.html, IEEE 754 for float16. Whole arrays are converted by the bits of float32,
 * without a JavaScript number for each element.
 */
interface Format {
  readonly bits: 8 | 16
  readonly mantissa: number
  readonly bias: number
  /** The largest finite number's code. */
  readonly largest: number
  /** What a number beyond it becomes: infinity, or, saturated, the largest itself. */
  readonly overflow: number
  readonly nan: number
}

/** Casting to 8 bits saturates, infinities included, as Cast does unless told otherwise. */
const FORMATS = {
  float16: { bits: 16, mantissa: 10, bias: 15, largest: 0x7bff, overflow: 0x7c00, nan: 0x7e00 },
  float8e4m3fn: { bits: 8, mantissa: 3, bias: 7, largest: 0x7e, overflow: 0x7e, nan: 0x7f },
  float8e5m2: { bits: 8, mantissa: 2, bias: 15, largest: 0x7b, overflow: 0x7b, nan: 0x7f },
} as const satisfies Record<string, Format>

export type SmallFloat = keyof typeof FORMATS

export const isSmallFloat = (dtype: string): dtype is SmallFloat => Object.hasOwn(FORMATS, dtype)

/** The largest finite number of a type. */
export const largestOf = (dtype: SmallFloat): number => numbersOf(dtype)[FORMATS[dtype].largest]!

const known = new Map<SmallFloat, Float32Array>()

/** The number that each code stands for. */
function numbersOf(dtype: SmallFloat): Float32Array {
  const table = known.get(dtype) ?? Float32Array.from({ length: 2 ** FORMATS[dtype].bits }, (_, code) => numberOf(code, FORMATS[dtype]))
  known.set(dtype, table)
  return table
}

function numberOf(code: number, { bits, mantissa, bias, largest, overflow }: Format): number {
  const sign = code >> (bits - 1) ? -1 : 1
  const magnitude = code & (2 ** (bits - 1) - 1)
  if (magnitude > largest) return magnitude === overflow || (magnitude & (2 ** mantissa - 1)) === 0 ? sign * Infinity : NaN
  const [exponent, fraction] = [magnitude >> mantissa, (magnitude & (2 ** mantissa - 1)) / 2 ** mantissa]
  return sign * (exponent ? 2 ** (exponent - bias) * (1 + fraction) : 2 ** (1 - bias) * fraction)
}

/** Numbers of codes. */
export function fromSmallFloats(codes: ArrayLike<number>, dtype: SmallFloat): Float32Array {
  const numbers = numbersOf(dtype)
  const found = new Float32Array(codes.length)
  for (let i = 0; i < codes.length; i++) found[i] = numbers[codes[i]!]!
  return found
}

/** Codes of float32 numbers, rounded to the nearest, ties to the even code. */
export function toSmallFloats(numbers: Float32Array, dtype: SmallFloat): Uint8Array | Uint16Array {
  const { bits, mantissa, bias, largest, overflow, nan } = FORMATS[dtype]
  const codes = bits === 16 ? new Uint16Array(numbers.length) : new Uint8Array(numbers.length)
  const words = new Int32Array(numbers.buffer, numbers.byteOffset, numbers.length)
  const shift = 23 - mantissa
  const smallestNormal = (127 - bias + 1) << 23
  const half = (1 << (shift - 1)) - 1
  const rebias = (127 - bias) << mantissa
  // added to a number below the normal ones, it leaves the code in the sum's last bits, rounded by the addition
  const [magic] = new Float32Array(Uint32Array.of((127 - bias + shift + 1) << 23).buffer)
  const sum = new Float32Array(1)
  const sumWord = new Int32Array(sum.buffer)
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!
    const magnitude = word & 0x7fffffff
    let code
    if (magnitude < smallestNormal) {
      sum[0] = Math.abs(numbers[i]!) + magic!
      code = sumWord[0]! - ((127 - bias + shift + 1) << 23)
    } else {
      code = ((magnitude + half + ((magnitude >> shift) & 1)) >>> shift) - rebias
      if (code > largest) code = magnitude > 0x7f800000 ? nan : overflow
    }
    codes[i] = code | ((word >>> 31) << (bits - 1))
  }
  return codes
}

/** The upper halves of float32 numbers, rounded to the nearest, ties to even. */
export function toBfloat16(numbers: Float32Array): Uint16Array {
  const words = new Int32Array(numbers.buffer, numbers.byteOffset, numbers.length)
  const codes = new Uint16Array(words.length)
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!
    codes[i] = (word & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16
  }
  return codes
}

export function fromBfloat16(codes: ArrayLike<number>): Float32Array {
  const words = new Uint32Array(codes.length)
  for (let i = 0; i < codes.length; i++) words[i] = codes[i]! << 16
  return new Float32Array(words.buffer)
}
