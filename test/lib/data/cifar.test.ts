import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import sharp from 'sharp'
import { cifar10 } from '../../../lib/data/cifar10.ts'
import { cifar100 } from '../../../lib/data/cifar100.ts'
import { tarGz } from './archives.ts'
import { dataOf } from './folder.ts'

/** A record: labels, then planes of one colour each. */
const record = (labels: readonly number[], red: number, green: number, blue: number): Uint8Array =>
  Uint8Array.from([...labels, ...[red, green, blue].flatMap((value) => Array<number>(1024).fill(value))])

/** The first pixel of every sample's planes, from 0 to 255. */
const colours = (x: { shape: readonly number[]; toNumbers(): number[] }): number[][] => {
  const numbers = x.toNumbers()
  return Array.from({ length: x.shape[0] }, (_, n) => [0, 1, 2].map((c) => Math.round(255 * numbers[(3 * n + c) * 1024])))
}

test('CIFAR-10 from the official archive: five files in order, test apart', async (t) => {
  const files = Object.fromEntries([3, 1, 2, 5, 4].map((n) => [`cifar-10-batches-bin/data_batch_${n}.bin`, record([n], n, 10 * n, 20 * n)]))
  dataOf(t, { 'cifar-10/cifar-10-binary.tar.gz': await tarGz({ ...files, 'cifar-10-batches-bin/test_batch.bin': record([9], 200, 100, 50), 'cifar-10-batches-bin/readme.html': 'CIFAR' }) })
  const train = await cifar10()
  assert.deepEqual(train.labels, [1, 2, 3, 4, 5])
  assert.deepEqual(train.batch(5).x.shape, [5, 3, 32, 32])
  assert.deepEqual(colours(train.batch(2).x), [[1, 10, 20], [2, 20, 40]])
  assert.deepEqual([train.name, train.complete, train.classes?.[9]], ['CIFAR-10', false, 'truck'])
  const held = await cifar10({ train: false })
  assert.deepEqual([held.name, held.labels, colours(held.batch(1).x)], ['CIFAR-10 test', [9], [[200, 100, 50]]])
})

test('CIFAR-10 from the copy as JPEG says what it is, and takes the images without loss where it has them', async (t) => {
  const jpeg = async (background: string) => sharp({ create: { width: 32, height: 32, channels: 3, background } }).jpeg({ quality: 95 }).toBuffer()
  const packed = (...files: Buffer[]) => gzipSync(Buffer.concat(files.flatMap((file) => [Buffer.from(Uint32Array.of(file.length).buffer), file])))
  const [grey, white] = [await jpeg('#808080'), await jpeg('#ffffff')]
  const data = {
    'cifar-10/train.jpgs.gz': packed(grey, white), 'cifar-10/train_labels.u8': Uint8Array.of(6, 3),
    'cifar-10/test.jpgs.gz': packed(white), 'cifar-10/test_labels.u8': Uint8Array.of(0),
    'cifar-10/data_batch_1.first4000.bin.gz': gzipSync(record([6], 1, 2, 3)),
  }
  dataOf(t, data)
  const train = await cifar10()
  assert.deepEqual([train.name, train.complete, train.labels], ['CIFAR-10 (JPEG copy)', false, [6, 3]])
  assert.deepEqual(colours(train.batch(2).x), [[1, 2, 3], [255, 255, 255]])
  assert.deepEqual((await cifar10({ train: false })).labels, [0])
  dataOf(t, { ...data, 'cifar-10/train.jpgs.gz': packed(grey, white.subarray(0, 100)) })
  await assert.rejects(cifar10(), /train\.jpgs\.gz, image 1 \(100 bytes\) is a damaged or truncated JPEG/)
  dataOf(t, { ...data, 'cifar-10/train.jpgs.gz': packed(grey) })
  await assert.rejects(cifar10(), /train\.jpgs\.gz is damaged: image 1 of 2 ends beyond byte/)
})

test('CIFAR-100 has fine and coarse labels, each with its names', async (t) => {
  const fine = Array.from({ length: 100 }, (_, i) => `fine_${i}`).join('\n')
  const coarse = Array.from({ length: 20 }, (_, i) => `coarse_${i}`).join('\n')
  const archive = (train: Uint8Array) => tarGz({
    'cifar-100-binary/fine_label_names.txt': `${fine}\n`, 'cifar-100-binary/coarse_label_names.txt': `${coarse}\n`,
    'cifar-100-binary/train.bin': train, 'cifar-100-binary/test.bin': record([3, 33], 5, 6, 7),
  })
  dataOf(t, { 'cifar-100/cifar-100-binary.tar.gz': await archive(Buffer.concat([record([19, 99], 1, 2, 3), record([0, 4], 4, 5, 6)])) })
  const train = await cifar100()
  assert.deepEqual([train.labels, train.classes?.[99], colours(train.batch(2).x)], [[99, 4], 'fine_99', [[1, 2, 3], [4, 5, 6]]])
  const coarsely = await cifar100({ labels: 'coarse', train: false })
  assert.deepEqual([coarsely.labels, coarsely.classes?.length], [[3], 20])
  dataOf(t, { 'cifar-100/cifar-100-binary.tar.gz': await archive(record([19, 100], 1, 2, 3)) })
  await assert.rejects(cifar100(), /sample 0 has the label 100, and there are 100 classes/)
  dataOf(t, { 'cifar-100/cifar-100-binary.tar.gz': await archive(record([1, 2], 1, 2, 3).subarray(0, 3000)) })
  await assert.rejects(cifar100(), /file 1 of 1 has 3,000 bytes, no multiple of the 3074 that an image takes/)
})

test('an archive that is cut off or is none is named', async (t) => {
  const whole = await tarGz({ 'cifar-10-batches-bin/data_batch_1.bin': Uint8Array.from({ length: 3073 }, (_, i) => (i * i * 7919) >> 3) })
  dataOf(t, { 'cifar-10/cifar-10-binary.tar.gz': whole.subarray(0, whole.length - 500) })
  await assert.rejects(cifar10(), /cifar-10-binary\.tar\.gz is damaged or truncated: .+ Fetch it again\.$/)
  dataOf(t, { 'cifar-10/cifar-10-binary.tar.gz': 'not an archive' })
  await assert.rejects(cifar10(), /cifar-10-binary\.tar\.gz is damaged or truncated/)
  dataOf(t, { 'cifar-10/cifar-10-binary.tar.gz': await tarGz({ 'other.txt': 'hello' }) })
  await assert.rejects(cifar10(), /cifar-10-binary\.tar\.gz holds 0 of the files data_batch_1\.bin to data_batch_5\.bin/)
})
