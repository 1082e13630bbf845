import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { collectProfiles } from '../../../lib/measure/collect.ts'
import { lprnet } from '../../../lib/nn/models/lprnet.ts'
import { OperatorSession } from '../../../lib/runtime/operators.ts'
import { Session } from '../../../lib/runtime/session.ts'
import { doubling, twoLayers } from '../runtime/models.ts'

const x = Tensor.float32([2, 16], Array.from({ length: 32 }, (_, i) => i))

test('every session that runs is profiled, those opened before included, and answers as ever', async () => {
  const leftovers = async () => (await readdir(tmpdir())).filter((name) => name.startsWith('hone-sessions-'))
  const before = await leftovers()
  const model = twoLayers(16)
  const early = await Session.create(model, { device: 'cpu', graphOptimization: 'disabled' })
  const expected = (await early.run({ x })).y.toNumbers()
  const bound = early.bind({ x })

  const collected = await collectProfiles()
  await assert.rejects(collectProfiles(), /being collected already/)
  assert.deepEqual((await bound()).y.toNumbers(), expected)
  await bound()
  const late = await Session.create(doubling('float32', [2, 16]), { device: 'cpu' })
  await late.run({ x })
  await Session.create(doubling('float32', [2, 16]), { device: 'cpu' })
  const found = await collected.end()

  assert.deepEqual(found.sessions.map(({ profile }) => profile.runs), [2, 1])
  assert.deepEqual(found.all.types.map(({ type, calls }) => `${type} ${calls}`).toSorted(), ['Add 1', 'MatMul 4', 'Relu 2'])
  assert.ok(Math.abs(found.all.types.reduce((sum, { share }) => sum + share, 0) - found.all.nodes.reduce((sum, { share }) => sum + share, 0)) < 1e-9)
  assert.match(inspect(found), /MatMul +4 .*session +runs +time.*the model +2 /s)
  assert.deepEqual((await bound()).y.toNumbers(), expected)
  assert.deepEqual(await leftovers(), before)
  await Promise.all([early.release(), late.release()])
})

test('sessions of onnxruntime-node itself are seen, and those that are too old are named', async () => {
  const { InferenceSession, Tensor: Native } = await import('onnxruntime-node')
  const feeds = { x: new Native('float32', Float32Array.from(x.toNumbers()), [2, 16]) }
  const bytes = twoLayers(16)
  const before = await InferenceSession.create(bytes)
  const collected = await collectProfiles()
  const during = await InferenceSession.create(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  await during.run(feeds)
  await before.run(feeds)
  await during.release()
  const found = await collected.end()
  assert.deepEqual(found.sessions.map(({ name, profile }) => [name, profile.runs]), [['session 1', 1]])
  assert.match(inspect(found), /session 2 was not watched: onnxruntime-node itself opened it before; open it in the profiled code\./)
  assert.equal((await before.run(feeds)).y.dims.length, 2, 'and it runs on')
  await before.release()
})

test('an interrupt of the cell ends the collecting', async () => {
  const interrupt = new AbortController()
  Object.assign(globalThis, { [Symbol.for('hone.cell')]: { id: 'a', signal: interrupt.signal } })
  await collectProfiles()
  interrupt.abort(new Error('Interrupted'))
  Reflect.deleteProperty(globalThis, Symbol.for('hone.cell'))
  await (await collectProfiles()).end()
})

test('operator by operator, all of its sessions are seen', async () => {
  const net = lprnet({ seed: 1 })
  const operators = await OperatorSession.create(net, { device: 'cpu', threads: 1 })
  const collected = await collectProfiles()
  await operators.run({ [operators.inputs[0].name]: Tensor.zeros('float32', [1, 3, 24, 94]) })
  const { sessions, all } = await collected.end()
  assert.equal(sessions.length, operators.sessions)
  assert.equal(all.types.find(({ type }) => type === 'Conv')!.calls, 16)
  await operators.release()
})

test('a session that cannot be opened again runs unwatched, and that is said; an error is the session’s own', async () => {
  const session = await Session.create(twoLayers(16), { device: 'cpu' })
  Object.defineProperty(session, 'source', { value: undefined })
  const collected = await collectProfiles()
  assert.equal((await session.run({ x })).y.size, 32)
  assert.throws(() => session.bind({}), /the input "x" is missing/)
  const found = await collected.end()
  assert.match(inspect(found), /No session ran\.\nthe model was not watched: its model is gone/)
  await session.release()
})
