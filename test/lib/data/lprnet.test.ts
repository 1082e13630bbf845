import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { unzipSync } from 'fflate'
import sharp from 'sharp'
import { decodePlates, lprnet, PLATE_ALPHABET } from '../../../lib/data/lprnet.ts'
import { packageFolder } from '../../../lib/files.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { temporaryFolder, useData } from './folder.ts'

const shipped = join(packageFolder(), 'notebooks', 'data', 'lprnet')

/** A HONE_DATA of the test's own, with the shipped plates of these names (all) as loose files. */
function looseFiles(t: TestContext, wanted?: readonly string[]): string {
  const data = temporaryFolder(t)
  const folder = join(data, 'lprnet', 'test')
  mkdirSync(folder, { recursive: true })
  for (const [name, bytes] of Object.entries(unzipSync(readFileSync(join(shipped, 'plates.zip')))))
    if (wanted?.includes(name) ?? true) writeFileSync(join(folder, name), bytes)
  useData(t, data)
  return folder
}

test('the plates that ship: 1,000, in code-point order, with what they say', async (t) => {
  useData(t, undefined)
  const plates = await lprnet()
  assert.equal(plates.size, 1000)
  assert.equal(plates.complete, true)
  assert.deepEqual(plates.labels.slice(0, 4), ['京PL3N67', '川JK0707', '川X90621', '沪AMS087'])
  assert.equal(plates.labels.at(-1), '鲁R8D57Z')
  assert.ok(plates.labels.every((label) => [...label].every((character) => PLATE_ALPHABET.includes(character))))
  assert.equal(await lprnet().then((again) => again === plates), true, 'decoded once')
})

test('a plate is fed as planes of blue, green and red from -1 to 1', async (t) => {
  useData(t, undefined)
  const { plate } = (await lprnet()).batch(3)
  assert.deepEqual([plate.dtype, plate.shape], ['float32', [3, 3, 24, 94]])
  const jpeg = unzipSync(readFileSync(join(shipped, 'plates.zip')))['川JK0707.jpg']
  const rgb = await sharp(jpeg).raw().toBuffer()
  const [y, x] = [17, 40]
  const fed = [0, 1, 2].map((plane) => plate.data[((1 * 3 + plane) * 24 + y) * 94 + x])
  const pixel = [...rgb.subarray(3 * (y * 94 + x), 3 * (y * 94 + x) + 3)].toReversed()
  assert.deepEqual(fed, pixel.map((value) => (value - 127.5) / 128))
})

test('loose files in HONE_DATA give the same tensors as the archive', async (t) => {
  useData(t, undefined)
  const archive = await lprnet()
  const folder = looseFiles(t)
  const loose = await lprnet()
  assert.equal(loose.source, folder)
  assert.deepEqual(loose.labels, archive.labels)
  assert.ok(Buffer.from(loose.batch(1000).plate.bytes).equals(archive.batch(1000).plate.bytes))
})

test('a label ends before the first - or _, a plate of another size is stretched, other files are left out', async (t) => {
  const folder = looseFiles(t, ['京PL3N67.jpg'])
  await sharp(join(folder, '京PL3N67.jpg')).resize(188, 48).toFile(join(folder, '沪A12345_2.jpg'))
  copyFileSync(join(folder, '京PL3N67.jpg'), join(folder, '川X90621-0.JPEG'))
  writeFileSync(join(folder, 'notes.txt'), 'not a plate')
  const plates = await lprnet()
  assert.deepEqual(plates.labels, ['京PL3N67', '川X90621', '沪A12345'])
  assert.equal(plates.complete, false)
  assert.deepEqual(plates.batch(3).plate.shape, [3, 3, 24, 94])
})

test('a truncated JPEG is named with its size, and repairing it is enough', async (t) => {
  const folder = looseFiles(t, ['京PL3N67.jpg', '川JK0707.jpg'])
  const path = join(folder, '川JK0707.jpg')
  const whole = readFileSync(path)
  writeFileSync(path, whole.subarray(0, 1203))
  await assert.rejects(lprnet(), /川JK0707\.jpg \(1,203 bytes\) is a damaged or truncated JPEG: .+ Fetch it again\.$/)
  writeFileSync(path, Buffer.alloc(0))
  await assert.rejects(lprnet(), /川JK0707\.jpg \(0 bytes\) is a damaged or truncated JPEG/)
  writeFileSync(path, whole)
  assert.equal((await lprnet()).size, 2)
})

test('a damaged archive, an empty folder and a HONE_DATA that is no folder are each said in a sentence', async (t) => {
  const data = temporaryFolder(t)
  const own = join(data, 'lprnet')
  mkdirSync(own)
  useData(t, data)
  const archive = readFileSync(join(shipped, 'plates.zip'))
  writeFileSync(join(own, 'plates.zip'), archive.subarray(0, 100_000))
  await assert.rejects(lprnet(), /plates\.zip \(100,000 bytes\) is a damaged or truncated zip archive/)
  copyFileSync(join(shipped, 'SHA256SUMS'), join(own, 'SHA256SUMS'))
  archive[5000] ^= 1
  writeFileSync(join(own, 'plates.zip'), archive)
  await assert.rejects(lprnet(), /plates\.zip is damaged: its 2,[\d,]+ bytes do not match the SHA256SUMS beside it/)
  mkdirSync(join(own, 'test'))
  await assert.rejects(lprnet(), /test holds no \.jpg files/)
  process.env.HONE_DATA = join(data, 'nowhere')
  await assert.rejects(lprnet(), /HONE_DATA is ".*nowhere", and that is not a folder/)
})

test('an interrupted cell stops decoding, and the next cell can start again', async (t) => {
  looseFiles(t, ['京PL3N67.jpg'])
  const cell = Symbol.for('hone.cell')
  const host = globalThis as { [cell]?: { signal: AbortSignal } }
  host[cell] = { signal: AbortSignal.abort(new Error('Interrupted')) }
  t.after(() => delete host[cell])
  await assert.rejects(lprnet(), /^Error: Interrupted$/)
  delete host[cell]
  assert.equal((await lprnet()).size, 1)
})

test('a plate counts as right when its whole text is', async (t) => {
  looseFiles(t, ['京PL3N67.jpg', '川JK0707.jpg'])
  const plates = await lprnet()
  const logits = plantedLogits(['京PL3N67', '川JK0708'])
  assert.deepEqual(decodePlates(logits), ['京PL3N67', '川JK0708'])
  assert.deepEqual(plates.correct(logits, plates.labels), [true, false])
})

/** Logits [N, 68, 18] whose likeliest path spells the texts, each character twice, blanks between and behind. */
function plantedLogits(texts: readonly string[]): Tensor {
  const [classes, steps] = [68, 18]
  const logits = new Float32Array(texts.length * classes * steps)
  texts.forEach((text, n) => {
    const path = [...text].flatMap((character, i) => (i < 2 ? [character, character, '-'] : [character, '-'])).join('').padEnd(steps, '-')
    ;[...path].forEach((character, at) => (logits[(n * classes + PLATE_ALPHABET.indexOf(character)) * steps + at] = 1))
  })
  return Tensor.float32([texts.length, classes, steps], logits)
}
