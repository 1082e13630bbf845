import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import * as nn from '../../../lib/nn/index.ts'
import { adam, clipNorm, cosine, crossEntropy, fit, lastFit, load, mixed, sgd, type FitOptions, type Optimizer } from '../../../lib/train/index.ts'
import { temporaryFolder } from '../data/folder.ts'
import { blobs, network, options, weightsOf } from './blobs.ts'

const settings: FitOptions<number> = { ...options, epochs: 6, optimizer: adam({ lr: 0.01 }) }

/** Trains in a process of its own until it has told of `steps` steps, and kills it there. */
function killedAfter(steps: number, path: string): Promise<void> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./killable.js', import.meta.url)), path], { stdio: ['ignore', 'pipe', 'inherit'] })
  child.stdout.on('data', (text: Buffer) => {
    if (String(text).split('\n').some((line) => Number(line) >= steps)) child.kill('SIGKILL')
  })
  return new Promise((resolve) => child.on('exit', () => resolve()))
}

for (const steps of [4, 11, 25])
  test(`a run that is killed at step ${steps} goes on to the very bits of one that never stopped`, async (t) => {
    const path = join(temporaryFolder(t), 'run.safetensors')
    await killedAfter(steps, path)
    const resumed = await fit(network(), blobs(64), { ...settings, checkpoint: { path, resume: true } })
    const whole = await fit(network(), blobs(64), settings)
    assert.deepEqual(resumed.losses, whole.losses)
    assert.deepEqual(weightsOf(resumed.model), weightsOf(whole.model))
    assert.equal(resumed.epochs.length, 6)
  })

/** How a second epoch of two steps is left between its last step and its record. */
const leavings: Record<string, () => Partial<FitOptions<number>>> = {
  'in its validation': () => {
    let calls = 0
    return { metrics: { own: () => { if (calls++ === 2) throw new Error('gone'); return 1 } } }
  },
  'after its last step': () => ({ callbacks: { step: ({ step }) => (step === 4 ? 'stop' : undefined) } }),
}

for (const [where, leaving] of Object.entries(leavings))
  test(`an epoch that was left ${where} is measured and recorded when the run goes on`, async (t) => {
    const checkpoint = { path: join(temporaryFolder(t), 'run.safetensors'), every: 1 }
    const measured = { ...settings, epochs: 3, validation: blobs(8), metrics: { own: () => 1 } }
    await fit(network(), blobs(16), { ...measured, ...leaving(), checkpoint }).catch(({ message }: Error) => assert.match(message, /gone/))
    const resumed = await fit(network(), blobs(16), { ...measured, checkpoint: { ...checkpoint, resume: true } })
    const figures = (run: typeof resumed) => run.epochs.map(({ epoch, step, loss, validation }) => ({ epoch, step, loss, validation }))
    assert.deepEqual(figures(resumed), figures(await fit(network(), blobs(16), measured)))
  })

test('more epochs go on where fewer ended; early stopping remembers its best epoch', async (t) => {
  const path = join(temporaryFolder(t), 'run.safetensors')
  const more = { ...settings, validation: blobs(24, { told: (label) => (label + 1) % 3 }), earlyStopping: { patience: 3 } }
  const whole = await fit(network(), blobs(64), more)
  await fit(network(), blobs(64), { ...more, epochs: 1, checkpoint: path })
  const resumed = await fit(network(), blobs(64), { ...more, checkpoint: { path, resume: true } })
  assert.equal(resumed.ending, 'early')
  assert.deepEqual(resumed.losses, whole.losses)
  assert.deepEqual(weightsOf(resumed.model), weightsOf(whole.model))
})

test('a checkpoint that is there is not written over without a word', async (t) => {
  const path = join(temporaryFolder(t), 'run.safetensors')
  await fit(network(), blobs(16), { ...settings, epochs: 1, checkpoint: path })
  await assert.rejects(fit(network(), blobs(16), { ...settings, checkpoint: path }), /run\.safetensors is there already: say resume: true to go on from it, or resume: false/)
})

