import assert from 'node:assert/strict'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { plainTraceback, run, startKernel } from './harness.ts'
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
  'a cell that catches every error in a loop that never awaits': 'n = 42; while (true) try { JSON.parse("{") } catch {}',
  'a cell whose loop is of few but slow turns': 'n = 42; const long = JSON.stringify(Array.from({ length: 1e5 }, (_, i) => ({ i }))); for (;;) JSON.parse(long)',
  'a cell that catches the interrupt and spins': 'n = 42; for (;;) { try { await sleep(1e6) } catch { for (;;) {} } }',
  'a cell in a regular expression': "n = 42; /^(a+)+$/.test('a'.repeat(40) + 'b')",
  'a storm of microtasks': 'n = 42; const again = () => queueMicrotask(again); again(); await new Promise(() => {})',
  'a storm of ticks': 'n = 42; const next = () => process.nextTick(next); next(); await new Promise(() => {})',
  'a storm of promises': 'n = 42; const more = (): unknown => Promise.resolve().then(more).then(() => {}); for (let i = 0; i < 50; i++) more(); await new Promise(() => {})',
  'a generator without an end': 'n = 42; for (const _ of (function* (): Generator<number> { for (;;) yield* [1, 2] })()) {}',
  'evaluated code': 'n = 42; (0, eval)("for (;;) {}")',
  'code in a context with a timeout of its own': "n = 42; const vm = await import('node:vm'); for (;;) try { vm.runInNewContext('for (;;) {}', {}, { timeout: 5 }) } catch {}",
  'a recursion without an end': 'n = 42; const deeper = (): number => 1 + deeper(); for (;;) try { deeper() } catch {}',
  '%timeit': 'n = 42;\n%timeit Math.sqrt(n)',
}

for (const [name, code] of Object.entries(endless)) {
  test(`${name} is interrupted and its variables are still there`, async () => {
    await run(kernel, 'n = 0')
    const { reply } = await interrupted(code)
    assert.equal(reply.status, 'error')
    assert.equal(reply.ename, 'Interrupted')
    assert.equal((await run(kernel, 'await sleep(1); await new Promise(setImmediate); n')).result, '42')
  })
}

test('the traceback of an interrupted cell says where it was: in a loop, in code that was terminated, in an await', async () => {
  const marked = async (code: string) => plainTraceback(await interrupted(code))
  assert.match(await marked('const text = "[]"\nfor (;;) {\n  JSON.parse(text)\n}'), /^Interrupted: The cell was interrupted\.\n[^]*> [23] \| /)
  assert.match(await marked('function spin() {\n  for (;;) {}\n}\n\nspin()'), /at spin \(cell \d+:2:\d+\)[^]*cell \d+:5:1[^]*> 2 \|   for/)
  assert.match(await marked('async function wait() {\n  await sleep(1e6)\n}\nawait wait()'), /at async wait \(cell \d+:2:\d+\)[^]*> 2 \|   await sleep/)
})

test('finally blocks that await are waited for; an interrupt once more ends them', async () => {
  await interrupted('n = 0; try { await sleep(1e6) } finally { await sleep(50); n = 1; console.log("closed") }')
  assert.equal((await run(kernel, 'n')).result, '1')
  await interrupted('n = 0; try { for (;;) JSON.parse("1") } finally { n = 2 }')
  assert.equal((await run(kernel, 'n')).result, '2')
  const cell = run(kernel, 'try { await sleep(1e6) } finally { await sleep(1e6) }')
  await sleep(100)
  await Promise.all([kernel.interrupt(), sleep(50).then(() => kernel.interrupt())])
  assert.equal((await cell).reply.ename, 'Interrupted')
})

test('timers of an interrupted cell stop; those of earlier cells go on', async () => {
  await run(kernel, 'let early = 0; const timer = setInterval(() => early++, 5); n = 0')
  await interrupted('setInterval(() => n++, 5); setTimeout(() => { n = 1000 }, 300); await sleep(1e6)')
  const { result } = await run(kernel, 'const [then, before] = [n, early]; await sleep(400); clearInterval(timer); [n - then, early > before]')
  assert.equal(result, '[ 0, true ]')
})

