import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { packageFolder } from '../../../lib/files.ts'
import { publishedWeights, readWeights } from '../../../lib/nn/weights.ts'
import { temporaryFolder, useData } from '../data/folder.ts'

const shipped = join(packageFolder(), 'notebooks', 'data', 'lprnet')

function copyOfWeights(t: TestContext): string {
  const folder = temporaryFolder(t)
  for (const file of ['weights.json', 'weights.bin']) writeFileSync(join(folder, file), readFileSync(join(shipped, file)))
  return folder
}

test("LPRNet's published weights: 446,976 parameters by name", (t) => {
  useData(t, undefined)
  const weights = publishedWeights('lprnet')
  const parameters = [...weights].filter(([name]) => /\.(weight|bias)$/.test(name))
  assert.equal(parameters.reduce((sum, [, { size }]) => sum + size, 0), 446_976)
  assert.deepEqual(weights.get('container.0.weight')?.shape, [68, 516, 1, 1])
  assert.equal(weights.get('backbone.1.num_batches_tracked')?.dtype, 'int64')
  const variance = weights.get('backbone.1.running_var')!.data as Float32Array
  assert.ok(variance.every((v) => v > 0))
})

test('weights in HONE_DATA are taken before those that ship', (t) => {
  const data = temporaryFolder(t)
  const folder = join(data, 'lprnet')
  useData(t, data)
  assert.equal(publishedWeights('lprnet').size, 62, 'nothing there: the ones that ship')
  mkdirSync(folder)
  writeFileSync(join(folder, 'weights.json'), JSON.stringify({ tensors: [{ name: 'w', dtype: 'float32', shape: [2], byteOffset: 4 }] }))
  writeFileSync(join(folder, 'weights.bin'), new Uint8Array(Float32Array.of(1, 2, 3).buffer))
  assert.deepEqual([...publishedWeights('lprnet')].map(([name, { data: values }]) => [name, ...(values as Float32Array)]), [['w', 2, 3]])
})

test('a truncated file of values names the tensor that it cuts', (t) => {
  const folder = copyOfWeights(t)
  const path = join(folder, 'weights.bin')
  writeFileSync(path, readFileSync(path).subarray(0, 1000))
  assert.throws(() => readWeights(folder), /weights\.bin is truncated: it has 1,000 bytes, and backbone\.0\.weight ends at byte 6,912/)
})

test('one wrong bit is seen where SHA256SUMS stands beside', (t) => {
  const folder = copyOfWeights(t)
  copyFileSync(join(shipped, 'SHA256SUMS'), join(folder, 'SHA256SUMS'))
  const path = join(folder, 'weights.bin')
  const bytes = readFileSync(path)
  bytes[123_456] ^= 1
  writeFileSync(path, bytes)
  assert.throws(() => readWeights(folder), /weights\.bin is damaged: its 1,796,176 bytes do not match the SHA256SUMS/)
})

test('an index that is missing, is no JSON, or describes no tensors is named', (t) => {
  const folder = copyOfWeights(t)
  const index = (text: string) => writeFileSync(join(folder, 'weights.json'), text)
  const entry = { name: 'w', dtype: 'float32', shape: [2], byteOffset: 0 }
  index('{"tensors": [')
  assert.throws(() => readWeights(folder), /weights\.json is not JSON/)
  index('null')
  assert.throws(() => readWeights(folder), /weights\.json has no list "tensors"/)
  for (const wrong of [null, { ...entry, shape: [-1] }, { ...entry, shape: 2 }, { ...entry, dtype: 'float33' }, { ...entry, byteOffset: 0.5 }, { ...entry, name: 3 }]) {
    index(JSON.stringify({ tensors: [entry, wrong] }))
    assert.throws(() => readWeights(folder), /weights\.json: tensors\[1\] lacks a sound name, dtype, shape or byteOffset/)
  }
  index(JSON.stringify({ tensors: [{ ...entry, shape: [1e9, 1e9] }] }))
  assert.throws(() => readWeights(folder), /weights\.bin is truncated/)
  assert.throws(() => readWeights(join(folder, 'nowhere')), /weights\.json is missing/)
})
