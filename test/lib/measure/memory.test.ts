import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import { symbol } from '../../../lib/graph/dim.ts'
import { Graph } from '../../../lib/graph/graph.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { processMemory, totalMemory, watchGpuMemory } from '../../../lib/measure/gpu-memory.ts'
import { memory } from '../../../lib/measure/memory.ts'
import { MemoryProfile } from '../../../lib/measure/memory-profile.ts'
import { twoLayers } from '../runtime/models.ts'

const MEGABYTE = 2 ** 20

/** Relu after Relu over 4 MB, then a sum with the first: three tensors are alive at the end. */
function threeAlive(): Graph {
  const graph = new Graph('alive')
  const x = graph.input('x', 'float32', [symbol('N'), 1024])
  const first = graph.add('Sigmoid', [x], {}, { name: 'first' }).output
  const second = graph.add('Exp', [first], {}, { name: 'second' }).output
  const third = graph.add('Tanh', [second], {}, { name: 'third' }).output
  graph.addOutput(graph.add('Concat', [first, third], { axis: 1 }, { name: 'join' }).output, 'y')
  return graph
}

test('memory is told operator by operator, with the peak and its owner, from a process of its own', async () => {
  const leftovers = async () => (await readdir(tmpdir())).filter((name) => name.startsWith('hone-memory-'))
  const before = await leftovers()
  const found = await memory(threeAlive(), { x: Tensor.zeros('float32', [1024, 1024]) }, { device: 'cpu', graphOptimization: 'disabled' })
  assert.deepEqual(found.operators.map(({ name }) => name), ['first', 'second', 'third', 'join'])
  assert.equal(found.peak.owner, 'join')
  assert.ok(found.peak.bytes >= 16 * MEGABYTE && found.peak.bytes < 18 * MEGABYTE, `${found.peak.bytes}`)
  assert.equal(found.operators.reduce((sum, { raised }) => sum + raised, 0), found.peak.bytes)
  assert.equal(found.operators[3].outputs, 8 * MEGABYTE)
  assert.ok(found.held >= found.planned && found.growth > 12 * MEGABYTE)
  assert.deepEqual(found.host.map(({ stage }) => stage), ['started', 'model loaded', 'first run', 'all runs'])
  assert.equal(found.gpu, null)
  assert.deepEqual([found.fed, found.most], [4 * MEGABYTE, 4 * MEGABYTE + Math.max(found.peak.bytes, found.planned)])
  assert.match(inspect(found), /In the first run 1\d\.\d MB at most, in join\. From the second on/)
  const { 'text/html': html } = await (found as unknown as Record<symbol, () => Promise<Record<string, string>>>)[Symbol.for('Jupyter.display')]()
  assert.match(Buffer.from(/<img src="data:image\/svg\+xml;base64,([^"]+)"/.exec(html)![1], 'base64').toString(), /join: 1\d\.\d MB/)
  assert.match(found.byOperator(2).text, /join +Concat +1\d\.\d MB +100\.0 %/)
  assert.deepEqual(await leftovers(), before)
})

test('a model that does not load or run says so in its own words', async () => {
  await assert.rejects(memory(new Uint8Array(9), {}, { device: 'cpu' }), /not an ONNX model/)
  await assert.rejects(memory(twoLayers(8), { x: Tensor.zeros('float32', [2, 9]) }, { device: 'cpu' }), /the input "x" is float32\[2,9\]/)
  await assert.rejects(memory(twoLayers(8), {}, { runs: 0 }), /1 run or more, not 0/)
})

test('kernels that set no new peak are told by what is in use after them', () => {
  const kernel = (name: string, ts: number, inUse: number, peak: number) => ({ cat: 'Node', name: `${name}_kernel_time`, ts, dur: 1, args: { mem_bytes_in_use: `${inUse}`, mem_in_use_peak: `${peak}` } })
  const run = (ts: number) => ({ cat: 'Session', name: 'model_run', ts, dur: 100, args: {} })
  const host = { stage: 'started', rss: 10, highest: 10, heapUsed: 1, external: 1 } as const
  const { operators, peak, planned } = new MemoryProfile([run(0), kernel('a', 1, 5, 9), kernel('b', 2, 7, 9), run(200), kernel('a', 201, 30, 31)], [host, { ...host, highest: 60 }], 2e9)
  assert.deepEqual(operators.map(({ name, inUse, raised }) => [name, inUse, raised]), [['a', 9, 9], ['b', 7, 0]])
  assert.deepEqual([peak.bytes, peak.owner, planned], [9, 'a', 30])
})

test('a process is found in what nvidia-smi lists, on every GPU', () => {
  assert.equal(processMemory('812, 1530\n77, 400\n812, 20\n', 812), 1550 * MEGABYTE)
  assert.equal(processMemory('812, [N/A]\n', 812), null)
  assert.equal(processMemory('', 812), null)
  assert.equal(totalMemory('1530\n20\n'), 1550 * MEGABYTE)
  assert.equal(totalMemory('[N/A]\n'), null)
})

test('GPU memory is watched through nvidia-smi: by process, or by how much it grew where processes are not listed', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hone-smi-'))
  const { PATH } = process.env
  t.after(() => {
    process.env.PATH = PATH
    rmSync(folder, { recursive: true })
  })
  process.env.PATH = `${folder}:${PATH}`
  const watched = async (listed: string) => {
    const [used, asked] = ['used', 'asked'].map((name) => join(folder, name))
    const looks = async (count: number) => {
      writeFileSync(asked, '')
      while (readFileSync(asked, 'utf8').length < count) await sleep(20)
    }
    writeFileSync(join(folder, 'nvidia-smi'), `#!/bin/sh\ncase "$1" in *compute-apps*) ${listed};; *) cat ${used};; esac\nprintf x >> ${asked}\n`, { mode: 0o755 })
    writeFileSync(used, '100\n')
    const watch = watchGpuMemory(812)
    await looks(3)
    writeFileSync(used, '400\n')
    await looks(4)
    return watch.end()
  }
  assert.equal(await watched('echo 812, 250'), 250 * MEGABYTE)
  assert.equal(await watched(':'), 300 * MEGABYTE)
})
