import assert from 'node:assert/strict'
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { plainTraceback, run, startKernel, type Outcome } from './harness.ts'
import { squareModel } from './model.ts'

const folder = await mkdtemp(join(tmpdir(), 'hone-bench-'))
const kernel = await startKernel({ cwd: folder })

const bundle = ({ outputs }: Outcome, type: string) => outputs.findLast(({ header, content }) => header.msg_type === type && !(content.data as Record<string, string>)['text/plain'].startsWith('Timing '))!.content.data as Record<string, string>

test('%%bench times what stands behind labels, asynchronous code too: a table, a plot, a file, a variable', async () => {
  const outcome = await run(kernel, `%%bench speed -t 0.3 -o speed.json
const numbers: number[] = Array.from({ length: 2000 }, (_, i) => i)
few: Math.max(1, numbers.length)
many: {
  let sum = 0
  for (const n of numbers) sum += Math.sqrt(n)
}
later: await new Promise((resolve) => setTimeout(resolve, 1))`)
  assert.equal(outcome.reply.status, 'ok')
  assert.match(outcome.result!, /^contender +median +95 % interval.*\nfew .*baseline.*\nmany .*slower.*\nlater .*slower/s)
  assert.match(bundle(outcome, 'execute_result')['text/html'], /<table>.*<img src="data:image\/svg\+xml/s)
  assert.deepEqual(JSON.parse(await readFile(join(folder, 'speed.json'), 'utf8')).contenders.map(({ name }: { name: string }) => name), ['few', 'many', 'later'])
  assert.equal((await run(kernel, '[speed.many.verdict, numbers.length]')).result, "[ 'slower', 2000 ]")
})

test('%%bench without labels takes an object of functions; rounds, calls and the baseline can be settled', async () => {
  const { result } = await run(kernel, `%%bench -r 9 -n 50 -b "two words"\n({ one: () => Math.sqrt(2), 'two words': () => Math.sqrt(3) })`)
  assert.match(result!, /one .* 9 .*two words .*baseline +9 /s)
})

test('%%bench says what is wrong: nothing to time, twice a name, a bad option, code that fails and where, other results', async () => {
  const refused = async (code: string, told: RegExp) => {
    const outcome = await run(kernel, code)
    assert.match(outcome.reply.evalue ?? '', told)
    return outcome
  }
  await refused('%%bench\n1 + 1', /found nothing to time: write each contender as/)
  await refused('%%bench\na: 1\na: 2', /Two contenders are called a/)
  await refused('%%bench -r some\na: 1', /--runs takes a number, not "some"/)
  await refused('%%bench two words\na: 1', /goes into one variable, and "two words" is none/)
  await refused('%%bench -o nowhere/speed.json\na: 1', /-o: there is no folder .*nowhere\./)
  await refused('%%bench --same -r 5\na: 1\nb: 2', /b: it answers something else than a does: the result is 2, not 1/)
  const failed = await refused('%%bench\na: 1\nb: {\n  throw new Error("no plates")\n}', /^b: no plates$/)
  assert.match(plainTraceback(failed), /Caused by: Error: no plates\n +at cell \d+:4:9/)
  const broken = await run(kernel, '%%bench\na: 1 +')
  assert.match(plainTraceback(broken), /cell \d+, line 2/)
})

test('an interrupt ends %%bench, be its code a loop or a wait', async () => {
  for (const code of ['%%bench\nspin: for (;;);', '%%bench\nwait: await new Promise(() => {})']) {
    const cell = run(kernel, code)
    await sleep(700)
    await kernel.interrupt()
    assert.equal((await cell).reply.ename, 'Interrupted')
  }
  assert.equal((await run(kernel, '%%bench -r 5\na: 1')).reply.status, 'ok')
})

test('%%ops profiles every session that the cell runs, of the library and of onnxruntime-node, and keeps the value of the cell', async () => {
  await writeFile(join(folder, 'square.onnx'), squareModel(64))
  await run(kernel, `import { Session, Tensor } from 'honejs'
import ort from 'onnxruntime-node'
const early = await Session.create('square.onnx', { device: 'cpu' })
const x = Tensor.float32([64, 64], new Float32Array(64 * 64).fill(0.01))`)
  const outcome = await run(kernel, `%%ops found -n 2
for (let i = 0; i < 3; i++) await early.run({ x })
const raw = await ort.InferenceSession.create('square.onnx')
await raw.run({ x: new ort.Tensor('float32', new Float32Array(64 * 64), [64, 64]) })
'done'`)
  assert.equal(outcome.result, "'done'")
  const shown = outcome.outputs.filter(({ header }) => header.msg_type === 'display_data').map(({ content }) => (content.data as Record<string, string>)['text/plain'])
  assert.match(shown[0], /^operator +calls per run.*\nMatMul +4 .*session +runs .*\nsquare\.onnx +3 .*\nsquare\.onnx +1 /s)
  assert.match(shown[1], /^node +operator/)
  assert.equal((await run(kernel, 'found.sessions.length')).result, '2')
  const failed = await run(kernel, '%%ops\nawait early.run({ x })\nthrow new Error("half-way")')
  assert.equal(failed.reply.evalue, 'half-way')
  assert.match(bundle(failed, 'display_data')['text/plain'], /MatMul +1 /)
  assert.match(bundle(await run(kernel, '%%ops\n1'), 'display_data')['text/plain'], /No session ran/)
})
