import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { Builder } from '../../../lib/graph/builder.ts'
import { Graph } from '../../../lib/graph/graph.ts'
import { decodeModel } from '../../../lib/graph/onnx.ts'
import { Tensor, type DataType } from '../../../lib/graph/tensor.ts'
import { Session } from '../../../lib/runtime/session.ts'
import { cast, doubling, encoded, identity, ones, port, twoLayers } from './models.ts'

const cpu = { device: 'cpu', threads: 1 } as const

test('a model runs, tells its inputs and outputs, and takes any size for a symbol', async () => {
  const session = await Session.create(twoLayers(4), cpu)
  assert.deepEqual(session.inputs, [{ name: 'x', dtype: 'float32', shape: ['N', 4] }])
  assert.deepEqual(session.outputs, [{ name: 'y', dtype: 'float32', shape: ['N', 4] }])
  for (const rows of [1, 3]) {
    const { y } = await session.run({ x: Tensor.float32([rows, 4], Array.from({ length: 4 * rows }, () => 1)) })
    assert.deepEqual(y.shape, [rows, 4])
    assert.deepEqual(y.toNumbers(), Array.from({ length: 4 * rows }, () => 16))
  }
  await session.release()
})

test('a session that is still opening can be bound at once, and a bound run repeats', async () => {
  const run = await Session.create(doubling('float32', [2]), cpu).bind({ x: Tensor.float32([2], [1, -3]) })
  assert.deepEqual((await run()).y.toNumbers(), [2, -6])
  assert.deepEqual((await run()).y.toNumbers(), [2, -6])
})

test('a model is taken from a file, from bytes, from a graph and from what holds one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hone-test-'))
  const path = join(folder, 'model.onnx')
  const bytes = doubling('float32', [1])
  await writeFile(path, bytes)
  for (const source of [path, bytes, decodeModel(bytes), { graph: decodeModel(bytes) }])
    assert.deepEqual((await (await Session.create(source, cpu)).run({ x: Tensor.float32([1], [4]) })).y.toNumbers(), [8])
  await rm(folder, { recursive: true })
})

const values: [DataType, readonly number[] | readonly bigint[] | readonly string[]][] = [
  ['float32', [1.5, -2]], ['float64', [1.5, -2]], ['float16', [1.5, -2]], ['int8', [1, -2]], ['uint8', [1, 255]], ['int16', [1, -2]], ['uint16', [1, 65535]],
  ['int32', [1, -2]], ['uint32', [1, 2 ** 32 - 1]], ['int64', [1, -2]], ['uint64', [1, 2]], ['bool', [0, 1]], ['string', ['a', 'ü']],
]

for (const [dtype, data] of values)
  test(`${dtype} goes in and comes out`, async () => {
    const session = await Session.create(identity(dtype, [2]), cpu)
    const x = Tensor.of(dtype, [2], data)
    const { y } = await session.run({ x })
    assert.equal(y.dtype, dtype)
    assert.deepEqual([...y.bytes], [...x.bytes])
    assert.deepEqual(y.strings, x.strings)
  })

test('float16 is computed with, and outputs share the memory that ONNX Runtime gave', async () => {
  const session = await Session.create(doubling('float16', [2]), cpu)
  const { y } = await session.run({ x: Tensor.of('float16', [2], [0.5, -4]) })
  assert.deepEqual([...(y.data as Uint16Array)], [...Tensor.of('float16', [2], [1, -8]).data as Uint16Array])
})

test('empty tensors and scalars cross', async () => {
  const session = await Session.create(doubling('float32'), cpu)
  assert.deepEqual((await session.run({ x: Tensor.zeros('float32', [0, 3]) })).y.shape, [0, 3])
  assert.deepEqual((await session.run({ x: Tensor.scalar('float32', 21) })).y.toNumbers(), [42])
})

