import { sizeOf, Tensor } from '../graph/tensor.ts'
import { bitsOf, MAGNITUDE } from './bits.ts'
import { roundHalfToEven } from './rounding.ts'

/** 8-bit integers that stand for real numbers: q = round(x / scale) + zeroPoint, and back x ≈ scale·(q − zeroPoint). */
export interface Affine {
  readonly dtype: 'uint8' | 'int8'
  readonly scale: number
  readonly zeroPoint: number
}

const bounds = (dtype: Affine['dtype']) => (dtype === 'uint8' ? [0, 255] : [-128, 127]) as [number, number]

/** The affine map of the numbers from `low` to `high`, 0 among them, to all of an integer type: 0 is met exactly, others within half a scale. */
export function affineOf(low: number, high: number, dtype: Affine['dtype']): Affine {
  const [least] = bounds(dtype)
  const [from, to] = [Math.min(low, 0), Math.max(high, 0)]
  const scale = Math.fround((to - from) / 255) || 1
  return { dtype, scale, zeroPoint: clamped(least + roundHalfToEven(-from / scale), bounds(dtype)) }
}

/** As QuantizeLinear does it: numbers beyond the range become its ends. https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html */
export function quantizedNumber(x: number, { dtype, scale, zeroPoint }: Affine): number {
  return clamped(roundHalfToEven(x / scale) + zeroPoint, bounds(dtype))
}

export function dequantizedNumber(q: number, { scale, zeroPoint }: Affine): number {
  return scale * (q - zeroPoint)
}

/** A weight in int8 with a scale for each entry of one axis, zero points 0. */
export interface QuantizedWeight {
  readonly values: Tensor
  readonly scales: Float32Array
}

/**
 * Stores a weight in int8, symmetrically (−127 to 127) and by channel, which is an entry of `axis`. `atLeast` gives a smallest scale for a channel.
 * @throws RangeError where an element is not finite.
 */
export function quantizedWeight(weight: Tensor, axis: number, atLeast: (channel: number) => number = () => 0): QuantizedWeight {
  const elements = weight.toFloat32()
  const largest = magnitudesOf(weight, axis)
  largest.forEach((m, c) => {
    if (!Number.isFinite(m)) throw new RangeError(`a weight of its channel ${c} is ${m}`)
  })
  const scales = largest.map((m, c) => Math.fround(Math.max(m / 127, atLeast(c))) || 1)
  const values = new Int8Array(elements.length)
  eachRow(weight.shape, axis, (c, from, to) => {
    const scale = scales[c]
    for (let i = from; i < to; i++) {
      const integer = roundHalfToEven(elements[i] / scale) | 0
      values[i] = Math.min(127, Math.max(-127, integer))
    }
  })
  return { values: Tensor.of('int8', weight.shape, values), scales }
}

/** The largest magnitude of each entry of an axis: NaN where it holds one. */
export function magnitudesOf(weight: Tensor, axis: number): Float32Array {
  return magnitudes(weight.toFloat32(), weight.shape[axis], sizeOf(weight.shape.slice(axis + 1)))
}

/** NaN where there is one among them. */
export function largestMagnitude(numbers: Float32Array): number {
  return magnitudes(numbers, 1, numbers.length)[0]
}

/** The largest magnitude of each of `entries`, to which stretches of `inner` numbers belong in turn. */
function magnitudes(numbers: Float32Array, entries: number, inner: number): Float32Array {
  const words = bitsOf(numbers)
  const largest = new Float32Array(entries)
  const largestBits = bitsOf(largest)
  for (let at = 0; at < words.length; )
    for (let entry = 0; entry < entries; entry++) {
      let most = largestBits[entry]
      for (const end = at + inner; at < end; at++) most = Math.max(most, words[at] & MAGNITUDE)
      largestBits[entry] = most
    }
  return largest
}

/** Stretches of a tensor that belong to one entry of an axis each, in the order in which they are stored. */
export function eachRow(shape: readonly number[], axis: number, see: (entry: number, from: number, to: number) => void): void {
  const inner = sizeOf(shape.slice(axis + 1))
  const [extent, end] = [shape[axis], sizeOf(shape)]
  for (let from = 0, entry = 0; from < end; from += inner, entry = (entry + 1) % extent) see(entry, from, from + inner)
}

function clamped(q: number, [least, most]: readonly [number, number]): number {
  return Math.min(most, Math.max(least, q))
}
