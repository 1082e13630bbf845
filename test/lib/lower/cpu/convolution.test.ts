import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Graph } from '../../../../lib/graph/graph.ts'
import { HONE } from '../../../../lib/graph/operator.ts'
import { compareLowered, graphOf, typesOf } from './both.ts'

interface Sizes {
  readonly x: readonly [number, number, number, number]
  readonly filters: number
  readonly kernel: readonly [number, number]
  readonly strides?: readonly [number, number]
  readonly pads?: readonly number[]
  readonly group?: number
}

const window = ({ kernel, strides = [1, 1], pads = [0, 0, 0, 0], group = 1 }: Sizes) => ({ kernel_shape: kernel, strides, pads, group })
const outputOf = ({ x, filters, kernel, strides = [1, 1], pads = [0, 0, 0, 0] }: Sizes) =>
  [x[0], filters, ...[0, 1].map((i) => Math.floor((x[i + 2]! + pads[i]! + pads[i + 2]! - kernel[i]!) / strides[i]!) + 1)]
const filterOf = ({ x, filters, kernel, group = 1 }: Sizes) => [filters, x[1] / group, ...kernel]

const forward = (sizes: Sizes): Graph => graphOf({ x: sizes.x, w: filterOf(sizes), b: [sizes.filters] }, (g, x, w, b) => [g.op('Conv', [x, w, b], window(sizes))])
const gradInput = (sizes: Sizes): Graph => graphOf({ dy: outputOf(sizes), w: filterOf(sizes) }, (g, dy, w) => [g.op('ConvGradInput', [dy, w], { ...window(sizes), spatial: sizes.x.slice(2) }, { domain: HONE })])
const gradWeight = (sizes: Sizes): Graph => graphOf({ x: sizes.x, dy: outputOf(sizes) }, (g, x, dy) => [g.op('ConvGradWeight', [x, dy], window(sizes), { domain: HONE })])

const [three, padded] = [[3, 3], [1, 1, 1, 1]] as const
const transformed: Readonly<Record<string, Sizes>> = {
  '3x3 on 16x16': { x: [2, 16, 16, 16], filters: 8, kernel: three, pads: padded },
  '3x3 on 8x8': { x: [2, 16, 8, 8], filters: 5, kernel: three, pads: padded },
  '3x3 on 4x4': { x: [3, 16, 4, 4], filters: 8, kernel: three, pads: padded },
  '3x3 on 2x2': { x: [2, 16, 2, 2], filters: 8, kernel: three, pads: padded },
  '3x3 on a single pixel': { x: [2, 16, 1, 1], filters: 8, kernel: three, pads: padded },
  '3x3 on sizes that tiles do not fill': { x: [2, 17, 14, 7], filters: 3, kernel: three, pads: padded },
  '3x3 on a narrow image': { x: [2, 16, 3, 18], filters: 8, kernel: three, pads: padded },
  '3x3 without padding': { x: [2, 16, 10, 6], filters: 8, kernel: three },
  '3x3, stride 2': { x: [2, 16, 16, 8], filters: 8, kernel: three, strides: [2, 2], pads: padded },
  '3x3, stride 2, odd sizes': { x: [2, 16, 7, 5], filters: 8, kernel: three, strides: [2, 2], pads: padded },
  '3x3, stride 2, padding after the last only': { x: [2, 16, 8, 8], filters: 8, kernel: three, strides: [2, 2], pads: [0, 0, 1, 1] },
  '3x3, stride 2 along one axis': { x: [2, 16, 8, 8], filters: 8, kernel: three, strides: [1, 2], pads: padded },
  '1x1': { x: [2, 16, 5, 6], filters: 8, kernel: [1, 1] },
  '1x1, stride 2': { x: [2, 16, 8, 7], filters: 8, kernel: [1, 1], strides: [2, 2] },
  '3x1': { x: [2, 16, 8, 6], filters: 8, kernel: [3, 1], pads: [1, 0, 1, 0] },
}

