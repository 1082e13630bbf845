import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import type { Worker } from 'node:worker_threads'
import sharp from 'sharp'
import { correctClass, softTargets } from '../../../lib/data/classes.ts'
import { Dataset } from '../../../lib/data/dataset.ts'
import { imageFolder } from '../../../lib/data/image-folder.ts'
import { DataLoader, type LoaderOptions } from '../../../lib/data/loader.ts'
import { mixup, normalize, randomCrop, randomErase, randomFlip, resize, toFloat } from '../../../lib/data/transforms.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { temporaryFolder } from './folder.ts'

/** `count` pictures of 3 x 8 x 8 pixels, no two alike; sample i has the label i modulo 10. */
function pictures(count: number): Dataset<number> {
  const pixels = Uint8Array.from({ length: count * 192 }, (_, i) => (i * 31 + Math.floor(i / 192) * 7) % 251)
  return Dataset.of({
    name: 'patterns', source: 'memory', complete: true,
    inputs: { x: Tensor.raw('uint8', [count, 3, 8, 8], pixels) },
    transforms: [toFloat()],
    labels: Array.from({ length: count }, (_, i) => i % 10),
    correct: correctClass,
  })
}

const augmented = [randomCrop({ padding: 2 }), randomFlip(), randomErase(), resize({ height: 6, width: 7 }), normalize({ mean: 0.5, std: [0.2, 0.3, 0.4] }), mixup({ alpha: 0.4 })]

interface Seen {
  readonly values: readonly number[]
  readonly labels: readonly number[]
  readonly indices: readonly number[]
  readonly mixed: unknown
}

/** What comes out of some epochs, batch by batch, copied. */
async function seen(t: TestContext, dataset: Dataset<number>, options: LoaderOptions, epochs = 1): Promise<Seen[]> {
  const loader = new DataLoader(dataset, options)
  t.after(() => loader.close())
  const batches: Seen[] = []
  for (let epoch = 0; epoch < epochs; epoch++)
    for await (const { inputs, labels, indices, mixed } of loader) batches.push({ values: inputs.x.toNumbers(), labels, indices, mixed })
  return batches
}

test('order, augmentation and blending are the same with any number of workers', async (t) => {
  const options = { batchSize: 7, shuffle: true, seed: 5, transforms: augmented }
  const alone = await seen(t, pictures(40), options, 3)
  assert.equal(alone.length, 18)
  for (const workers of [1, 3]) assert.deepEqual(await seen(t, pictures(40), { ...options, workers, prefetch: workers }, 3), alone)
  const [first, second] = [alone.slice(0, 6), alone.slice(6, 12)]
  for (const epoch of [first, second]) assert.deepEqual(epoch.flatMap(({ indices }) => indices).sort((a, b) => a - b), Array.from({ length: 40 }, (_, i) => i))
  assert.notDeepEqual(first.map(({ indices }) => indices), second.map(({ indices }) => indices), 'every epoch has its own order')
  assert.notDeepEqual(await seen(t, pictures(40), { ...options, seed: 6 }), first)
})

test('an epoch can be had again by its number', async (t) => {
  const loader = new DataLoader(pictures(20), { batchSize: 4, shuffle: true, workers: 2, transforms: augmented })
  t.after(() => loader.close())
  const epoch = async (number: number, first?: number) => {
    const values: number[][] = []
    for await (const { inputs } of loader.epoch(number, first)) values.push(inputs.x.toNumbers())
    return values
  }
  const third = await epoch(3)
  assert.notDeepEqual(await epoch(4), third)
  assert.deepEqual(await epoch(3), third)
  assert.deepEqual(await epoch(3, 2), third.slice(2))
})

test('an epoch that begins at a later batch reads no file of those before', async (t) => {
  const folder = temporaryFolder(t)
  mkdirSync(join(folder, 'cat'))
  for (const name of ['0.png', '1.png', '2.png']) await sharp({ create: { width: 4, height: 4, channels: 3, background: '#336699' } }).toFile(join(folder, 'cat', name))
  const dataset = imageFolder(folder, { height: 4, width: 4 })
  writeFileSync(join(folder, 'cat', '0.png'), 'damaged')
  const read: number[] = []
  for await (const { indices } of new DataLoader(dataset, { batchSize: 1 }).epoch(0, 1)) read.push(...indices)
  assert.deepEqual(read, [1, 2])
})

test('without a shuffle and with the data set\'s own transforms, batches are those of the data set', async (t) => {
  const part = pictures(30).slice(5, 28)
  const expected = [...part.batches(5)].map(({ inputs, labels, indices }) => ({ values: inputs.x.toNumbers(), labels, indices, mixed: undefined }))
  assert.deepEqual(await seen(t, part, { batchSize: 5, workers: 2 }), expected)
  assert.deepEqual(await seen(t, part, { batchSize: 5, dropLast: true }), expected.slice(0, 4))
  assert.equal(new DataLoader(part, { batchSize: 5 }).size, 5)
  assert.equal(new DataLoader(part, { batchSize: 5, dropLast: true }).size, 4)
})

