import assert from 'node:assert/strict'
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { chromeTrace } from '../../../lib/measure/chrome-trace.ts'
import { cpuProfile } from '../../../lib/measure/cpu-profile.ts'
import { memoryProfile } from '../../../lib/measure/heap.ts'
import { Session } from '../../../lib/runtime/session.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { squareModel } from '../../kernel/model.ts'

const folder = await mkdtemp(join(tmpdir(), 'hone-recording-'))

function busy(ms: number): number {
  let sum = 0
  for (const end = Date.now() + ms; Date.now() < end; ) sum += Math.sqrt(sum + 1)
  return sum
}

function outer(): void {
  busy(200)
}

test('a CPU profile: self time by function, callers with their callees, no frames of the recording', async () => {
  const profile = await cpuProfile(outer, { interval: 0.0005 })
  const [first] = profile.functions
  assert.equal(first.name, 'busy')
  assert.match(first.place, /recording\.test\.js:\d+$/)
  const caller = profile.functions.find(({ name }) => name === 'outer')
  assert.ok(caller === undefined || caller.total >= first.self)
  assert.ok(!profile.functions.some(({ name, place }) => name === 'dispatch' || place.includes('measure/recording.js')))
  assert.match(profile.flameGraph(), /^<svg [^]*<title>outer [^]*<title>busy [^]*<\/svg>$/)
  assert.match(inspect(profile), /^function +place +self +share +with callees\n/)
  await profile.save(join(folder, 'x.cpuprofile'))
  assert.deepEqual(Object.keys(JSON.parse(await readFile(join(folder, 'x.cpuprofile'), 'utf8'))).toSorted(), ['endTime', 'nodes', 'samples', 'startTime', 'timeDeltas'])
})

test('hidden frames stand for what they call', async () => {
  const profile = await cpuProfile(outer, { isHidden: (url) => url.endsWith('recording.test.js') })
  assert.ok(!profile.functions.some(({ name }) => name === 'busy' || name === 'outer'))
})

test('a memory profile: change, peak, and who allocated, what was freed too', async () => {
  let kept: Buffer | undefined
  const profile = await memoryProfile(() => {
    allocate()
    kept = Buffer.alloc(50_000_000, 1)
  })
  assert.ok(profile.after.arrayBuffers - profile.before.arrayBuffers > 49_000_000)
  assert.ok(profile.peak >= profile.after.rss - 50_000_000 && kept!.length > 0)
  assert.match(profile.functions[0].place, /recording\.test\.js:/)
  assert.match(inspect(profile), /peak memory: .* increment: /)
})

function allocate(): number {
  let count = 0
  for (let i = 0; i < 300; i++) count += Array.from({ length: 1000 }, (_, j) => ({ j })).length
  return count
}

test('work that throws ends its recording, and another can begin', async () => {
  const fail = () => {
    throw new Error('work')
  }
  for (const record of [cpuProfile, memoryProfile, chromeTrace]) {
    await assert.rejects(async () => record(fail), { message: 'work' })
    await record(() => undefined)
  }
})

test("a trace holds the operators of the sessions that are made meanwhile, within their runs", async () => {
  await writeFile(join(folder, 'square.onnx'), squareModel(64))
  const feeds = { x: Tensor.float32([64, 64], new Float32Array(64 * 64)) }
  const before = await Session.create(join(folder, 'square.onnx'), { device: 'cpu' })
  const trace = await chromeTrace(async () => {
    const during = await Session.create(join(folder, 'square.onnx'), { device: 'cpu' })
    for (let i = 0; i < 3; i++) await during.run(feeds)
    await before.run(feeds)
    await during.release()
  })
  await before.release()
  const of = (category: string) => trace.events.filter(({ cat }) => cat === category)
  assert.equal(of('run').length, 4)
  assert.equal(trace.unseenSessions, 1)
  for (const { ts, dur, tid } of of('operator')) {
    assert.ok(of('run').some((run) => run.tid === tid && run.ts <= ts && ts + dur! <= run.ts + run.dur! + 1))
  }
  assert.equal(of('operator').length, 3)
})
