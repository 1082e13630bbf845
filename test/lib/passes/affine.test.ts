import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { affineOf, dequantizedNumber, largestMagnitude, magnitudesOf, quantizedNumber, quantizedWeight, SIGNED, type Levels } from '../../../lib/passes/affine.ts'
import { roundHalfToEven } from '../../../lib/passes/rounding.ts'

const bounded = fc.float({ min: -1e6, max: 1e6, noNaN: true }).filter((x) => x === 0 || Math.abs(x) > 1e-20)
const slack = 1 + 1e-5

const UNSIGNED: Levels = { dtype: 'uint8', symmetric: false }
const LEVELS: readonly Levels[] = [UNSIGNED, { dtype: 'int8', symmetric: false }, { dtype: 'uint8', symmetric: true }, SIGNED, { ...SIGNED, reduced: true }]

for (const levels of LEVELS)
  test(`a number of the range comes back from ${levels.dtype}${levels.symmetric ? ', symmetric' : ''}${levels.reduced ? ', 7 bits of it' : ''} within half a scale, and 0 comes back as 0`, () => {
    fc.assert(fc.property(bounded, bounded, fc.double({ min: 0, max: 1, noNaN: true }), (a, b, share) => {
      const [low, high] = [Math.min(a, b, 0), Math.max(a, b, 0)]
      const map = affineOf(low, high, levels)
      const x = low + share * (high - low)
      const q = quantizedNumber(x, map)
      const [least, most] = levels.reduced ? [-63, 63] : levels.dtype === 'uint8' ? [0, 255] : [-128, 127]
      assert.ok(Number.isInteger(q) && q >= least! && q <= most!)
      assert.ok(Math.abs(dequantizedNumber(q, map) - x) <= (map.scale / 2) * slack, `${x} came back as ${dequantizedNumber(q, map)}, scale ${map.scale}`)
      assert.equal(dequantizedNumber(quantizedNumber(0, map), map), 0)
    }))
  })

test('numbers beyond the range become its ends; a range without extent still has a scale', () => {
  const map = affineOf(-1, 3, UNSIGNED)
  assert.deepEqual([-9, 9].map((x) => quantizedNumber(x, map)), [0, 255])
  assert.deepEqual(affineOf(0, 0, UNSIGNED), { dtype: 'uint8', scale: 1, zeroPoint: 0 })
})

test('symmetric levels have 0 in their middle', () => {
  fc.assert(fc.property(bounded, bounded, fc.constantFrom(...LEVELS.filter(({ symmetric }) => symmetric)), (a, b, levels) => {
    assert.equal(affineOf(Math.min(a, b), Math.max(a, b), levels).zeroPoint, levels.dtype === 'uint8' ? 128 : 0)
  }))
})

test('a weight comes back from 8 bits within half the scale of its channel, whichever axis counts the channels', () => {
  fc.assert(fc.property(fc.array(bounded, { minLength: 24, maxLength: 24 }), fc.constantFrom(0, 1, 2, null), fc.constantFrom(...LEVELS), (numbers, axis, levels) => {
    const shape = [2, 3, 4]
    const weight = Tensor.float32(shape, numbers)
    const { values, scales, zeroPoints } = quantizedWeight(weight, axis, levels)
    assert.equal(scales.length, axis === null ? 1 : shape[axis])
    const strides = [12, 4, 1]
    values.toNumbers().forEach((q, i) => {
      const channel = axis === null ? 0 : Math.floor(i / strides[axis]!) % shape[axis]!
      const back = dequantizedNumber(q, { dtype: levels.dtype, scale: scales[channel]!, zeroPoint: zeroPoints.toNumbers()[channel]! })
      assert.ok(Math.abs(back - weight.toNumbers()[i]!) <= (scales[channel]! / 2) * slack)
    })
  }))
})

test('the smallest numbers that a weight can hold stay within int8', () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: -400, max: 400 }), { minLength: 1, maxLength: 8 }), (numbers) => {
    const least = 2 ** -149
    const { values, scales } = quantizedWeight(Tensor.float32([1, numbers.length], numbers.map((x) => x * least)), 0)
    values.toNumbers().forEach((q, i) => assert.equal(q, Math.min(127, Math.max(-127, roundHalfToEven((numbers[i]! * least) / scales[0]!))) + 0))
  }))
})

test('the largest magnitude is that of the entry, whichever axis, and NaN where there is one', () => {
  const number = fc.oneof(fc.float({ noNaN: true }), fc.constantFrom(0, -0, -Infinity, NaN))
  fc.assert(fc.property(fc.array(number, { minLength: 24, maxLength: 24 }), fc.constantFrom(0, 1, 2), (numbers, axis) => {
    const stride = [12, 4, 1][axis]!
    const extent = [2, 3, 4][axis]!
    const expected = Array.from({ length: extent }, (_, entry) => Math.max(...numbers.filter((__, i) => Math.floor(i / stride) % extent === entry).map(Math.abs)))
    assert.deepEqual([...magnitudesOf(Tensor.float32([2, 3, 4], numbers), axis)], expected)
    assert.equal(largestMagnitude(Float32Array.from([9, ...numbers]).subarray(1)), Math.max(...numbers.map(Math.abs)))
  }))
  assert.equal(largestMagnitude(new Float32Array(0)), 0)
})

test('a weight that is not finite is told', () => {
  assert.throws(() => quantizedWeight(Tensor.float32([2, 1], [1, NaN]), 0), /a weight of its channel 1 is NaN/)
})