test('types that would end the process or have no kernels are refused by name', async () => {
  for (const dtype of ['int4', 'uint4', 'bfloat16', 'float8e4m3fn', 'float8e5m2'] as const)
    await assert.rejects(Session.create(decodeModel(cast(dtype)), cpu), new RegExp(`^Error: test: its output "y" is ${dtype}, which cannot cross`))
  const sequence = encoded({
    node: [{ opType: 'SequenceConstruct', input: ['x'], output: ['y'] }],
    input: [port('x', 'float32', [1])],
    output: [{ name: 'y', type: { value: { case: 'sequenceType', value: { elemType: { value: { case: 'tensorType', value: { elemType: 1 } } } } } } }],
  })
  await assert.rejects(Session.create(sequence, cpu), /output "y" is not a tensor/)
})

test('wrong inputs are told with what came and what was wanted', async () => {
  const session = await Session.create(decodeModel(twoLayers(4)), cpu)
  const x = Tensor.zeros('float32', [1, 4])
  await assert.rejects(session.run({}), /^Error: test: the input "x" is missing: "x" is wanted, and there is nothing$/)
  await assert.rejects(session.run({ x, z: x }), /no input "z", only "x"/)
  await assert.rejects(session.run({ x: Tensor.zeros('float32', [1, 5]) }), /"x" is float32\[1,5\], and float32\[N,4\] is wanted/)
  await assert.rejects(session.run({ x: Tensor.zeros('float32', [4]) }), /"x" is float32\[4\], and float32\[N,4\] is wanted/)
  await assert.rejects(session.run({ x: Tensor.zeros('float64', [1, 4]) }), /"x" is float64\[1,4\], and float32\[N,4\] is wanted/)
  await assert.rejects(session.run({ x: Tensor.zeros('int4', [1, 4]) }), /"x" is int4\[1,4\], and float32\[N,4\] is wanted/)
  await assert.rejects(session.run({ x: new Float32Array(4) as unknown as Tensor }), /the input "x" is no tensor\. Write Tensor\.float32\(shape, numbers\)/)
  assert.deepEqual((await session.run({ x })).y.shape, [1, 4])
})

test('a model\'s only input takes the only tensor, whatever that is called; of several, each has its name', async () => {
  const one = await Session.create(decodeModel(twoLayers(4)), cpu)
  assert.deepEqual((await one.run({ picture: Tensor.zeros('float32', [2, 4]) })).y.shape, [2, 4])
  await assert.rejects(one.run({ picture: Tensor.zeros('float32', [2, 5]) }), /the input "x" is float32\[2,5\]/)
  const sum = new Graph('sum')
  const build = new Builder(sum)
  sum.addOutput(build.add(sum.input('a', 'float32', [1]), sum.input('b', 'float32', [1])), 'c')
  const two = await Session.create(sum, cpu)
  const [a, b] = [Tensor.float32([1], [1]), Tensor.float32([1], [2])]
  assert.deepEqual((await two.run({ b, a })).c.toNumbers(), [3])
  await assert.rejects(two.run({ a, c: b }), /^Error: sum: the input "b" is missing: "a", "b" is wanted, and there is "a", "c"$/)
})

test('a damaged or foreign model is one clear sentence that names it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hone-test-'))
  const whole = twoLayers(8)
  const damaged: Record<string, Uint8Array> = {
    truncated: whole.slice(0, whole.length - 100),
    empty: new Uint8Array(),
    page: new TextEncoder().encode('<!doctype html><title>404</title>'),
    png: Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0, 0, 13),
    zeros: new Uint8Array(1000),
  }
  for (const [name, bytes] of Object.entries(damaged)) {
    const path = join(folder, `${name}.onnx`)
    await writeFile(path, bytes)
    await assert.rejects(Session.create(path, cpu), (error: Error) => error.message === `${path}: this is not an ONNX model, or a damaged or truncated one. Fetch or export it again.`)
    await assert.rejects(Session.create(bytes, cpu), /^Error: the model: this is not an ONNX model/)
  }
  await assert.rejects(Session.create(join(folder, 'none.onnx'), cpu), /none\.onnx: there is no such file$/)
  await assert.rejects(Session.create(folder, cpu), /this is a folder, not an ONNX file$/)
  await rm(folder, { recursive: true })
})

