import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { fashionMnist } from '../../../lib/data/fashion-mnist.ts'
import { DownloadError } from '../../../lib/data/download.ts'
import { ifAbsent } from '../../../lib/data/if-absent.ts'
import { mnist } from '../../../lib/data/mnist.ts'
import { pixelTokens } from '../../../lib/data/pixel-tokens.ts'
import { resize, toColour, toFloat } from '../../../lib/data/transforms.ts'
import { packageFolder } from '../../../lib/files.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { idx } from './archives.ts'
import { dataOf, useData, useNothing } from './folder.ts'

const images = Uint8Array.from({ length: 3 * 28 * 28 }, (_, i) => i % 256)
const labels = Uint8Array.of(7, 0, 9)

test('the digits that ship, where there are no others: the first 10,000 and 2,000, and the name says so', async (t) => {
  useNothing(t)
  const train = await mnist()
  assert.equal(String(train), `MNIST (first 10,000): 10,000 samples (x float32[1,28,28]) from ${join(packageFolder(), 'notebooks', 'data', 'mnist-small')}`)
  assert.equal(train.complete, false)
  assert.deepEqual(train.labels.slice(0, 10), [5, 0, 4, 1, 9, 2, 1, 3, 1, 4])
  const test = await mnist({ train: false })
  assert.equal(test.size, 2000)
  assert.deepEqual(test.labels.slice(0, 5), [7, 2, 1, 0, 4])
  const { x } = train.batch(1)
  assert.ok(Math.max(...x.toNumbers()) === 1 && Math.min(...x.toNumbers()) === 0)
})

test('official files in HONE_DATA come first', async (t) => {
  const data = dataOf(t, { 'mnist/train-images-idx3-ubyte.gz': idx([3, 28, 28], images), 'mnist/train-labels-idx1-ubyte.gz': idx([3], labels) })
  const digits = await mnist()
  assert.equal(digits.source, join(data, 'mnist'))
  assert.equal(digits.name, 'MNIST')
  assert.deepEqual(digits.labels, [7, 0, 9])
  assert.deepEqual(digits.batch(3).x.shape, [3, 1, 28, 28])
  assert.equal(digits.batch(3).x.data[28 * 28 + 5], Math.fround(((28 * 28 + 5) % 256) / 255))
  assert.deepEqual(digits.target(digits.labels).toNumbers(), [7, 0, 9])
})

test('what stands in for an absent data set is not complete, and a damaged one is not replaced', async (t) => {
  dataOf(t, { 'mnist/train-images-idx3-ubyte.gz': idx([3, 28, 28], images), 'mnist/train-labels-idx1-ubyte.gz': idx([3], labels) })
  const whole = await mnist()
  assert.equal(whole.complete, true)
  const instead = await Promise.reject(new DownloadError('no network')).catch(ifAbsent(() => whole))
  assert.deepEqual([instead.name, instead.size, instead.complete, instead.take(3).complete], ['MNIST', 3, false, false])
  await assert.rejects(Promise.reject(new Error('damaged')).catch(ifAbsent(() => whole)), /damaged/)
})

test('digits are read pixel by pixel as texts, and as pictures in colour', async (t) => {
  useNothing(t)
  const digits = (await mnist()).take(50)
  const texts = pixelTokens(digits, { length: 196, positive: (digit) => digit % 2 === 1 })
  assert.equal(String(texts), `MNIST (first 10,000), read as texts: 50 samples (tokens int64[196]) from ${digits.source}`)
  assert.deepEqual(texts.labels.slice(0, 5), [1, 0, 0, 1, 1])
  const pixels = digits.batch(1).x.toNumbers()
  assert.deepEqual(texts.batch(1).tokens.toNumbers(), Array.from({ length: 196 }, (_, word) => 2 + Math.round(255 * pixels[4 * word])))
  assert.deepEqual(texts.correct(Tensor.float32([3], [1, 1, -1]), [1, 0, 0]), [true, false, true])
  assert.deepEqual(texts.target([1, 0]).toNumbers(), [1, 0])
  assert.throws(() => pixelTokens(digits, { length: 785, positive: () => true }), /a picture has 784 pixels, too few for 785 words/)

  const colours = digits.withTransforms([resize({ height: 32, width: 32 }), toColour(), toFloat()]).batch(2).x
  assert.deepEqual(colours.shape, [2, 3, 32, 32])
  assert.deepEqual(colours.data.slice(0, 1024), colours.data.slice(2048, 3072))
  const kept = digits.decoded([resize({ height: 32, width: 32 }), toColour()])
  assert.deepEqual([kept.size, kept.labels, kept.name], [50, digits.labels, digits.name])
  assert.deepEqual(kept.batch(2).x.bytes, colours.bytes)
})

test('damaged files are named, with the place', async (t) => {
  const folder = 'fashion-mnist'
  const whole = idx([3, 28, 28], images)
  const files = (content: Uint8Array, of = idx([3], labels)) => dataOf(t, { [`${folder}/train-images-idx3-ubyte.gz`]: content, [`${folder}/train-labels-idx1-ubyte.gz`]: of })
  files(whole.subarray(0, 200))
  await assert.rejects(fashionMnist(), /train-images-idx3-ubyte\.gz \(200 bytes\) is damaged or truncated: .+ Fetch it again\.$/)
  files(Buffer.from('no gzip at all'))
  await assert.rejects(fashionMnist(), /train-images-idx3-ubyte\.gz \(14 bytes\) is damaged/)
  files(idx([3, 28, 29], images))
  await assert.rejects(fashionMnist(), /from byte 16 on it has 2,352 bytes, and its shape \[3,28,29\] takes 2,436/)
  files(whole, idx([2], labels.subarray(0, 2)))
  await assert.rejects(fashionMnist(), /they are not images and a label for each/)
  files(whole)
  assert.equal((await fashionMnist()).classes?.[9], 'Ankle boot')
})

test('without data and network, what does not ship says how to get it', async (t) => {
  useNothing(t)
  await assert.rejects(fashionMnist(), /0 of 26,421,880 bytes arrived \(.+\)\. Run again to go on from there, or put the file into HONE_DATA\/fashion-mnist\.$/)
  useData(t, '/nowhere/at/all')
  await assert.rejects(mnist(), /HONE_DATA is "\/nowhere\/at\/all", and that is not a folder/)
})