test('a checkpoint of another run is refused, with what differs', async (t) => {
  const path = join(temporaryFolder(t), 'run.safetensors')
  await fit(network(), blobs(16), { ...settings, epochs: 1, checkpoint: path })
  const resumed = (layer: nn.Layer, more: Partial<FitOptions<number>> = {}, count = 16) => fit(layer, blobs(count), { ...settings, ...more, checkpoint: { path, resume: true } })
  await assert.rejects(resumed(nn.sequential(nn.flatten(), nn.linear(64, 3))), /is of another run: it holds 0\.weight, 0\.bias, 6\.weight and \d+ more beside/)
  await assert.rejects(resumed(nn.sequential(nn.conv2d(1, 4, 5, { padding: 2 }), nn.batchNorm2d(4), nn.relu(), nn.maxPool2d(2), nn.dropout(0.2), nn.flatten(), nn.linear(64, 3))), /its 0\.weight is float32\[4,1,3,3\], and float32\[4,1,5,5\] is needed/)
  await assert.rejects(resumed(network(), { optimizer: 'sgd' }), /is of another run: "optimizer" was adam, and now it is sgd\. To train its model in another way, begin with `await train\.load\(path\)`\./)
  await assert.rejects(resumed(network(), { seed: 5 }), /"seed" was 0, and now it is 5/)
  await assert.rejects(resumed(network(), {}, 24), /"samples" was 16, and now it is 24/)
  await assert.rejects(resumed(network(), { schedule: cosine() }), /"epochs" was not set, and now it is 6/)
})

test('a checkpoint of a network that computes otherwise is refused, though its parameters have the same names and shapes', async (t) => {
  const path = join(temporaryFolder(t), 'run.safetensors')
  const net = (between: nn.Layer, seed = 0) => nn.build(nn.sequential(nn.flatten(), nn.linear(64, 4), between, nn.linear(4, 3)), { x: ['N', 1, 8, 8] }, { seed })
  const started = (model: nn.Model, more: Partial<FitOptions<number>> = {}, resume = false) => fit(model, blobs(16), { ...settings, epochs: 1, ...more, checkpoint: { path, resume } })
  await started(net(nn.relu()))
  await assert.rejects(started(net(nn.tanh()), {}, true), /is of another run: its network differs at 2 \(Relu\): Relu\([^)]*\) there, and Tanh\([^)]*\) here\./)
  assert.equal((await started(net(nn.relu(), 5), { epochs: 2 }, true)).epochs.length, 2, 'what is trained comes from the checkpoint')
  await started(net(nn.relu()).freeze('1'))
  await assert.rejects(started(net(nn.relu(), 5).freeze('1'), {}, true), /its network differs at 1 \(Gemm\): Gemm\([^)]*1\.weight #\w{8}.* there, and Gemm\([^)]*1\.weight #/)
  await started(net(nn.relu()), { precision: mixed('float16') })
  await assert.rejects(started(net(nn.relu()), { precision: mixed('float16', { keep: /^1$/ }) }, true), /"precision: keep" was null, and now it is \/\^1\$\//)
  await assert.rejects(started(net(nn.relu()), { precision: mixed('float16', { deny: ['Gemm'] }) }, true), /"precision: allow" was Conv,ConvTranspose,Gemm,MatMul, and now it is Conv,ConvTranspose,MatMul/)
  await assert.rejects(started(net(nn.relu()), {}, true), /"precision: dtype" was float16, and now it is float32/)
  const own = (factor: number): Optimizer => ({ name: 'own', lr: 0.1, state: [], update: factor === 1 ? ({ parameter }) => ({ parameter, state: [] }) : ({ parameter, graph }) => ({ parameter: graph.mul(parameter, factor), state: [] }) })
  await started(net(nn.relu()), { optimizer: own(1) })
  await assert.rejects(started(net(nn.relu()), { optimizer: own(0.5) }, true), /"update" was/)
})

test('a damaged or tampered checkpoint is named', async (t) => {
  const path = join(temporaryFolder(t), 'run.safetensors')
  await fit(network(), blobs(16), { ...settings, epochs: 1, checkpoint: path })
  const bytes = readFileSync(path)
  const resumed = () => fit(network(), blobs(16), { ...settings, checkpoint: { path, resume: true } })
  writeFileSync(path, bytes.subarray(0, bytes.length - 10))
  await assert.rejects(resumed(), /run\.safetensors is truncated or damaged: "hone\/network" ends at byte/)
  writeFileSync(path, bytes.subarray(0, 5))
  await assert.rejects(resumed(), /run\.safetensors is truncated, or no safetensors file: it has 5 bytes/)
  writeFileSync(path, Buffer.concat([bytes.subarray(0, 8), Buffer.from('#'), bytes.subarray(9)]))
  await assert.rejects(resumed(), /run\.safetensors is damaged: its header is not JSON/)
  const tampered = Buffer.from(bytes)
  tampered[bytes.length - 3000]! ^= 1
  writeFileSync(path, tampered)
  await assert.rejects(resumed(), /run\.safetensors is damaged: its content is not what was written \(SHA-256\)/)
  writeFileSync(path, String(bytes.toString('latin1')).replace('"step\\":2', '"step\\":1'), 'latin1')
  await assert.rejects(resumed(), /is damaged: its content is not what was written/)
})

