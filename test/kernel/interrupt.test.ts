import assert from 'node:assert/strict'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { run, startKernel } from './harness.ts'
import { squareModel } from './model.ts'

const kernel = await startKernel()
await run(kernel, 'const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))\nlet n = 0')

/** Runs a cell that would never end and interrupts it; once more where the interrupt came before the cell. */
async function interrupted(code: string, afterMs = 100) {
  const cell = run(kernel, code)
  await sleep(afterMs)
  do await kernel.interrupt()
  while (!(await Promise.race([cell, sleep(20)])))
  return cell
}

const endless: Record<string, string> = {
  'a cell that spins': 'n = 42; for (;;) {}',
  'a cell that awaits for ever': 'n = 42; await new Promise(() => {})',
  'a cell that spins after an await': 'n = 42; await null; for (;;) {}',
  'a cell that spins in a timer': 'n = 42; setTimeout(() => { for (;;) {} }, 1); await sleep(1e6)',
  'a cell that spins in a promise reaction': 'n = 42; Promise.resolve().then(() => { for (;;) {} }); await sleep(1e6)',
  'a cell that catches every error in a loop': 'n = 42; for (;;) { try { await sleep(10) } catch {} }',
  'a cell that goes over an endless async generator': 'n = 42; for await (const _ of (async function* () { for (;;) { await sleep(10); yield 1 } })()) {}',
  'a cell in Atomics.wait': 'n = 42; Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)',
}

for (const [name, code] of Object.entries(endless)) {
  test(`${name} is interrupted and its variables are still there`, async () => {
    await run(kernel, 'n = 0')
    const { reply } = await interrupted(code)
    assert.equal(reply.status, 'error')
    assert.equal(reply.ename, 'Interrupted')
    assert.equal((await run(kernel, 'n')).result, '42')
  })
}

test('an interrupted loop of awaits stands still', async () => {
  await interrupted('n = 0; for (;;) { await sleep(10); n++ }', 200)
  const counts = await run(kernel, 'const before = n; await sleep(200); [before > 0, n - before]')
  assert.equal(counts.result, '[ true, 0 ]')
})

test('a function of an earlier cell that awaits in a loop stands still too', async () => {
  await run(kernel, 'async function forever() { for (;;) { await sleep(10); n++ } }')
  await interrupted('n = 0; await forever()', 200)
  assert.equal((await run(kernel, 'const was = n; await sleep(200); n - was')).result, '0')
})

test('finally blocks run, and the signal of the cell aborts', async () => {
  await run(kernel, 'let cleaned = false; let aborted = false')
  await interrupted(`
    globalThis[Symbol.for('hone.cell')].signal.addEventListener('abort', () => { aborted = true })
    try { await sleep(1e6) } finally { cleaned = true }`)
  assert.equal((await run(kernel, '[cleaned, aborted]')).result, '[ true, true ]')
})

test('an interrupt with no cell running does nothing', async () => {
  await kernel.interrupt()
  assert.equal((await run(kernel, 'n = 7; n')).result, '7')
})

test('SIGINT interrupts a cell that awaits', async () => {
  const cell = run(kernel, 'n = 8; await sleep(1e6)')
  await sleep(100)
  process.kill(kernel.pid, 'SIGINT')
  assert.equal((await cell).reply.ename, 'Interrupted')
  assert.equal((await run(kernel, 'n')).result, '8')
})

test('SIGINT does not end the kernel while a cell spins', async () => {
  const cell = run(kernel, 'n = 9; for (;;) {}')
  await sleep(100)
  process.kill(kernel.pid, 'SIGINT')
  await sleep(50)
  await kernel.interrupt()
  assert.equal((await cell).reply.ename, 'Interrupted')
  assert.equal((await run(kernel, 'n')).result, '9')
})

test('immediates that spin are interrupted, and later ones run', async () => {
  await interrupted('for (let i = 0; i < 3; i++) setImmediate(() => { for (;;) {} }); await new Promise(() => {})')
  await interrupted('await new Promise(() => {})')
  assert.equal((await run(kernel, 'await new Promise((resolve) => setImmediate(resolve, 5))')).result, '5')
})

