import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { plainTraceback, run, startKernel } from './harness.ts'
import { squareModel } from './model.ts'

const folder = await mkdtemp(join(tmpdir(), 'hone-measure-'))
const kernel = await startKernel({ cwd: folder })
const BUSY = `function busy(ms: number): number {
  let sum = 0
  for (const end = Date.now() + ms; Date.now() < end; ) sum += Math.sqrt(sum + 1)
  return sum
}`

test('%%prof: functions by self time where they were typed, a flame graph, a .cpuprofile file', async () => {
  const { outputs, stdout, reply } = await run(kernel, `%%prof\n${BUSY}\nconst sum = busy(300)`)
  const bundle = outputs.find(({ header }) => header.msg_type === 'display_data')!.content.data as Record<string, string>
  assert.match(bundle['text/plain'], new RegExp(`^function[^]*\\nbusy +cell ${reply.execution_count}:2 `))
  assert.match(bundle['text/html'], /<table>[^]*<svg [^]*<title>busy cell \d+:2: /)
  const file = join(folder, `cell-${reply.execution_count}.cpuprofile`)
  assert.ok(stdout.includes(file))
  const { nodes, samples } = JSON.parse(await readFile(file, 'utf8'))
  assert.ok(samples.length > 10)
  const node = nodes.find(({ callFrame }: { callFrame: { functionName: string } }) => callFrame.functionName === 'busy')
  assert.deepEqual([node.callFrame.url, node.callFrame.lineNumber], [`cell ${reply.execution_count}`, 1])
  assert.equal((await run(kernel, 'sum > 0')).result, 'true')
})

test('%%prof of a cell that fails says where, and profiles again afterwards', async () => {
  const outcome = await run(kernel, '%%prof\n\nthrow new Error("third")')
  assert.match(plainTraceback(outcome), /at cell \d+:3:7/)
  assert.equal((await run(kernel, '%%prof -o again.cpuprofile\nbusy(50)')).reply.status, 'ok')
  assert.ok((await readdir(folder)).includes('again.cpuprofile'))
  assert.match((await run(kernel, '%%prof -i soon\n1')).reply.evalue!, /takes milliseconds/)
})

test('an interrupt ends a profile with its cell', async () => {
  for (const magic of ['%%prof', '%%mem', '%%trace']) {
    const cell = run(kernel, `${magic}\nfor (;;) {}`)
    await sleep(800)
    await kernel.interrupt()
    assert.equal((await cell).reply.ename, 'Interrupted')
    assert.equal((await run(kernel, `${magic}\n1 + 1`)).reply.status, 'ok')
  }
})

test('%%mem: memory before, after and at its peak, allocations by function', async () => {
  const { outputs, reply } = await run(kernel, '%%mem\nfunction fill() {\n  return Array.from({ length: 500_000 }, (_, i) => ({ i }))\n}\nlet filled = fill()\nlet block = Buffer.alloc(80_000_000, 1)')
  const text = (outputs[0].content.data as Record<string, string>)['text/plain']
  assert.match(text, /^memory +before +after +change +peak\n/)
  assert.match(text, /of it array buffers +\S+ \S+ +\S+ \S+ +\+8\d\.\d MB/)
  assert.match(text, new RegExp(`cell ${reply.execution_count}:3 +`))
  const peak = /peak memory: (\d+) MB, increment: ([\d.]+) MB/.exec(text)!
  assert.ok(Number(peak[2]) > 60, text)
})

interface Event {
  name: string
  cat?: string
  ph: string
  ts: number
  dur?: number
  tid: number
}

test('%%trace: functions, garbage collection, event-loop delay and operators on one clock, in a file for Perfetto', async () => {
  await writeFile(join(folder, 'square.onnx'), squareModel(256))
  const { stdout } = await run(
    kernel,
    `%%trace -o all.json
    import ort from 'onnxruntime-node'
    const session = await ort.InferenceSession.create('square.onnx')
    const x = new ort.Tensor('float32', new Float32Array(256 * 256).fill(0.001), [256, 256])
    for (let i = 0; i < 5; i++) await session.run({ x })
    ${BUSY}
    busy(200)
    let junk: object[] = []
    for (let i = 0; i < 1e6; i++) junk.push({ i })
    await new Promise((resolve) => setTimeout(resolve, 50))`,
  )
  assert.match(stdout, /5 operators .*\nWritten to .*all\.json; open it at https:\/\/ui\.perfetto\.dev/)
  const { traceEvents } = JSON.parse(await readFile(join(folder, 'all.json'), 'utf8')) as { traceEvents: Event[] }
  const of = (category: string) => traceEvents.filter(({ cat }) => cat === category)
  assert.ok(of('function').some(({ name }) => name === 'busy'))
  assert.ok(of('gc').length > 0 && of('delay').length > 0)
  const runs = of('run')
  const operators = of('operator')
  assert.equal(runs.length, 5)
  for (const { name, ts, dur, tid } of operators) {
    assert.equal(name, 'MatMul')
    assert.ok(runs.some((around) => around.tid === tid && around.ts <= ts && ts + dur! <= around.ts + around.dur! + 1))
  }
  const later = await run(kernel, '%%trace -o later.json\nawait session.run({ x })')
  assert.match(later.stdout, /Sessions that were made before: 1/)
  assert.deepEqual((await run(kernel, 'const { y } = await session.run({ x }); y.dims')).result, '[ 256, 256 ]')
})

test('%device lists what networks can run on, and %gpu says what there is in a line or a table', async () => {
  assert.match((await run(kernel, '%device')).stdout, /^cuda .*\ntensorrt .*\nwebgpu .*\ncpu .*\n$/)
  assert.equal((await run(kernel, '%device cpu')).result, "'cpu'")
  assert.match((await run(kernel, '%device tpu')).reply.evalue!, /there is no device "tpu"/)
  const { stdout, outputs } = await run(kernel, '%gpu')
  if (stdout === '') assert.match((outputs[0].content.data as Record<string, string>)['text/html'], /MiB[^]* W[^]*°C/)
  else assert.match(stdout, /^No NVIDIA GPU answers here .*\n$/)
})