test('where no checkpoint can be written is known before the first step; a folder that goes later loses nothing', async (t) => {
  const folder = temporaryFolder(t)
  await assert.rejects(fit(network(), blobs(16), { ...settings, checkpoint: join(folder, 'below', 'run.safetensors') }), /the checkpoint .*run\.safetensors cannot be written: ENOENT/)
  await assert.rejects(fit(network(), blobs(16), { ...settings, checkpoint: folder }), /cannot be written: .* is a folder, and a file would be put in its place/)
  await assert.rejects(fit(network(), blobs(16), { ...settings, checkpoint: { path: join(folder, 'run'), every: 0 } }), /checkpoint: every is a whole number from 1 on, not 0/)
  const gone = join(folder, 'gone')
  mkdirSync(gone)
  const losing = fit(network(), blobs(16), { ...settings, checkpoint: join(gone, 'run'), callbacks: { step: ({ step }) => { if (step === 2) rmdirSync(gone) } } })
  await assert.rejects(losing, ({ message }: Error) => /the checkpoint .*run could not be written: ENOENT/.test(message) && !message.includes('untouched'))
  assert.equal(lastFit()!.epochs.length, 1)
})

test('a pipe or a device in the place of a checkpoint or a model stays what it is', async (t) => {
  const path = join(temporaryFolder(t), 'pipe')
  if (spawnSync('mkfifo', [path]).status !== 0) return t.skip('no pipe can be made here')
  await assert.rejects(fit(network(), blobs(16), { ...settings, checkpoint: { path, resume: false } }), /the checkpoint .*pipe cannot be written: .*pipe is no regular file, and a file would be put in its place/)
  assert.throws(() => nn.build(network(), { x: ['N', 1, 8, 8] }).write(path), /pipe is no regular file/)
  assert.ok(statSync(path).isFIFO())
})

test('a checkpoint tells its model, without the network or the options it was trained with', async (t) => {
  const path = join(temporaryFolder(t), 'run.safetensors')
  const run = await fit(nn.build(network(), { x: ['N', 1, 8, 8] }).freeze('0'), blobs(16), { ...settings, epochs: 2, ema: 0.5, checkpoint: path })
  const model = await load(path)
  assert.deepEqual(weightsOf(model), weightsOf(run.model))
  assert.deepEqual([model.name, model.parameters, model.trainable], [run.model.name, run.model.parameters, run.model.trainable])
  assert.equal(String(model.graph.outputs[0]!.shape), String(run.model.graph.outputs[0]!.shape))
  const file = join(path, '..', 'model.onnx')
  model.write(file)
  assert.deepEqual(weightsOf(nn.Model.read(file)), weightsOf(run.model))
  assert.ok((await fit(model, blobs(16), { ...settings, epochs: 1 })).losses.every(Number.isFinite))
  const stopped = await fit(network(), blobs(24), { ...settings, epochs: 9, validation: blobs(24, { told: (label) => (label + 1) % 3 }), earlyStopping: { patience: 1 }, checkpoint: { path, resume: false } })
  assert.deepEqual(weightsOf(await load(path)), weightsOf(stopped.model), 'that of the best epoch')
  await assert.rejects(load(join(path, '..', 'none')), /none cannot be read: ENOENT/)
})

test('a parameter may be called as a part of a checkpoint is', async (t) => {
  const path = join(temporaryFolder(t), 'run.safetensors')
  const named: nn.Layer = (net, x) => net.builder.add(nn.sequential(nn.flatten(), nn.linear(64, 3))(net, x), net.parameter('losses', [3], nn.init.zeros))
  const { model } = await fit(named, blobs(16), { ...settings, epochs: 1, checkpoint: path })
  assert.deepEqual(weightsOf(await load(path)), weightsOf(model))
  assert.equal((await fit(named, blobs(16), { ...settings, epochs: 2, checkpoint: { path, resume: true } })).losses.length, 4)
})

