import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { Graph } from '../../../lib/graph/graph.ts'
import { sizeOf, Tensor } from '../../../lib/graph/tensor.ts'
import { pruneBlocks, pruneL1, pruneNofM, pruneRandom, type Pass } from '../../../lib/passes/index.ts'
import { roundHalfToEven } from '../../../lib/passes/rounding.ts'
import { zeroSmallest } from '../../../lib/passes/zeroing.ts'
import { Net } from './networks.ts'

/** A weight's element: which output reads which input channel at which position. */
interface Place {
  readonly o: number
  readonly k: number
  readonly c: number
}

/** Layers of 6 outputs that read 8 channels, with what each element of their weights stands for. */
const LAYERS = {
  'a convolution': { shape: [6, 8, 3, 1], place: (i: number): Place => ({ o: Math.floor(i / 24), k: i % 3, c: Math.floor(i / 3) % 8 }) },
  'a pointwise convolution': { shape: [6, 8, 1, 1], place: (i: number): Place => ({ o: Math.floor(i / 8), k: 0, c: i % 8 }) },
  'a transposed convolution': { shape: [8, 6, 1, 2], place: (i: number): Place => ({ o: Math.floor(i / 2) % 6, k: i % 2, c: Math.floor(i / 12) }) },
  'a linear layer': { shape: [6, 8], place: (i: number): Place => ({ o: Math.floor(i / 8), k: 0, c: i % 8 }) },
  'a product': { shape: [8, 6], place: (i: number): Place => ({ o: i % 6, k: 0, c: Math.floor(i / 6) }) },
} as const
type Kind = keyof typeof LAYERS

interface Weight {
  readonly kind: Kind
  readonly tensor: Tensor
}

const DTYPES = ['float32', 'float16', 'bfloat16', 'float64'] as const
type Dtype = (typeof DTYPES)[number]

/** Networks of one layer for each weight, all with the same input. */
function network(weights: readonly Weight[]): Graph {
  const net = new Net()
  const image = net.input([1, 8, 4, 4])
  const row = net.input([1, 8], 'row')
  weights.forEach(({ kind, tensor }, i) => {
    const weight = net.graph.parameter(`w${i}`, tensor)
    const x = net.builder.cast(tensor.shape.length === 4 ? image : row, tensor.dtype)
    const layer = {
      'a convolution': () => net.builder.op('Conv', [x, weight]),
      'a pointwise convolution': () => net.builder.op('Conv', [x, weight]),
      'a transposed convolution': () => net.builder.op('ConvTranspose', [x, weight]),
      'a linear layer': () => net.builder.op('Gemm', [x, weight], { transB: 1 }),
      'a product': () => net.builder.matmul(x, weight),
    }[kind]()
    net.output(layer, `y${i}`)
  })
  return net.graph
}

const awkward = fc.oneof(fc.float({ noNaN: true }), fc.constantFrom(0, -0, 1, -1, 0.5, -0.5, NaN, Infinity, 1e-40, 1e-60))
/** A layer and its weight; a part of a larger array, as weights of a file are. */
const weightOf = fc.record({ kind: fc.constantFrom(...(Object.keys(LAYERS) as Kind[])), dtype: fc.constantFrom<Dtype>('float32', ...DTYPES), offset: fc.nat(3), seed: fc.infiniteStream(awkward) })
  .map(({ kind, dtype, offset, seed }) => {
    const { shape } = LAYERS[kind]
    const tensor = Tensor.of(dtype, shape, Array.from({ length: sizeOf(shape) }, () => seed.next().value as number))
    const bytes = new Uint8Array(tensor.bytes.length + 8 * offset)
    bytes.set(tensor.bytes, 8 * offset)
    return { kind, tensor: Tensor.raw(dtype, shape, bytes.subarray(8 * offset)) }
  })

const magnitude = (w: number): number => (Number.isNaN(w) ? Infinity : Math.min(Math.abs(w), Number.MAX_VALUE))
/** Places of the `count` smallest; of equal ones the first. */
const smallest = (numbers: readonly number[], count: number): number[] => numbers.map((w, i) => ({ w, i })).toSorted((a, b) => magnitude(a.w) - magnitude(b.w) || a.i - b.i).slice(0, count).map(({ i }) => i)

/** The places of elements with the same key, in the order of the keys; in each group in the order in which outputs read them. */
function grouped({ kind, tensor }: Weight, key: (place: Place) => number): number[][] {
  const places = Array.from({ length: tensor.size }, (_, i) => ({ i, ...LAYERS[kind].place(i) })).toSorted((a, b) => a.o - b.o || a.k - b.k || a.c - b.c)
  const groups = new Map<number, number[]>()
  for (const place of places) groups.set(key(place), [...(groups.get(key(place)) ?? []), place.i])
  return [...groups].toSorted(([a], [b]) => a - b).map(([, group]) => group)
}