test('inputs that are no pictures come as they are, several of them too', async (t) => {
  const dataset = Dataset.of<string>({
    name: 'pairs', source: 'memory', complete: true,
    inputs: { tokens: Tensor.int64([1, 2, 3]).reshape([3, 1]), weight: Tensor.float32([3], [0.5, 0.25, 0.125]) },
    labels: ['a', 'b', 'c'], correct: () => [],
  })
  const loader = new DataLoader(dataset, { batchSize: 2, workers: 1 })
  t.after(() => loader.close())
  const batches: unknown[] = []
  for await (const { inputs, labels } of loader) batches.push([inputs.tokens.dtype, inputs.tokens.toNumbers(), inputs.weight.toNumbers(), labels])
  assert.deepEqual(batches, [['int64', [1, 2], [0.5, 0.25], ['a', 'b']], ['int64', [3], [0.125], ['c']]])
})

test('blended pictures are between their two, and their labels say how far', async () => {
  const dataset = pictures(16)
  const [{ inputs: { x }, labels, mixed }] = await seenBatches(new DataLoader(dataset, { batchSize: 16, transforms: [toFloat(), mixup({ alpha: 1 })] }))
  const plain = dataset.batch(16).x.toNumbers()
  const partners = mixed!.labels.map((label) => labels.indexOf(label))
  assert.ok(mixed!.shares.every((share) => share >= 0 && share <= 1))
  assert.deepEqual([...mixed!.labels].sort(), [...labels].sort())
  const soft = softTargets({ labels, mixed }, 10)
  assert.deepEqual(soft.shape, [16, 10])
  for (let n = 0; n < 16; n++) assert.ok(Math.abs(soft.toNumbers().slice(10 * n, 10 * n + 10).reduce((sum, share) => sum + share, 0) - 1) < 1e-6)
  const n = partners.findIndex((partner, i) => labels.lastIndexOf(labels[partner]) === partner && partner !== i)
  const blended = plain.slice(192 * n, 192 * (n + 1)).map((a, i) => mixed!.shares[n] * a + (1 - mixed!.shares[n]) * plain[192 * partners[n] + i])
  x.toNumbers().slice(192 * n, 192 * (n + 1)).forEach((value, i) => assert.ok(Math.abs(value - blended[i]) < 1e-6))
})

async function seenBatches<Label>(loader: DataLoader<Label>) {
  const batches = []
  for await (const batch of loader) batches.push(batch)
  return batches
}

test('a batch is gone when the next one is asked for, with and without workers', async (t) => {
  for (const workers of [0, 2]) {
    const loader = new DataLoader(pictures(40), { batchSize: 4, workers })
    t.after(() => loader.close())
    const batches = await seenBatches(loader)
    assert.equal(batches[0].inputs.x.bytes.length, 0)
    assert.equal(batches.at(-1)!.inputs.x.bytes.length, 4 * 192 * 4)
  }
})

test('a damaged file is named, whoever reads it, and the loader goes on when it is mended', async (t) => {
  const folder = temporaryFolder(t)
  for (const name of ['cat/0.jpg', 'cat/1.png', 'dog/2.jpg', 'dog/3.jpg']) {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    await sharp({ create: { width: 10, height: 8, channels: 3, background: '#336699' } }).toFile(join(folder, name))
  }
  const dataset = imageFolder(folder)
  const whole = await sharp(join(folder, 'dog/2.jpg')).toBuffer()
  writeFileSync(join(folder, 'dog/2.jpg'), whole.subarray(0, 200))
  for (const workers of [0, 2]) {
    const loader = new DataLoader(dataset, { batchSize: 1, workers })
    t.after(() => loader.close())
    let arrived = 0
    const epoch = async () => {
      for await (const batch of loader) arrived += batch.labels.length
    }
    await assert.rejects(epoch, /dog.2\.jpg \(200 bytes\) is a damaged or truncated JPEG/)
    assert.equal(arrived, 2)
    writeFileSync(join(folder, 'dog/2.jpg'), whole)
    await epoch()
    assert.equal(arrived, 6)
    writeFileSync(join(folder, 'dog/2.jpg'), whole.subarray(0, 200))
  }
})

test('a transform that does not fit names the data set and the sample', async () => {
  const epoch = () => seenBatches(new DataLoader(pictures(3), { batchSize: 2, transforms: [randomCrop({ height: 20, width: 20 })] }))
  await assert.rejects(epoch, /patterns, sample 0: randomCrop to 20 x 20 is larger than the picture, 8 x 8/)
  await assert.rejects(() => seenBatches(new DataLoader(pictures(3), { batchSize: 2, transforms: [mixup()] })), /mixup blends float32 inputs, not uint8/)
})

