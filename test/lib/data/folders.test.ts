import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import sharp from 'sharp'
import { csv } from '../../../lib/data/csv.ts'
import { imageFolder } from '../../../lib/data/image-folder.ts'
import { signDigits } from '../../../lib/data/sign-digits.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { accuracy } from '../../../lib/measure/accuracy.ts'
import { linear } from '../../../lib/nn/layers.ts'
import { fit } from '../../../lib/train/trainer.ts'
import { bceWithLogits, meanSquaredError } from '../../../lib/train/loss.ts'
import { adam } from '../../../lib/train/optimizer.ts'
import { dataOf, temporaryFolder, useData } from './folder.ts'

/** Pictures of one colour each, by path. */
async function pictures(t: TestContext, colours: Readonly<Record<string, string>>, width = 6, height = 4): Promise<string> {
  const folder = temporaryFolder(t)
  for (const [path, background] of Object.entries(colours)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    await sharp({ create: { width, height, channels: 3, background } }).toFile(join(folder, path))
  }
  return folder
}

test('a folder of images: a class a folder, JPEG and PNG, whatever else lies about', async (t) => {
  const folder = await pictures(t, { 'dog/b.PNG': '#000000', 'cat/2.jpeg': '#ffffff', 'cat/10.jpg': '#ff0000', 'dog/ä.png': '#0080ff' })
  writeFileSync(join(folder, 'cat', 'notes.txt'), 'no picture')
  writeFileSync(join(folder, 'README'), 'no class')
  const dataset = imageFolder(folder)
  assert.deepEqual([dataset.labels, dataset.classes, dataset.complete], [[0, 0, 1, 1], ['cat', 'dog'], true])
  const { x } = dataset.batch(4)
  assert.deepEqual(x.shape, [4, 3, 4, 6])
  const colours = Array.from({ length: 4 }, (_, n) => [0, 1, 2].map((c) => Math.round(255 * Number(x.data[(n * 3 + c) * 24]))))
  assert.deepEqual(colours, [[254, 0, 0], [255, 255, 255], [0, 0, 0], [0, 128, 255]])
  assert.deepEqual(imageFolder(folder, { height: 2, width: 3 }).batch(1).x.shape, [1, 3, 2, 3])
})

test('hidden folders and files are neither classes nor pictures, and a folder to test on counts the classes as its training did', async (t) => {
  const folder = await pictures(t, { 'train/cat/1.png': '#000000', 'train/dog/1.png': '#ffffff', 'test/dog/1.png': '#ffffff', '.ipynb_checkpoints/1.png': '#ff0000', 'test/.ipynb_checkpoints/1.png': '#ff0000' })
  writeFileSync(join(folder, 'test', 'dog', '._1.png'), 'what macOS leaves on other disks')
  const train = imageFolder(join(folder, 'train'))
  const unseen = imageFolder(join(folder, 'test'), { classes: train.classes })
  assert.deepEqual([unseen.labels, unseen.classes], [[1], ['cat', 'dog']])
  assert.deepEqual(imageFolder(join(folder, 'test')).classes, ['dog'])
  assert.throws(() => imageFolder(join(folder, 'train'), { classes: ['dog', 'eel'] }), /train.cat is a folder of none of the classes \[ 'dog', 'eel' \]\. Take it out, or add it to `classes`\.$/)
})

test('decoded pictures are the same, even when the files are gone', async (t) => {
  const dataset = imageFolder(await pictures(t, { 'a/1.jpg': '#123456', 'a/2.jpg': '#654321', 'b/3.png': '#abcdef' })).slice(1)
  const decoded = dataset.decoded()
  assert.deepEqual([decoded.labels, decoded.size, decoded.complete], [dataset.labels, 2, false])
  const before = dataset.batch(2).x.toNumbers()
  writeFileSync(join(dataset.source, 'b/3.png'), 'gone')
  assert.deepEqual(decoded.batch(2).x.toNumbers(), before)
  assert.throws(() => dataset.batch(2), /b.3\.png is neither a JPEG nor a PNG file/)
})

