import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Picture } from '../../../lib/data/picture.ts'
import { mixup, normalize, randomCrop, randomErase, randomFlip, resize, toColour, toFloat, transformed, type PictureTransform } from '../../../lib/data/transforms.ts'
import { random } from '../../../lib/random.ts'

/** Two channels of 3 x 4 pixels: 1 to 12 and 101 to 112. */
const picture: Picture = { channels: 2, height: 3, width: 4, pixels: Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112]) }

const apply = (transforms: readonly PictureTransform[], seed = 0, of: Picture = picture) => transformed(of, transforms, random(seed))

/** All that a random transform makes of the picture. */
const outcomes = (transform: PictureTransform): Picture[] => Array.from({ length: 200 }, (_, seed) => apply([transform], seed))

test('pixels become numbers from 0 to 1, or as many standard deviations from the mean', () => {
  assert.deepEqual(apply([toFloat()]).pixels, Float32Array.from(picture.pixels, (x) => x / 255))
  const means = [0.1, 0.4]
  const direct = apply([normalize({ mean: means, std: [0.2, 0.5] })]).pixels
  picture.pixels.forEach((x, i) => assert.ok(Math.abs(direct[i] - (x / 255 - means[i < 12 ? 0 : 1]) / (i < 12 ? 0.2 : 0.5)) < 1e-6))
  apply([toFloat(), normalize({ mean: means, std: [0.2, 0.5] })]).pixels.forEach((x, i) => assert.ok(Math.abs(x - direct[i]) < 1e-6))
})

test('grey pictures get three equal channels, coloured ones are refused', () => {
  const grey: Picture = { channels: 1, height: 1, width: 2, pixels: Uint8Array.of(3, 9) }
  assert.deepEqual(apply([toColour()], 0, grey), { channels: 3, height: 1, width: 2, pixels: Uint8Array.of(3, 9, 3, 9, 3, 9) })
  assert.throws(() => apply([toColour()]), /toColour takes grey pictures, and this one has 2 channels/)
})

test('a flip mirrors every row of every channel, half of the time', () => {
  const mirrored = [4, 3, 2, 1, 8, 7, 6, 5, 12, 11, 10, 9]
  assert.deepEqual([...apply([randomFlip({ p: 1 })]).pixels], [...mirrored, ...mirrored.map((x) => x + 100)])
  assert.equal(apply([randomFlip({ p: 0 })]).pixels, picture.pixels)
  const flipped = outcomes(randomFlip()).filter(({ pixels }) => pixels[0] === 4).length
  assert.ok(flipped > 70 && flipped < 130, `${flipped} of 200`)
  assert.equal(picture.pixels[0], 1, 'the picture itself stays')
})

test('a crop is a window of the picture with its border, at every place alike', () => {
  const windows = outcomes(randomCrop({ padding: 1 }))
  const bordered = (c: number, y: number, x: number) => (y >= 0 && y < 3 && x >= 0 && x < 4 ? picture.pixels[(c * 3 + y) * 4 + x] : 0)
  const places = windows.map(({ channels, height, width, pixels }) => {
    assert.deepEqual([channels, height, width], [2, 3, 4])
    return [-1, 0, 1].flatMap((top) => [-1, 0, 1].map((left) => [top, left])).findIndex(([top, left]) =>
      pixels.every((value, i) => value === bordered(Math.floor(i / 12), top + (Math.floor(i / 4) % 3), left + (i % 4))))
  })
  assert.deepEqual([...new Set(places)].sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8])
  assert.deepEqual(new Set(outcomes(randomCrop({ height: 2, width: 2 })).map(({ pixels }) => pixels[0])), new Set([1, 2, 3, 5, 6, 7]))
  assert.throws(() => apply([randomCrop({ height: 9, width: 4 })]), /randomCrop to 9 x 4 is larger than the picture, 3 x 4/)
})

test('erasing makes one rectangle 0 in all channels', () => {
  const all = outcomes(randomErase({ p: 1, scale: [0.2, 0.4] }))
  for (const { pixels } of all) {
    const holes = [...pixels.keys()].filter((i) => pixels[i] === 0)
    assert.ok(holes.length > 0 && holes.length < 24)
    assert.deepEqual(holes.filter((i) => i < 12).map((i) => i + 12), holes.filter((i) => i >= 12), 'the same in both channels')
    const rows = new Set(holes.map((i) => Math.floor((i % 12) / 4)))
    const columns = new Set(holes.map((i) => i % 4))
    assert.equal(holes.length, 2 * rows.size * columns.size)
  }
  assert.ok(new Set(all.map(({ pixels }) => pixels.join())).size > 5)
})

test('a resize keeps what is even, lies between neighbours where it grows, and averages where it shrinks', () => {
  const line = (...pixels: number[]): Picture => ({ channels: 1, height: 1, width: pixels.length, pixels: Uint8Array.from(pixels) })
  const turned = ({ width, pixels }: Picture): Picture => ({ channels: 1, height: width, width: 1, pixels })
  assert.ok(apply([resize({ height: 11, width: 3 })], 0, { ...line(...Array<number>(35).fill(77)), height: 5, width: 7 }).pixels.every((x) => x === 77))
  const grown = [0, 25, 75, 125, 175, 160, 80, 40]
  assert.deepEqual([...apply([resize({ height: 1, width: 8 })], 0, line(0, 100, 200, 40)).pixels], grown)
  assert.deepEqual([...apply([resize({ height: 8, width: 1 })], 0, turned(line(0, 100, 200, 40))).pixels], grown)
  const shrunk = [(100 * 3 + 200) / 7, (100 + 200 * 3 + 40 * 3) / 7]
  assert.deepEqual([...apply([resize({ height: 1, width: 2 })], 0, line(0, 100, 200, 40)).pixels], shrunk.map(Math.round))
})

test('what cannot be is refused when it is written down', () => {
  assert.throws(() => normalize({ mean: 0, std: [1, 0] }), /a standard deviation is above 0, not 1,0/)
  assert.throws(() => randomFlip({ p: 2 }), /randomFlip: p is a number from 0 to 1, not 2/)
  assert.throws(() => randomErase({ scale: [0.4, 2] }), /scale is the smallest and the largest share/)
  assert.throws(() => apply([((picture: Picture) => picture) as unknown as PictureTransform]), /a transform is one of hone's, such as data\.randomFlip\(\), not a function/)
  assert.throws(() => randomCrop({ padding: 0.5 }), /whole numbers of pixels/)
  assert.throws(() => resize({ height: 0, width: 4 }), /whole numbers from 1 on, not 0 x 4/)
  assert.throws(() => mixup({ alpha: 0 }), /alpha is above 0 and at most 1/)
  assert.throws(() => apply([normalize({ mean: [0, 0, 0], std: 1 })]), /3 means and 1 standard deviations for 2 channels/)
})