const EXACT_ENOUGH = 5e-6
const untouched = ['Conv', 'ConvTranspose', 'ConvGradInput', 'ConvGradWeight']

for (const [name, sizes] of Object.entries(transformed))
  for (const [direction, build] of Object.entries({ forward, gradInput, gradWeight }))
    test(`a convolution of ${name} by fewer multiplications: ${direction}`, async () => {
      const { lowered, distance } = await compareLowered(build(sizes))
      assert.ok(untouched.every((type) => !typesOf(lowered).has(type)))
      assert.ok(distance < EXACT_ENOUGH, `${distance}`)
    })

const fewChannels: Readonly<Record<string, Sizes>> = {
  '3x3 on color images': { x: [2, 3, 8, 8], filters: 8, kernel: three, pads: padded },
  '3x3 on gray images': { x: [2, 1, 7, 9], filters: 4, kernel: three, pads: padded },
  '5x5, stride 2': { x: [2, 3, 9, 12], filters: 4, kernel: [5, 5], strides: [2, 2], pads: [2, 1, 2, 1] },
  '7x7, stride 2, padding 3': { x: [2, 3, 16, 16], filters: 4, kernel: [7, 7], strides: [2, 2], pads: [3, 3, 3, 3] },
  '2x2 that leaves a last row out': { x: [2, 3, 5, 5], filters: 4, kernel: [2, 2], strides: [2, 2] },
}

for (const [name, sizes] of Object.entries(fewChannels))
  for (const [direction, build] of Object.entries({ forward, gradWeight }))
    test(`a convolution of ${name} over columns: ${direction}`, async () => {
      const { lowered, distance } = await compareLowered(build(sizes))
      assert.ok(untouched.every((type) => !typesOf(lowered).has(type)))
      assert.ok(distance < EXACT_ENOUGH, `${distance}`)
    })

test('the gradient of few input channels is computed by fewer multiplications too', async () => {
  const { lowered, distance } = await compareLowered(gradInput(fewChannels['3x3 on color images']!))
  assert.ok(!typesOf(lowered).has('ConvGradInput'))
  assert.ok(distance < EXACT_ENOUGH, `${distance}`)
})

const left: Readonly<Record<string, Sizes>> = {
  'groups': { x: [2, 16, 8, 8], filters: 16, kernel: three, pads: padded, group: 4 },
  'depthwise': { x: [2, 16, 8, 8], filters: 16, kernel: three, pads: padded, group: 16 },
  '5x5 of many channels': { x: [2, 16, 8, 8], filters: 4, kernel: [5, 5], pads: [2, 2, 2, 2] },
}

for (const [name, sizes] of Object.entries(left))
  test(`a convolution with ${name} is left to the runtime`, async () => {
    const { lowered, distance } = await compareLowered(forward(sizes))
    assert.ok(typesOf(lowered).has('Conv'))
    assert.equal(distance, 0)
  })

test('a convolution with stride 3 is lowered, too', async () => {
  const { lowered, distance } = await compareLowered(forward({ x: [2, 16, 9, 9], filters: 4, kernel: three, strides: [3, 3] }))
  assert.ok(!typesOf(lowered).has('Conv') && distance < EXACT_ENOUGH, `${distance}`)
})

test('direct numerics, or a choice for its sizes, leave a convolution to the runtime', async () => {
  const sizes = transformed['3x3 on 8x8']!
  const direct = await compareLowered(forward(sizes), { numerics: 'direct' })
  assert.deepEqual([direct.distance, [...typesOf(direct.lowered)]], [0, ['Conv']])
  const chosen = await compareLowered(forward(sizes), { choices: { '2x16x8x8 5x3x3 stride 1 padding 1': 'direct' } })
  assert.deepEqual([chosen.distance, [...typesOf(chosen.lowered)]], [0, ['Conv']])
})
