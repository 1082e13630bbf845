import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cifar10, fashionMnist, imdb, imdbVocabulary, mnist, signDigits, type Dataset } from '../../../lib/data/index.ts'

/** How many samples a part has, and how many of each of its classes. */
const census = (dataset: Dataset<number>): [number, number[]] => {
  const counts = dataset.classes!.map(() => 0)
  for (const label of dataset.labels) counts[label]++
  return [dataset.size, counts]
}

const evenly = (classes: number, each: number): [number, number[]] => [classes * each, Array<number>(classes).fill(each)]

test('the data sets themselves', { skip: process.env.HONE_DATA ? false : 'HONE_DATA names no folder with them' }, async (t) => {
  await t.test('MNIST', async () => {
    const [train, held] = [await mnist(), await mnist({ train: false })]
    assert.deepEqual([train.complete, census(train)], [true, [60_000, [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]]])
    assert.deepEqual([held.complete, held.size], [true, 10_000])
    assert.equal(Math.round(1e4 * mean(train)), 1307, 'the mean that everyone normalizes with')
  })

  await t.test('Fashion-MNIST', async () => {
    assert.deepEqual(census(await fashionMnist()), evenly(10, 6000))
    assert.deepEqual(census(await fashionMnist({ train: false })), evenly(10, 1000))
  })

  await t.test('CIFAR-10', async () => {
    const train = await cifar10()
    assert.deepEqual(census(train), evenly(10, 5000))
    assert.deepEqual(census(await cifar10({ train: false })), evenly(10, 1000))
    assert.ok(Math.abs(mean(train) - 0.4734) < 0.002, `${mean(train)}`)
  })

  await t.test('IMDB: 25,000 reviews, half of them positive, and a vocabulary of 121,301 entries', async () => {
    const train = await imdb()
    assert.deepEqual([train.complete, census(train)], [true, evenly(2, 12_500)])
    assert.equal((await imdbVocabulary()).size, 121_301)
    assert.equal((await imdbVocabulary(1e6)).size, 121_366)
    assert.ok(train.batch(1000).tokens.toNumbers().every((number) => number < 121_301))
  })

  await t.test('sign-language digits', async () => {
    const signs = await signDigits()
    assert.deepEqual([signs.size, signs.complete, signs.classes], [2059, true, Array.from('0123456789')])
  })
})

function mean(dataset: Dataset<number>): number {
  let sum = 0
  let count = 0
  for (const { inputs } of dataset.batches(1000))
    for (const value of inputs.x.data as Float32Array) {
      sum += value
      count++
    }
  return sum / count
}