test('a run is resumed with its own settings alone', async (t) => {
  const path = join(temporaryFolder(t), 'run.safetensors')
  const own: FitOptions<number> = { ...settings, epochs: 1, optimizer: sgd({ lr: 0.1, momentum: 0.9 }), clip: clipNorm(1) }
  await fit(network(), blobs(16), { ...own, checkpoint: path })
  const resumed = (more: Partial<FitOptions<number>>) => fit(network(), blobs(16), { ...own, epochs: 2, ...more, checkpoint: { path, resume: true } })
  await assert.rejects(resumed({ optimizer: sgd({ lr: 0.1, momentum: 0.5 }) }), /"momentum" was 0\.9, and now it is 0\.5/)
  await assert.rejects(resumed({ optimizer: sgd({ lr: 0.01, momentum: 0.9 }) }), /"lr" was 0\.1, and now it is 0\.01/)
  await assert.rejects(resumed({ clip: clipNorm(2) }), /"clip" was clipNorm\(1\), and now it is clipNorm\(2\)/)
  await assert.rejects(resumed({ loss: crossEntropy({ labelSmoothing: 0.1 }) }), /"loss" was crossEntropy, and now it is crossEntropy\(\{ labelSmoothing: 0\.1 \}\)/)
  await assert.rejects(resumed({ ema: 0.9 }), /"ema" was not set, and now it is 0\.9/)
  assert.equal((await resumed({ workers: 1, quiet: true })).losses.length, 4)
})

test('on a full disk the former checkpoint stays, nothing lies beside it, and it can be resumed', async (t) => {
  const [disk, folder] = [temporaryFolder(t), temporaryFolder(t)]
  // room for one checkpoint, and not for the next one beside it; -r and -m: a file system of its own without being root
  const script = 'mount -t tmpfs -o size=12k tmpfs "$1" || exit 99; "$2" "$3" "$1/run.safetensors"; status=$?; ls "$1"; cp "$1/run.safetensors" "$4"; exit $status'
  const { error, status, stdout, stderr } = spawnSync('unshare', ['-rm', 'sh', '-c', script, 'sh', disk, process.execPath, fileURLToPath(new URL('./killable.js', import.meta.url)), folder], { encoding: 'utf8' })
  if (error || status === 99 || /unshare/.test(stderr)) return t.skip(`no file system can be mounted here: ${error?.message ?? stderr}`)
  assert.equal(status, 1)
  assert.match(stderr, /the checkpoint .*run\.safetensors could not be written: the disk is full\. The one before it is untouched/)
  assert.deepEqual(stdout.trim().split('\n'), ['1', '2', '3', '4', '5', '6', 'run.safetensors'])
  const resumed = await fit(network(), blobs(64), { ...settings, checkpoint: { path: join(folder, 'run.safetensors'), resume: true } })
  assert.deepEqual(weightsOf(resumed.model), weightsOf((await fit(network(), blobs(64), settings)).model))
})

test('numbers that are not finite: an epoch\'s figures come back as they were, parameters are not written', async (t) => {
  const path = join(temporaryFolder(t), 'run.safetensors')
  const odd = { ...settings, validation: blobs(8), metrics: { number: () => NaN, other: () => -Infinity } }
  const before = await fit(network(), blobs(16), { ...odd, epochs: 1, checkpoint: path })
  const after = await fit(network(), blobs(16), { ...odd, epochs: 2, checkpoint: { path, resume: true } })
  assert.deepEqual(after.epochs[0], before.epochs[0])
  const former = readFileSync(path)
  const grown = nn.sequential(nn.flatten(), nn.linear(64, 3))
  await assert.rejects(fit(grown, blobs(8), { ...settings, optimizer: sgd({ lr: Number.MAX_VALUE }), epochs: 1, checkpoint: { path, resume: false } }), /is not written, since "1\.weight" is not finite after step 1\. The one before it is untouched\./)
  assert.deepEqual(readFileSync(path), former)
})

test("a notebook's interrupt ends training after a step, and the model is kept", async () => {
  const cell = Symbol.for('hone.cell')
  const abort = new AbortController()
  Object.assign(globalThis, { [cell]: { signal: abort.signal } })
  try {
    const run = await fit(network(), blobs(64), { ...settings, callbacks: { step: ({ step }) => { if (step === 5) abort.abort(new Error('interrupted')) } } })
    assert.equal(run.ending, 'interrupted')
    assert.equal(run.losses.length, 5)
    assert.equal(lastFit(), run)
  } finally {
    Reflect.deleteProperty(globalThis, cell)
  }
})