test('functions read as they were typed, without what makes them stop', async () => {
  const { result } = await run(kernel, 'const typed = async (xs: any) => { for (const x of xs) { await x } do await xs(); while (xs()); for await (const y of xs()) y() }\n;[String(typed), String(class { m() { for (;;) n() } })]')
  assert.equal(result, "[\n  'async (xs     ) => { for (const x of xs) { await x } do await xs(); while (xs()); for await (const y of xs()) y() }',\n  'class { m() { for (;;) n() } }'\n]")
})

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

test('an interrupt with no cell running ends what an earlier one left spinning', async () => {
  await run(kernel, 'n = 6; setTimeout(() => { for (;;) {} }, 50)')
  await sleep(150)
  await kernel.interrupt()
  assert.equal((await run(kernel, 'await sleep(1); n')).result, '6')
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

test('SIGINT interrupts a cell that has been spinning for a while', async () => {
  const cell = run(kernel, 'n = 9; for (;;) {}')
  await sleep(1200)
  process.kill(kernel.pid, 'SIGINT')
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

test('a module that spins at its top is interrupted, and can be loaded when it does so no more', async () => {
  const modules = mkdtempSync(join(tmpdir(), 'hone-modules-'))
  const importing = await startKernel({ cwd: modules })
  for (const [name, load] of Object.entries({ 'spinning.ts': "const { after } = await import('./spinning.ts')", 'spinning.cjs': "const { after } = require('./spinning.cjs')" })) {
    const assign = (what: string) => (name.endsWith('.ts') ? `export const ${what}: number = 1\n` : `exports.${what} = 1\n`)
    writeFileSync(join(modules, name), `${assign('before')}while (globalThis.isSpinning) {}\n${assign('after')}`)
    await run(importing, 'globalThis.isSpinning = true')
    const cell = run(importing, load)
    await sleep(400)
    await importing.interrupt()
    assert.equal((await cell).reply.ename, 'Interrupted')
    await run(importing, 'globalThis.isSpinning = false')
    assert.equal((await run(importing, `${load}\nafter`)).result, '1')
  }
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

test('interrupts at random moments, while completions and inspections are asked: none is fatal', async () => {
  const codes = ['for (;;) { n++; Math.max(n) }', 'for (;;) { n++; await null }', 'n++; for (;;) {}', 'n++; setInterval(() => {}, 0); await sleep(1e6)', 'n++; const wrong: string = nowhere; for (;;) {}']
  let isAsking = true
  const asking = (async () => {
    while (isAsking) {
      await Promise.all(['sleep.', 'n', 'globalThis.'].map((code) => kernel.request('shell', 'complete_request', { code, cursor_pos: code.length })))
      await kernel.request('shell', 'inspect_request', { code: 'n', cursor_pos: 1 })
    }
  })()
  await run(kernel, 'var nowhere: any = 1')
  for (let round = 0; round < 40; round++) {
    await interrupted(codes[round % codes.length]!, Math.random() * 30)
    assert.equal((await run(kernel, 'await sleep(1); n > 0')).result, 'true')
  }
  isAsking = false
  await asking
})

test('where async_hooks are in use, an interrupt does not end the kernel: it terminates, or says that it waits', async () => {
  const hooked = await startKernel()
  await run(hooked, "import { AsyncLocalStorage, createHook } from 'node:async_hooks'\ncreateHook({ init() {} }).enable()\nnew AsyncLocalStorage().enterWith(1)\nlet kept = 5, i = 0")
  const cell = run(hooked, 'setTimeout(() => { for (; i < 5e9; i++) kept = 5 }, 1); await new Promise(() => {})')
  await sleep(200)
  await hooked.interrupt()
  const { reply, stderr } = await cell
  assert.equal(reply.ename, 'Interrupted')
  const { result } = await run(hooked, '[kept, i < 5e9]')
  assert.ok(result === '[ 5, true ]' || (result === '[ 5, false ]' && stderr.includes('async_hooks')), `${result} ${stderr}`)
})
