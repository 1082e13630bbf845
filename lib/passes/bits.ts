/** The bits of a float32 but for its sign: they are ordered as magnitudes are, and a NaN lies beyond infinity. */
export const MAGNITUDE = 0x7fffffff

/** The same memory, seen as the bits of each number. */
export const bitsOf = ({ buffer, byteOffset, length }: Float32Array): Int32Array => new Int32Array(buffer, byteOffset, length)
