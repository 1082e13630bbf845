import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { profile } from '../../../lib/measure/profile.ts'
import { operatorTimes } from '../../../lib/measure/operator-times.ts'
import { twoLayers } from '../runtime/models.ts'

const feeds = { x: Tensor.zeros('float32', [32, 128]) }

test('a profile tells every operator, its calls and its share, and leaves no file', async () => {
  const leftovers = async () => (await readdir(tmpdir())).filter((name) => name.startsWith('hone-profile-'))
  const before = await leftovers()
  const found = await profile(twoLayers(128), feeds, { device: 'cpu', threads: 1, runs: 5, graphOptimization: 'disabled' })
  assert.deepEqual(found.nodes.map(({ name }) => name).toSorted(), ['act', 'first', 'second'])
  assert.deepEqual(found.types.map(({ type, calls }) => `${type} ${calls}`).toSorted(), ['MatMul 10', 'Relu 5'])
  const shares = found.types.reduce((sum, { share }) => sum + share, 0)
  assert.ok(shares > 0 && shares <= 1, `${shares}`)
  assert.ok(found.nodes.every(({ seconds, mean, calls }) => Math.abs(seconds - mean * calls) < 1e-9))
  const shown = found[Symbol.for('Jupyter.display') as never] as unknown as () => Record<string, string>
  assert.match(shown.call(found)['text/plain'], /operator +calls per run.*MatMul +2 .*5 runs, .* each/s)
  assert.deepEqual(await leftovers(), before)
})

test('a bad input ends a profile with the session’s own words and no file', async () => {
  await assert.rejects(profile(twoLayers(128), {}, { device: 'cpu' }), /the input "x" is missing/)
})

test('time inside a loop belongs to the nodes of its body, and first runs are left out', () => {
  const event = (cat: string, name: string, ts: number, dur: number, type?: string) => ({ cat, name, ts, dur, args: type ? { op_name: type } : {} })
  const run = (at: number) => [
    event('Session', 'model_run', at, 100),
    event('Node', 'body_kernel_time', at + 10, 20, 'Add'),
    event('Node', 'body_kernel_time', at + 40, 20, 'Add'),
    event('Node', 'loop_kernel_time', at + 5, 60, 'Loop'),
    event('Node', 'after_kernel_time', at + 70, 25, 'Relu'),
  ]
  const { nodes, total } = operatorTimes([...run(0), ...run(1000), ...run(2000)], 1)
  assert.equal(total, 200e-6)
  assert.deepEqual(nodes.map(({ name, type, calls, seconds, share }) => [name, type, calls, Math.round(seconds * 1e6), Math.round(share * 100)]), [
    ['body', 'Add', 4, 80, 40],
    ['after', 'Relu', 2, 50, 25],
    ['loop', 'Loop', 2, 40, 20],
  ])
})