test('twenty epochs use the same threads and no more memory; closing ends them', async (t) => {
  const alive = new Set<Worker>()
  const count = (worker: Worker) => {
    alive.add(worker)
    worker.on('exit', () => alive.delete(worker))
  }
  process.on('worker', count)
  t.after(() => process.off('worker', count))
  const loader = new DataLoader(pictures(2000), { batchSize: 100, workers: 2, shuffle: true, transforms: augmented })
  const sizes: number[] = []
  for (let epoch = 0; epoch < 20; epoch++) {
    for await (const { labels } of loader) assert.equal(labels.length, 100)
    sizes.push(process.memoryUsage().arrayBuffers)
    assert.equal(alive.size, 2)
  }
  assert.ok(sizes.at(-1)! - sizes[1] < 8e6, `from ${sizes[1]} to ${sizes.at(-1)} bytes`)
  await loader.close()
  assert.equal(alive.size, 0)
})

/** What a program of its own prints that has `dataset`, of 1,000 samples, and `DataLoader`. @throws Error where it ends with another code than 0. */
async function printed(program: string): Promise<string> {
  const at = (path: string) => JSON.stringify(new URL(path, import.meta.url).href)
  const beginning = `
    const [{ Dataset }, { DataLoader }, { Tensor }] = await Promise.all([import(${at('../../../lib/data/dataset.js')}), import(${at('../../../lib/data/loader.js')}), import(${at('../../../lib/graph/tensor.js')})])
    const dataset = Dataset.of({ name: 'n', source: 's', complete: true, inputs: { x: Tensor.zeros('float32', [1000, 4]) }, labels: Array(1000).fill(0), correct: () => [] })`
  return (await promisify(execFile)(process.execPath, ['--input-type=module', '-e', `${beginning}\n${program}`], { timeout: 8000 })).stdout
}

test('a loop that is left early leaves nothing that keeps the process alive', async () => {
  const program = `
    for await (const { indices } of new DataLoader(dataset, { batchSize: 10, workers: 2 })) if (indices[0] === 30) break
    console.log('left')`
  assert.equal(await printed(program), 'left\n')
})

test('a program whose loader is closed while batches arrive goes on after it', async () => {
  const program = `
    const loader = new DataLoader(dataset, { batchSize: 10, workers: 2 })
    await loader[Symbol.asyncIterator]().next()
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)
    await loader.close()
    console.log('closed')`
  assert.equal(await printed(program), 'closed\n')
})

test('a worker thread that dies is said, and the next epoch has new ones', async (t) => {
  const loader = new DataLoader(pictures(100), { batchSize: 5, workers: 1 })
  t.after(() => loader.close())
  const kill = (worker: Worker) => void worker.terminate()
  process.on('worker', kill)
  await assert.rejects(() => seenBatches(loader), /a data loader's worker thread ended early \(exit code \d\)/)
  process.off('worker', kill)
  assert.equal((await seenBatches(loader)).length, 20)
})

test('an interrupted cell stops waiting, and the loader works in the next one', async (t) => {
  const cell = Symbol.for('hone.cell')
  const host = globalThis as { [cell]?: { signal: AbortSignal } }
  t.after(() => delete host[cell])
  for (const workers of [0, 2]) {
    const loader = new DataLoader(pictures(50), { batchSize: 5, workers })
    t.after(() => loader.close())
    const controller = new AbortController()
    host[cell] = { signal: controller.signal }
    let batches = 0
    await assert.rejects(async () => {
      for await (const { labels } of loader) if (labels.length === 5 && ++batches === 3) controller.abort(new Error('Interrupted'))
    }, /^Error: Interrupted$/)
    assert.equal(batches, 3)
    delete host[cell]
    assert.equal((await seenBatches(loader)).length, 10)
  }
})

test('numbers that make no loader are refused', () => {
  const dataset = pictures(3)
  assert.throws(() => new DataLoader(dataset, { batchSize: 0 }), /batchSize is a whole number from 1 on, not 0/)
  assert.throws(() => new DataLoader(dataset, { batchSize: 2, workers: -1 }), /workers is a whole number from 0 on, not -1/)
  assert.throws(() => new DataLoader(dataset, { batchSize: 2, prefetch: 0 }), /prefetch/)
  assert.throws(() => new DataLoader(dataset, { batchSize: 4, dropLast: true }), /patterns: 3 samples do not fill a batch of 4/)
  assert.throws(() => new DataLoader(dataset.take(0), { batchSize: 1 }), /patterns: 0 samples/)
})
