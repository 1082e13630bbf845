import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { correctSide } from '../../../lib/data/classes.ts'
import { Dataset } from '../../../lib/data/dataset.ts'
import { DataLoader } from '../../../lib/data/loader.ts'
import { mixup, normalize, toFloat } from '../../../lib/data/transforms.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'

/** Ten samples: sample i is [i, 10 i] with label i. */
const tens = Dataset.of<number>({
  name: 'tens',
  source: 'memory',
  complete: true,
  inputs: { x: Tensor.float32([10, 2], Array.from({ length: 20 }, (_, i) => (i % 2 ? 10 : 1) * Math.floor(i / 2))) },
  labels: Array.from({ length: 10 }, (_, i) => i),
  correct: (output, labels) => labels.map((label, i) => output.data[2 * i] === label),
})

test('batches come in order, and the last holds what is left', () => {
  const batches = [...tens.batches(4)]
  assert.deepEqual(batches.map(({ inputs }) => inputs.x.shape), [[4, 2], [4, 2], [2, 2]])
  assert.deepEqual(batches.flatMap(({ labels }) => labels), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  assert.deepEqual(batches[2].indices, [8, 9])
  assert.deepEqual(batches[2].inputs.x.toNumbers(), [8, 80, 9, 90])
  assert.ok(batches.every(({ inputs, labels }) => tens.correct(inputs.x, labels).every(Boolean)))
})

test('a part is a data set of its own', () => {
  const part = tens.slice(3, 7)
  assert.equal(part.size, 4)
  assert.equal(part.complete, false)
  assert.deepEqual(part.take(2).labels, [3, 4])
  assert.deepEqual(part.batch(1).x.toNumbers(), [3, 30])
  assert.deepEqual([...part.batches(3)].map(({ indices }) => indices), [[0, 1, 2], [3]])
  assert.equal(tens.slice(0).complete, true)
})

test('a split has every sample once, and the same seed gives the same split', () => {
  const [train, rest] = tens.split(0.8, 7)
  assert.deepEqual([train.size, rest.size], [8, 2])
  assert.deepEqual([...train.labels, ...rest.labels].sort(), tens.labels)
  assert.deepEqual(tens.split(0.8, 7)[0].labels, train.labels)
  assert.notDeepEqual(tens.split(0.8, 8)[0].labels, train.labels)
  assert.deepEqual(train.batch(8).x.toNumbers().filter((_, i) => i % 2 === 0), train.labels)
})

test('a shuffle keeps every sample with its label, and the same seed gives the same order', () => {
  const shuffled = tens.shuffle(3)
  assert.deepEqual([shuffled.size, shuffled.complete, [...shuffled.labels].sort()], [10, true, tens.labels])
  assert.notDeepEqual(shuffled.labels, tens.labels)
  assert.deepEqual(shuffled.batch(10).x.toNumbers().filter((_, i) => i % 2 === 0), shuffled.labels)
  assert.deepEqual(tens.shuffle(3).labels, shuffled.labels)
  assert.notDeepEqual(tens.shuffle(4).labels, shuffled.labels)
})

test('an input with more or fewer samples than there are labels is refused', () => {
  const x = Tensor.float32([10, 2], new Float32Array(20))
  for (const count of [3, 14])
    assert.throws(() => Dataset.of({ name: 'odd', source: 'memory', complete: true, inputs: { x }, labels: Array.from({ length: count }, () => 0) }), new RegExp(`odd: the input "x" holds 10 samples, and there are ${count} labels`))
})

test('a transform of pictures is refused where there are none, instead of doing nothing', () => {
  const bytes = { name: 'rows', source: 'memory', complete: true, inputs: { x: Tensor.zeros('uint8', [3, 8, 8]) }, labels: [0, 1, 2] }
  assert.throws(() => Dataset.of({ ...bytes, transforms: [toFloat()] }), /^TypeError: rows: toFloat transforms pictures, and there are none: x is uint8\[3,8,8\]\. Give pictures as uint8 or float32 \[N, channels, height, width\], or leave the transform out\.$/)
  const normalized = [normalize({ mean: 1, std: 2 })]
  for (const use of [() => tens.withTransforms(normalized), () => tens.decoded(normalized), () => new DataLoader(tens, { batchSize: 2, transforms: normalized })])
    assert.throws(use, /tens: normalize transforms pictures, and there are none: x is float32\[10,2\]/)
  assert.equal(new DataLoader(tens, { batchSize: 2, transforms: [mixup()] }).isBlended, true)
})

test('a function makes the samples when a batch needs them, and no others', () => {
  const asked: number[] = []
  const squares = Dataset.of<number>({
    name: 'squares', source: 'a function', complete: true, labels: [0, 1, 2, 3, 4],
    inputs: { x: (index) => (asked.push(index), Tensor.float32([2], [index, index ** 2])) },
  })
  const part = squares.slice(2).shuffle(1)
  asked.length = 0
  const batches = [...part.batches(2)]
  assert.deepEqual(asked, part.labels)
  assert.deepEqual(batches.map(({ inputs }) => inputs.x.shape), [[2, 2], [1, 2]])
  assert.deepEqual(batches.flatMap(({ inputs }) => inputs.x.toNumbers()), part.labels.flatMap((i) => [i, i ** 2]))
  assert.equal(String(squares), 'squares: 5 samples (x float32[2]) from a function')
  asked.length = 0
  assert.deepEqual(part.decoded().batch(3).x.toNumbers(), part.batch(3).x.toNumbers())
  assert.equal(asked.length, 6)
})

test('pictures that a function makes are transformed as others are', async () => {
  const pictures = Dataset.of({ name: 'made', source: 'a function', complete: true, labels: [0, 1], inputs: { x: (index) => Tensor.of('uint8', [1, 1, 2], [51 * index, 255]) }, transforms: [toFloat()] })
  for await (const { inputs } of new DataLoader(pictures, { batchSize: 2 })) assert.deepEqual([inputs.x.shape, inputs.x.toNumbers().map((v) => Math.round(v * 5))], [[2, 1, 1, 2], [0, 5, 1, 5]])
})

test('a function that makes no tensor, or another one than before, is named with the sample; worker threads cannot run it', () => {
  const made = (x: unknown) => Dataset.of({ name: 'made', source: 'a function', complete: true, labels: [0, 1], inputs: { x: x as () => Tensor } })
  assert.throws(() => made(async () => Tensor.scalar('float32', 1)), /^TypeError: made: the input "x": its function is to answer with the tensor of one sample, at once, and answers with Promise/)
  const growing = made((index: number) => Tensor.zeros('float32', [index + 1]))
  assert.throws(() => growing.batch(2), /^Error: made, sample 1: its function made float32\[2\], and float32\[1\] for the first sample$/)
  assert.throws(() => made((index: number) => (index ? undefined : Tensor.zeros('float32', [1]))).batch(2), /made, sample 1: its function made undefined, and float32\[1\]/)
  assert.throws(() => new DataLoader(growing, { batchSize: 1, workers: 2 }), /^TypeError: made: the input "x" is made by a function, which worker threads cannot run\. Leave out workers, or take dataset\.decoded\(\)\.$/)
})

test('what is no tensor, and labels that are no list, are refused with what would be one', () => {
  const about = { name: 'rows', source: 'memory', complete: true }
  const x = Tensor.float32([2, 2], [1, 2, 3, 4])
  assert.throws(() => Dataset.of({ ...about, inputs: { x: [[1, 2], [3, 4]] as never }, labels: [0, 1] }), /^TypeError: rows: the input "x" is no tensor but \[ \[.*\. Make one whose first axis counts the samples: Tensor\.float32\(\[samples, features\], rows\.flat\(\)\)\.$/)
  assert.throws(() => Dataset.of({ ...about, inputs: { x: new Float32Array(4) as never }, labels: [0, 1] }), /"x" is no tensor but Float32Array/)
  assert.throws(() => Dataset.of({ ...about, inputs: { x }, labels: 'ab' as never }), /rows: labels are an array, one for each sample, not 'ab'/)
  assert.throws(() => Dataset.of({ ...about, inputs: { x }, labels: [0n, 1n] }).target([0n, 1n]), /a label that counts classes is a whole number from 0 on, not 0n: give fit\(\) a target/)
})

test('a seed that is not a whole number is refused', () => {
  for (const seed of [NaN, 1.5, 'abc' as never])
    for (const use of [() => tens.split(0.5, seed), () => tens.shuffle(seed), () => new DataLoader(tens, { batchSize: 2, seed })])
      assert.throws(use, /^RangeError: (DataLoader: )?seed is a whole number, not (NaN|1\.5|'abc')$/)
})

test('more samples than there are, and sizes that are none, are refused', () => {
  assert.throws(() => tens.take(11), /tens: samples 0 to 11 were asked for, and there are 10/)
  assert.throws(() => tens.slice(5, 4), RangeError)
  assert.throws(() => tens.batch(1.5), RangeError)
  assert.throws(() => [...tens.batches(0)], /a whole number of samples from 1 on, not 0/)
  assert.throws(() => tens.split(8), /a fraction from 0 to 1, not 8/)
})

test('it shows itself', () => {
  assert.equal(String(tens.take(4)), 'tens: 4 samples (x float32[2]) from memory')
  assert.equal(inspect(tens.take(4)), String(tens.take(4)))
  assert.equal(String(Dataset.of({ inputs: { x: Tensor.zeros('float32', [3, 2]) }, labels: [0, 1, 0] })), 'data: 3 samples (x float32[2]) from memory')
})

test('an output that is no number is on no side', () => {
  assert.deepEqual(correctSide(Tensor.float32([4], [1, -1, NaN, NaN]), [1, 0, 0, 1]), [true, true, false, false])
})

test('labels may be an array of numbers of any kind', () => {
  const x = Tensor.zeros('float32', [3, 2])
  assert.deepEqual(Dataset.of<number>({ inputs: { x }, labels: Int32Array.of(2, 0, 1) as unknown as number[] }).labels, [2, 0, 1])
})