test('PNG of every kind: palette, grey, 16 bits, one bit, transparency', async (t) => {
  const folder = temporaryFolder(t)
  mkdirSync(join(folder, 'all'))
  const pixels = Buffer.from(Array.from({ length: 48 }, (_, i) => (i * 5) % 256))
  const source = sharp(pixels, { raw: { width: 4, height: 4, channels: 3 } })
  await source.clone().png({ palette: true }).toFile(join(folder, 'all', 'palette.png'))
  await source.clone().toColourspace('rgb16').png().toFile(join(folder, 'all', 'sixteen.png'))
  await source.clone().grayscale().png().toFile(join(folder, 'all', 'grey.png'))
  await source.clone().threshold(100).png({ palette: true, colours: 2 }).toFile(join(folder, 'all', 'bit.png'))
  await source.clone().ensureAlpha(0.5).png().toFile(join(folder, 'all', 'alpha.png'))
  const dataset = imageFolder(folder)
  for (const [n, name] of ['alpha', 'bit', 'grey', 'palette', 'sixteen'].entries()) {
    const expected = await sharp(join(folder, 'all', `${name}.png`)).removeAlpha().toColourspace('srgb').raw().toBuffer()
    const got = dataset.slice(n, n + 1).batch(1).x.toNumbers().map((value) => Math.round(255 * value))
    got.forEach((value, i) => assert.ok(Math.abs(value - expected[3 * (i % 16) + Math.floor(i / 16)]) <= 1, `${name}, value ${i}: ${value}`))
  }
})

/** Files that Pillow 13 wrote. */
const written = (name: string): string => join(import.meta.dirname, '../../../../test/lib/data/fixtures', name)

test('a grey JPEG has three equal channels, with the values that Pillow reads', async (t) => {
  const folder = await pictures(t, { 'a/2.jpg': '#ff0000' })
  copyFileSync(written('grey.jpg'), join(folder, 'a', '1.jpg'))
  const values = imageFolder(folder).batch(1).x.toNumbers().map((value) => Math.round(255 * value))
  const pillow = [0, 40, 80, 120, 159, 200, 15, 55, 95, 135, 174, 216, 30, 70, 110, 150, 189, 230, 45, 85, 125, 165, 205, 246]
  assert.deepEqual(values, [...pillow, ...pillow, ...pillow])
})

test('a JPEG in CMYK is called that, not damaged', (t) => {
  const folder = temporaryFolder(t)
  mkdirSync(join(folder, 'a'))
  const cmyk = readFileSync(written('cmyk.jpg'))
  const ycck = Buffer.from(cmyk)
  ycck[cmyk.indexOf('Adobe') + 11] = 2
  for (const bytes of [cmyk, ycck, Buffer.concat([cmyk.subarray(0, 2), Buffer.from([0xff, 0xff]), cmyk.subarray(2)])]) {
    writeFileSync(join(folder, 'a', '1.jpg'), bytes)
    assert.throws(() => imageFolder(folder), /1\.jpg is a JPEG in CMYK, the colours of printing\. Convert it to RGB, or take it out\.$/)
  }
})

test('an empty folder, a damaged file and no folder at all', async (t) => {
  const folder = temporaryFolder(t)
  assert.throws(() => imageFolder(folder), /holds no pictures\. It needs a folder for each class/)
  assert.throws(() => imageFolder(join(folder, 'none')), /none is not a folder/)
  assert.throws(() => imageFolder(folder, { height: -3, width: 32 }), /imageFolder: height is a whole number from 1 on, not -3/)
  mkdirSync(join(folder, 'a'))
  const png = await sharp({ create: { width: 9, height: 9, channels: 3, background: 'red' } }).png().toBuffer()
  writeFileSync(join(folder, 'a', '1.png'), png.subarray(0, png.length - 20))
  assert.throws(() => imageFolder(folder), /1\.png \(\d+ bytes\) is a damaged or truncated PNG: .+ Fetch it again\.$/)
})