test('addons that call back, and classes of addons, work and are interrupted', async () => {
  await run(kernel, "import sharp from 'sharp'\nconst red = sharp({ create: { width: 64, height: 64, channels: 3, background: 'red' } })")
  await interrupted('n = 0; for (;;) { await red.clone().resize(300).jpeg().toBuffer(); n++ }', 300)
  assert.equal((await run(kernel, '[n > 0, (await red.clone().png().toBuffer({ resolveWithObject: true })).info.width]')).result, '[ true, 64 ]')
  const sockets = await run(kernel, `
    import { Pull, Push } from 'zeromq'
    const push = new Push(), pull = new Pull()
    await push.bind('tcp://127.0.0.1:*')
    pull.connect(push.lastEndpoint!)
    await push.send('through an addon')
    const [received] = await pull.receive()
    push.close()
    pull.close();
    [String(received), pull instanceof Pull, pull.closed]`)
  assert.equal(sockets.result, "[ 'through an addon', true, true ]")
})

test('queued cells are aborted by an interrupt', async () => {
  const first = run(kernel, 'n = 3; for (;;) {}')
  const second = run(kernel, 'n = 99')
  await sleep(100)
  await kernel.interrupt()
  assert.equal((await first).reply.status, 'error')
  assert.equal((await second).reply.status, 'aborted')
  assert.equal((await run(kernel, 'n')).result, '3')
})

test('an interrupt while a package loads leaves the package whole', async () => {
  const cell = run(kernel, "for (let i = 0; ; i++) await import('acorn?' + i)")
  await sleep(300)
  await kernel.interrupt()
  await cell
  const after = await run(kernel, "import { parse } from 'acorn'\nparse('1', { ecmaVersion: 2022 }).type")
  assert.equal(after.result, "'Program'")
})

const folder = mkdtempSync(join(tmpdir(), 'hone-interrupt-'))
const file = join(folder, 'square.onnx')
writeFileSync(file, squareModel(256))

const styles: Record<string, string> = {
  'awaits each run': 'const session = await load(); for (;;) { await session.run({ x }); n++ }',
  'loads the model again and again': 'for (;;) { const session = await load(); await session.run({ x }); await session.release(); n++ }',
  'loads and runs several at once': `
    const once = async () => { const session = await load(); await session.run({ x }); await session.release(); n++ }
    for (;;) await Promise.all([once(), once(), once()])`,
  'calls native code in a loop that never awaits': `await load(); for (;;) {
    const native = new binding.InferenceSession()
    native.loadModel(file, options)
    for (let i = 0; i < 10; i++) { native.run({ x }, { y: null }, {}); n++ }
    native.dispose()
  }`,
}

for (const [name, code] of Object.entries(styles)) {
  test(`50 interrupts at random moments of a cell that ${name}: none is fatal`, async () => {
    await run(kernel, `
      import ort from 'onnxruntime-node'
      import { binding } from '${new URL('../../../node_modules/onnxruntime-node/dist/binding.js', import.meta.url).href}'
      const file = ${JSON.stringify(file)}
      const options = { intraOpNumThreads: 1 }
      const load = () => ort.InferenceSession.create(file, options)
      const x = new ort.Tensor('float32', new Float32Array(256 * 256).fill(0.001), [256, 256])
      n = 0`)
    for (let round = 1; round <= 50; round++) {
      const { reply } = await interrupted(code, Math.random() * 40)
      assert.equal(reply.ename, 'Interrupted', reply.traceback?.join('\n'))
      const after = await run(kernel, `const kept${round} = n; 20 + 1`)
      assert.equal(after.result, '21')
    }
    const { result } = await run(kernel, `const session = await load(); const { y } = await session.run({ x }); [n > 0, y.dims, y.data[0].toFixed(6)]`)
    assert.equal(result, "[ true, [ 256, 256 ], '0.000256' ]")
  })
}

test('where async_hooks are in use, an interrupt waits for an await instead of ending the kernel', async () => {
  const hooked = await startKernel()
  await run(hooked, "import { createHook } from 'node:async_hooks'\ncreateHook({ init() {} }).enable()\nlet kept = 5")
  const cell = run(hooked, 'await null; const end = Date.now() + 2500; while (Date.now() < end) {}; await new Promise(() => {})')
  await sleep(100)
  await hooked.interrupt()
  const { reply, stderr } = await cell
  assert.equal(reply.ename, 'Interrupted')
  assert.match(stderr, /async_hooks/)
  assert.equal((await run(hooked, 'kept')).result, '5')
})
