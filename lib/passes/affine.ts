import { sizeOf, Tensor } from '../graph/tensor.ts'
import { bitsOf, MAGNITUDE } from './bits.ts'
import { roundHalfToEven } from './rounding.ts'

/** 8-bit integers that stand for real numbers: q = round(x / scale) + zeroPoint, and back x ≈ scale·(q − zeroPoint). */
export interface Affine {
  readonly dtype: 'uint8' | 'int8'
  readonly scale: number
  readonly zeroPoint: number
}

/** Which integers stand for real numbers. */
export interface Levels {
  readonly dtype: Affine['dtype']
  /** Whether 0 is the middle level and x and −x are equally far from it; otherwise the levels cover the range from end to end, and 0 is any of them. */
  readonly symmetric: boolean
  /** Half of the levels only: two products of such weights and of 8 bits fit in the 16 bits in which x86 processors without VNNI add them (false). */
  readonly reduced?: boolean
}

/** Weights as they are stored unless something else is asked for. */
export const SIGNED: Levels = { dtype: 'int8', symmetric: true }

export const bounds = (dtype: Affine['dtype']) => (dtype === 'uint8' ? [0, 255] : [-128, 127]) as [number, number]

/** The first and the last level that are used. */
function ends({ dtype, symmetric, reduced = false }: Levels): readonly [least: number, most: number] {
  const middle = dtype === 'uint8' ? 128 : 0
  const half = reduced ? 64 : 128
  return [middle - half + (symmetric ? 1 : 0), middle + half - 1]
}

/** The affine map of the numbers from `low` to `high`, 0 among them, to the levels: 0 is met exactly, others within half a scale. No scale is below `atLeast`. */
export function affineOf(low: number, high: number, levels: Levels, atLeast = 0): Affine {
  const [least, most] = ends(levels)
  const [from, to] = levels.symmetric ? [-Math.max(-low, high), Math.max(-low, high)] : [Math.min(low, 0), Math.max(high, 0)]
  const scale = Math.fround(Math.max((to - from) / (most - least), atLeast)) || 1
  return { dtype: levels.dtype, scale, zeroPoint: levels.symmetric ? (least + most) / 2 : clamped(least + roundHalfToEven(-from / scale), [least, most]) }
}

/** As QuantizeLinear does it: numbers beyond the range become its ends. https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html */
export function quantizedNumber(x: number, { dtype, scale, zeroPoint }: Affine): number {
  return clamped(roundHalfToEven(x / scale) + zeroPoint, bounds(dtype))
}

export function dequantizedNumber(q: number, { scale, zeroPoint }: Affine): number {
  return scale * (q - zeroPoint)
}

/** A weight in 8 bits, with a scale and a zero point for each entry of one axis, or one for all. */
export interface QuantizedWeight {
  readonly values: Tensor
  readonly scales: Float32Array
  readonly zeroPoints: Tensor
}

/**
 * Stores a weight in 8 bits (symmetrically in int8), by channel, which is an entry of `axis`, or with one scale for all (null). `atLeast` gives a smallest scale for a
 * channel. @throws RangeError where an element is not finite.
 */
export function quantizedWeight(weight: Tensor, axis: number | null, levels: Levels = SIGNED, atLeast: (channel: number) => number = () => 0): QuantizedWeight {
  const elements = weight.toFloat32()
  const [rows, by] = axis === null ? [weight.reshape([1, weight.size]), 0] : [weight, axis]
  const maps = (levels.symmetric ? Array.from(magnitudesOf(rows, by), (m) => [-m, m] as const) : extremesOf(rows, by)).map(([low, high], c) => {
    const endless = [high, low].find((x) => !Number.isFinite(x))
    if (endless !== undefined) throw new RangeError(`a weight of its channel ${c} is ${endless}`)
    return affineOf(low, high, levels, atLeast(c))
  })
  const [least, most] = ends(levels)
  // of either type: an int8 below 0 is a byte from 128 on
  const bytes = new Uint8Array(elements.length)
  eachRow(rows.shape, by, (c, from, to) => {
    const { scale, zeroPoint } = maps[c]
    const [low, high] = [least - zeroPoint, most - zeroPoint]
    for (let i = from; i < to; i++) {
      const integer = roundHalfToEven(elements[i] / scale) | 0
      bytes[i] = zeroPoint + Math.min(high, Math.max(low, integer))
    }
  })
  return {
    values: Tensor.raw(levels.dtype, weight.shape, bytes),
    scales: Float32Array.from(maps, ({ scale }) => scale),
    zeroPoints: Tensor.of(levels.dtype, [maps.length], maps.map(({ zeroPoint }) => zeroPoint)),
  }
}

/** The smallest and the largest number of each entry of an axis, 0 among them: NaN where there is one. */
function extremesOf(weight: Tensor, axis: number): readonly (readonly [low: number, high: number])[] {
  const elements = weight.toFloat32()
  const extremes = Array.from({ length: weight.shape[axis] }, () => [0, 0] as [number, number])
  eachRow(weight.shape, axis, (c, from, to) => {
    let [low, high] = extremes[c]
    for (let i = from; i < to; i++) {
      const x = elements[i]
      if (x > high) high = x
      else if (x < low) low = x
      else if (Number.isNaN(x)) low = high = x
    }
    extremes[c] = [low, high]
  })
  return extremes
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