test('a model with absurd sizes or an unknown operator is refused, and the process lives on', async () => {
  const absurd = encoded({
    node: [{ opType: 'Add', input: ['x', 'w'], output: ['y'] }],
    initializer: [{ ...ones('w', [3]), dims: [1n << 40n] }],
    input: [port('x', 'float32', [1])],
    output: [port('y', 'float32')],
  })
  await assert.rejects(Session.create(absurd, cpu), /^Error: the model: ONNX Runtime refuses it: /)
  const unknown = encoded({ node: [{ opType: 'Frobnicate', input: ['x'], output: ['y'] }], input: [port('x', 'float32', [1])], output: [port('y', 'float32', [1])] })
  await assert.rejects(Session.create(unknown, cpu), /ONNX Runtime refuses it: .*Frobnicate/s)
  for (const cut of [5, 50, 120, 200, 300]) await assert.rejects(Session.create(twoLayers(8).slice(0, cut), cpu), /^Error: the model: /)
})

test('a run that fails inside says where', async () => {
  const broken = encoded({
    node: [{ name: 'meet', opType: 'Add', input: ['x', 'z'], output: ['y'] }],
    input: [port('x', 'float32', ['N']), port('z', 'float32', ['M'])],
    output: [port('y', 'float32')],
  })
  const session = await Session.create(broken, cpu)
  await assert.rejects(session.run({ x: Tensor.zeros('float32', [2]), z: Tensor.zeros('float32', [3]) }), /^Error: the model: .*meet/s)
})

test('a released session says so', async () => {
  const session = await Session.create(doubling('float32', [1]), cpu)
  const run = session.bind({ x: Tensor.zeros('float32', [1]) })
  await session.release()
  await session.release()
  await assert.rejects(run(), /this session was released/)
})

test('an absurd number of threads is refused', async () => {
  for (const threads of [0, -1, 1.5, NaN]) await assert.rejects(Session.create(doubling('float32', [1]), { device: 'cpu', threads }), /threads/)
})

test('an interrupted cell loads and runs no more', async () => {
  const session = await Session.create(doubling('float32', [1]), cpu)
  const run = session.bind({ x: Tensor.zeros('float32', [1]) })
  const interrupt = new AbortController()
  Object.assign(globalThis, { [Symbol.for('hone.cell')]: { id: 'a', signal: interrupt.signal } })
  try {
    await run()
    interrupt.abort(new Error('Interrupted'))
    await assert.rejects(run(), /^Error: Interrupted$/)
    await assert.rejects(Session.create(doubling('float32', [1]), cpu), /^Error: Interrupted$/)
  } finally {
    Reflect.deleteProperty(globalThis, Symbol.for('hone.cell'))
  }
  await run()
})

test('every option is accepted together, and the profile is written', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hone-test-'))
  const options = { ...cpu, interOpThreads: 2, graphOptimization: 'disabled', spinning: false, denormalsAsZero: false, profile: join(folder, 'run') } as const
  const session = await Session.create(twoLayers(4), options)
  await session.run({ x: Tensor.zeros('float32', [1, 4]) })
  session.endProfile()
  await session.release()
  assert.equal((await readdir(folder)).filter((name) => name.startsWith('run') && name.endsWith('.json')).length, 1)
  await rm(folder, { recursive: true })
})

test('denormals count as zero where the first session asks for it, and a later one cannot change it', async () => {
  const url = (path: string) => JSON.stringify(new URL(path, import.meta.url).href)
  const program = `
    const { Session } = await import(${url('../../../lib/runtime/session.js')})
    const { Tensor } = await import(${url('../../../lib/graph/tensor.js')})
    const { doubling } = await import(${url('./models.js')})
    const flushed = await Session.create(doubling('float32', [1]), { device: 'cpu', denormalsAsZero: true })
    const { y } = await flushed.run({ x: Tensor.float32([1], [1e-40]) })
    const refusal = await Session.create(doubling('float32', [1]), { device: 'cpu', denormalsAsZero: false }).catch((error) => error.message)
    console.log(y.toNumbers()[0], refusal)`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program])
  assert.match(stdout, /^0 denormalsAsZero: the first session of this process settled it as true/)
})