test('a thousand damaged JPEG files do not hurt the next picture', async (t) => {
  const folder = await pictures(t, { 'a/1.jpg': '#804020' })
  const whole = await sharp(join(folder, 'a/1.jpg')).toBuffer()
  const dataset = imageFolder(folder)
  const before = dataset.batch(1).x.toNumbers()
  for (let i = 0; i < 1000; i++) {
    writeFileSync(join(folder, 'a/1.jpg'), whole.subarray(0, 2 + (i % 150)))
    assert.throws(() => dataset.batch(1), /damaged or truncated JPEG/)
  }
  writeFileSync(join(folder, 'a/1.jpg'), whole)
  assert.deepEqual(dataset.batch(1).x.toNumbers(), before)
})

test('sign-language digits from HONE_DATA, and where to get them', async (t) => {
  const jpeg = await sharp({ create: { width: 100, height: 100, channels: 3, background: 'green' } }).jpeg().toBuffer()
  dataOf(t, { 'sign-language-digits/Dataset/0/IMG_1.JPG': jpeg, 'sign-language-digits/Dataset/7/IMG_2.JPG': jpeg })
  const signs = await signDigits()
  assert.deepEqual([signs.size, signs.complete, signs.labels, signs.batch(2).x.shape], [2, false, [0, 1], [2, 3, 100, 100]])
  useData(t, temporaryFolder(t))
  await assert.rejects(signDigits(), /The sign-language digits are not at .+ Run `git clone https:\/\/github\.com\/ardamavi/)
})

test('a CSV file: words become classes, columns are chosen by name', async (t) => {
  const data = dataOf(t, { 'iris.csv': 'width,height,kind\n1,2.5,b\n3,-4,a\n5,6,b\n' })
  const iris = await csv(join(data, 'iris.csv'), { label: 'kind' })
  assert.deepEqual([iris.labels, iris.classes, iris.batch(3).x.toNumbers()], [[1, 0, 1], ['a', 'b'], [1, 2.5, 3, -4, 5, 6]])
  const heights = await csv(join(data, 'iris.csv'), { label: 'height', features: ['width'] })
  assert.deepEqual([heights.labels, heights.batch(3).x.shape, heights.target([2.5]).shape], [[2.5, -4, 6], [3, 1], [1, 1]])
  assert.throws(() => heights.correct(heights.batch(1).x, [1]), /iris\.csv: .+ there is no accuracy/)
})

test('a CSV file to test on counts the classes as its training did', async (t) => {
  const data = dataOf(t, { 'train.csv': 'a,kind\n1,cat\n2,dog\n3,eel\n', 'test.csv': 'a,kind\n1,dog\n2,eel\n', 'other.csv': 'a,kind\n1,dog\n2,fox\n', 'digits.csv': 'a,kind\n1,7\n2,3\n' })
  const { classes } = await csv(join(data, 'train.csv'), { label: 'kind' })
  const unseen = await csv(join(data, 'test.csv'), { label: 'kind', classes })
  assert.deepEqual([unseen.labels, unseen.classes], [[1, 2], ['cat', 'dog', 'eel']])
  assert.deepEqual((await csv(join(data, 'digits.csv'), { label: 'kind', classes: ['3', '7'] })).labels, [1, 0])
  await assert.rejects(csv(join(data, 'other.csv'), { label: 'kind', classes }), /other\.csv, row 3, column "kind": "fox" is none of the classes \[ 'cat', 'dog', 'eel' \]\. Correct it, or add it to `classes`\.$/)
  await assert.rejects(csv(join(data, 'test.csv'), { label: 'kind', classes, task: 'regression' }), /a regression approximates numbers, and `classes` names classes/)
})

test('whole numbers in a CSV file are classes, one of two, or numbers to be approximated, as its task says', async (t) => {
  const data = dataOf(t, { 'houses.csv': 'rooms,price,sold\n1,100000,1\n3,300000,0\n5,120000,1\n', 'seen.csv': 'a,y\n1,true\n2,false\n' })
  const houses = (label: string, task?: 'classification' | 'binary' | 'regression') => csv(join(data, 'houses.csv'), { label, features: ['rooms'], task })
  const prices = await houses('price', 'regression')
  assert.deepEqual([prices.hasAccuracy, String(prices.target(prices.labels)), prices.target(prices.labels).toNumbers()], [false, 'float32[3,1]', [100000, 300000, 120000]])
  const classes = await houses('price')
  assert.deepEqual([classes.hasAccuracy, String(classes.target(classes.labels))], [true, 'int64[3]'])
  const sold = await houses('sold', 'binary')
  assert.deepEqual([String(sold.target(sold.labels)), sold.correct(Tensor.float32([3, 1], [2, 2, -2]), sold.labels)], ['float32[3,1]', [true, false, false]])
  assert.deepEqual(sold.correct(Tensor.float32([3, 1], [NaN, NaN, 1]), sold.labels), [false, false, true], 'a network that answers with NaN is right about nothing')
  assert.deepEqual((await csv(join(data, 'seen.csv'), { label: 'y', task: 'binary' })).classes, ['false', 'true'])
  await assert.rejects(houses('rooms', 'binary'), /row 3, column "rooms": 3 is no label for binary, which takes two words, or 0 and 1\. Say another `task`: classification, binary, regression\./)
  await assert.rejects(csv(join(data, 'seen.csv'), { label: 'y', task: 'regression' }), /seen\.csv, row 2, column "y": true is not a number/)
  await assert.rejects(houses('price', 'guessing' as 'binary'), /a task is classification, binary, regression, not "guessing"/)
})

test('a network is fitted to numbers from a CSV file, and to one of two words', async (t) => {
  const rows = Array.from({ length: 40 }, (_, i) => `${i / 40},${3 * i},${i < 20 ? 'low' : 'high'}`)
  const path = join(dataOf(t, { 'line.csv': ['x,price,kind', ...rows].join('\n') }), 'line.csv')
  const options = { epochs: 40, batchSize: 20, optimizer: adam({ lr: 0.3 }), quiet: true, device: 'cpu' } as const
  const prices = await fit(linear(1, 1), await csv(path, { label: 'price', features: ['x'], task: 'regression' }), { ...options, loss: meanSquaredError })
  assert.ok(prices.losses.at(-1)! < 0.7 * prices.losses[0]!)
  const kinds = await csv(path, { label: 'kind', features: ['x'], task: 'binary' })
  const { model } = await fit(linear(1, 1), kinds, { ...options, loss: bceWithLogits })
  assert.ok((await accuracy(model, kinds, { quiet: true })).value > 0.9)
})

test('a CSV file with holes or words among its numbers is refused, with the place', async (t) => {
  const data = dataOf(t, { 'holes.csv': 'a,b,y\n1,2,0\n3,,1\n', 'words.csv': 'a,b,y\n1,two,0\n3,4,1\n' })
  await assert.rejects(csv(join(data, 'holes.csv'), { label: 'y' }), /holes\.csv, row 3, column "b": .+ is not a number/)
  await assert.rejects(csv(join(data, 'words.csv'), { label: 'y' }), /words\.csv, row 2, column "b": "two" is not a number/)
  await assert.rejects(csv(join(data, 'words.csv'), { label: 'z' }), /has no column "z"\. Its columns are a, b, y/)
  await assert.rejects(csv(join(data, 'none.csv'), { label: 'y' }), /none\.csv is missing/)
  writeFileSync(join(data, 'empty.csv'), '')
  await assert.rejects(csv(join(data, 'empty.csv'), { label: 'y' }), /empty\.csv is no table: .+ It needs a heading line/)
})