/** After the pass those elements of each weight are zero that should be, and all others as they were, to the bit; so is a weight of which nothing would be left. */
async function check(pass: Pass, weights: readonly Weight[], gone: readonly (readonly number[])[]): Promise<void> {
  const { graph, changes } = await pass.apply(network(weights))
  const texts: string[] = []
  weights.forEach(({ tensor }, w) => {
    const found = graph.initializers.find(({ name }) => name === `w${w}`)!.initializer!
    const expected = tensor.data.slice()
    for (const i of gone[w]!) expected[i] = 0
    const pruned = Tensor.of(tensor.dtype, tensor.shape, expected)
    const isEmpty = gone[w]!.length > 0 && pruned.toFloat32().every((x) => x === 0)
    assert.deepEqual(found, isEmpty ? tensor : pruned)
    if (gone[w]!.length && !isEmpty) texts.push(`${found.toFloat32().filter((x) => x === 0).length} of ${tensor.size} weights set to zero`)
  })
  assert.deepEqual(changes.map(({ text }) => text), texts)
}

test('the smallest weights go, of equal ones the first, whatever the layer, the type and the numbers', async () => {
  await fc.assert(fc.asyncProperty(fc.array(weightOf, { minLength: 1, maxLength: 3 }), fc.double({ min: 0, max: 1, noNaN: true }), async (weights, amount) => {
    const numbers = weights.map(({ tensor }) => Array.from(tensor.toFloat32()))
    await check(pruneL1({ amount }), weights, numbers.map((list) => smallest(list, roundHalfToEven(amount * list.length))))
    const all = smallest(numbers.flat(), roundHalfToEven(amount * numbers.flat().length))
    let start = 0
    const parts = numbers.map(({ length }) => all.flatMap((i) => (i >= start && i < start + length ? [i - start] : [])).concat(((start += length), [])))
    await check(pruneL1({ amount, scope: 'global' }), weights, parts)
  }), { numRuns: 60 })
})

test('n of m neighbouring channels stay in every layer, of every type', async () => {
  await fc.assert(fc.asyncProperty(weightOf, fc.constantFrom([2, 4], [1, 4], [3, 4], [1, 2], [3, 8]), async (weight, [n = 0, m = 0]) => {
    const numbers = Array.from(weight.tensor.toFloat32())
    const groups = grouped(weight, ({ o, k, c }) => (o * 3 + k) * 8 + Math.floor(c / m))
    await check(pruneNofM({ n, m }), [weight], [groups.flatMap((group) => smallest(group.map((i) => numbers[i]!), m - n).map((i) => group[i]!))])
  }), { numRuns: 60 })
})

test('the blocks of smallest mean go in every layer, of every type', async () => {
  await fc.assert(fc.asyncProperty(weightOf, fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 9 }), fc.double({ min: 0, max: 1, noNaN: true }), async (weight, rows, columns, amount) => {
    const numbers = Array.from(weight.tensor.toFloat32())
    const blocks = grouped(weight, ({ o, k, c }) => Math.floor(o / rows) * 24 + Math.floor((k * 8 + c) / columns))
    const means = blocks.map((block) => Math.fround(block.reduce((sum, i) => sum + Math.abs(numbers[i]!), 0) / block.length))
    await check(pruneBlocks({ amount, block: [rows, columns] }), [weight], [smallest(means, roundHalfToEven(amount * blocks.length)).flatMap((b) => blocks[b]!)])
  }), { numRuns: 60 })
})

test('a choice by chance takes exactly as many as were asked for, and each weight as often as the others', async () => {
  const tensor = Tensor.float32([6, 8], new Float32Array(48).fill(1))
  for (const amount of [0, 0.01, 0.3, 0.5, 0.97]) {
    const gone = new Uint32Array(48)
    for (let seed = 0; seed < 200; seed++) {
      const { graph } = await pruneRandom({ amount, seed }).apply(network([{ kind: 'a linear layer', tensor }]))
      const weights = graph.initializers.find(({ name }) => name === 'w0')!.initializer!.toFloat32()
      assert.equal(weights.filter((w) => w === 0).length, roundHalfToEven(amount * 48))
      weights.forEach((w, i) => (gone[i]! += w === 0 ? 1 : 0))
    }
    const share = roundHalfToEven(amount * 48) / 48
    const spread = Math.sqrt(200 * share * (1 - share))
    assert.ok(gone.every((times) => Math.abs(times - 200 * share) <= 5 * spread), `${amount}: ${gone}`)
  }
})

test('nothing goes of an empty list', () => {
  assert.deepEqual(zeroSmallest([], 0), [])
  assert.deepEqual(zeroSmallest([new Int32Array(0), Int32Array.of(5)], 1), [0, 1])
})
