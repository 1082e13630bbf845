import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deflateSync } from 'node:zlib'
import { readMat } from '../../../lib/data/mat.ts'
import { svhn } from '../../../lib/data/svhn.ts'
import { dataOf } from './folder.ts'
import { join } from 'node:path'

const word = (...values: number[]): Buffer => Buffer.from(Int32Array.from(values).buffer)

/** A data element: tag, data, padding to eight bytes. */
function element(type: number, data: Buffer): Buffer {
  return Buffer.concat([word(type, data.length), data, Buffer.alloc((8 - (data.length % 8)) % 8)])
}

/** Up to four bytes stand within the tag. */
const small = (type: number, data: Buffer): Buffer => Buffer.concat([word((data.length << 16) | type), data, Buffer.alloc(4 - data.length)])

/** A matrix: flags, dimensions, name, numbers. */
function matrix(name: string, shape: readonly number[], type: number, values: Buffer): Buffer {
  const label = Buffer.from(name)
  return element(14, Buffer.concat([element(6, word(9, 0)), element(5, word(...shape)), label.length <= 4 ? small(1, label) : element(1, label), element(type, values)]))
}

/** MATLAB's compressed elements are not padded. */
const compressed = (data: Buffer): Buffer => {
  const packed = deflateSync(data)
  return Buffer.concat([word(15, packed.length), packed])
}

const mat = (...elements: Buffer[]): Buffer => {
  const header = Buffer.alloc(128, 'MATLAB 5.0 MAT-file'.padEnd(124))
  header.writeUInt16LE(0x0100, 124)
  header.write('IM', 126, 'latin1')
  return Buffer.concat([header, ...elements])
}

/** Pixel (y, x) of channel c of sample n, as SVHN orders them. */
const value = (y: number, x: number, c: number, n: number): number => (y + 2 * x + 50 * c + 7 * n) % 256
const X = Buffer.alloc(32 * 32 * 3 * 2)
for (let n = 0; n < 2; n++) for (let c = 0; c < 3; c++) for (let x = 0; x < 32; x++) for (let y = 0; y < 32; y++) X[y + 32 * (x + 32 * (c + 3 * n))] = value(y, x, c, n)

const images = matrix('X', [32, 32, 3, 2], 2, X)
const labels = matrix('y', [2, 1], 9, Buffer.from(Float64Array.of(10, 3).buffer))

test('SVHN: columns become rows, label 10 is the digit 0, compressed or not', async (t) => {
  for (const file of [mat(compressed(images), compressed(labels)), mat(images, labels), mat(compressed(images), matrix('y', [2, 1], 2, Buffer.from([10, 3])))]) {
    dataOf(t, { 'svhn/train_32x32.mat': file })
    const digits = await svhn()
    assert.deepEqual([digits.labels, digits.complete], [[0, 3], false])
    const { x } = digits.batch(2)
    assert.deepEqual(x.shape, [2, 3, 32, 32])
    const pixel = (n: number, c: number, y: number, column: number) => Math.round(255 * Number(x.data[((n * 3 + c) * 32 + y) * 32 + column]))
    for (const [n, c, y, column] of [[0, 0, 0, 1], [0, 2, 31, 4], [1, 1, 5, 30], [1, 2, 31, 31]]) assert.equal(pixel(n, c, y, column), value(y, column, c, n))
  }
})

test('numbers of every type are read, other arrays are passed over', (t) => {
  const text = element(14, Buffer.concat([element(6, word(4, 0)), element(5, word(1, 2)), small(1, Buffer.from('s')), element(16, Buffer.from('hi'))]))
  const data = dataOf(t, { 'all.mat': mat(text,
    compressed(matrix('int8', [1, 2], 1, Buffer.from(Int8Array.of(-1, 2).buffer))), matrix('int16', [1], 3, Buffer.from(Int16Array.of(-300).buffer)), matrix('uint16', [1], 4, Buffer.from(Uint16Array.of(60_000).buffer)),
    matrix('int32', [1], 5, word(-70_000)), matrix('uint32', [1], 6, word(-1)), matrix('single', [1], 7, Buffer.from(Float32Array.of(0.5).buffer)), matrix('double', [2, 1], 9, Buffer.from(Float64Array.of(0.1, -2).buffer))) })
  const arrays = readMat(join(data, 'all.mat'))
  assert.deepEqual(Object.fromEntries([...arrays].map(([name, { data: numbers }]) => [name, Array.from(numbers)])),
    { int8: [-1, 2], int16: [-300], uint16: [60_000], int32: [-70_000], uint32: [2 ** 32 - 1], single: [0.5], double: [0.1, -2] })
})

test('a damaged file is named with the byte', async (t) => {
  const whole = mat(compressed(images), compressed(labels))
  const second = 128 + compressed(images).length
  dataOf(t, { 'svhn/test_32x32.mat': whole.subarray(0, whole.length - 3) })
  await assert.rejects(svhn({ train: false }), new RegExp(`test_32x32\\.mat is damaged or truncated in the array that begins at byte ${second.toLocaleString('en')}: .+ Fetch it again`))
  const tampered = Buffer.from(whole)
  tampered[200] ^= 0xff
  dataOf(t, { 'svhn/test_32x32.mat': tampered })
  await assert.rejects(svhn({ train: false }), /test_32x32\.mat is damaged or truncated in the array that begins at byte 128/)
  dataOf(t, { 'svhn/test_32x32.mat': 'MATLAB 7.3' })
  await assert.rejects(svhn({ train: false }), /is not a little-endian MATLAB 5 file/)
  dataOf(t, { 'svhn/test_32x32.mat': mat(images) })
  await assert.rejects(svhn({ train: false }), /holds X \[32,32,3,2\] and y \[nothing\]/)
})
