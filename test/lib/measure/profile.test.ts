import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { Graph } from '../../../lib/graph/graph.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { compareProfiles } from '../../../lib/measure/match.ts'
import { profile, type ProfileError } from '../../../lib/measure/profile.ts'
import { intensity } from '../../../lib/measure/profile-table.ts'
import { lstmSentiment } from '../../../lib/nn/models/lstm-sentiment.ts'
import { lprnet } from '../../../lib/nn/models/lprnet.ts'
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

test('an LSTM is counted by its stored weights, which the runtime hides; of a table only the rows that are read', async () => {
  const net = lstmSentiment({ length: 8, vocabulary: 5000, embeddingSize: 16, hiddenSize: 32, numLayers: 1 })
  const tokens = Tensor.of('int64', [4, 8], Array.from({ length: 32 }, (_, i) => i))
  const { nodes } = await profile(net.graph, { tokens }, { device: 'cpu', threads: 1, runs: 2 })
  const one = (wanted: string) => nodes.find(({ type }) => type === wanted)!
  assert.equal(one('LSTM').flops, 2 * (2 * 8 * 4 * 4 * 32 * (16 + 32) + 8 * 4 * 10 * 4 * 32))
  assert.equal(one('Gather').bytes, 2 * (32 * 8 + 2 * 32 * 16 * 4))
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
    ['loop', 'Loop', 2, 40, 20],
    ['body', 'Add', 4, 80, 40],
    ['after', 'Relu', 2, 50, 25],
  ])
})

test('work and traffic are told: what an operator computes, moves, and in which type', async () => {
  const { nodes, total, stopwatch, cost } = await profile(twoLayers(128), feeds, { device: 'cpu', threads: 1, runs: 4, graphOptimization: 'disabled' })
  const first = nodes.find(({ name }) => name === 'first')!
  assert.equal(first.flops, 4 * 2 * 32 * 128 * 128)
  assert.equal(first.bytes, 4 * 4 * (32 * 128 + 128 * 128 + 32 * 128))
  assert.deepEqual([first.dtype, first.provider, first.shape], ['float32', 'CPUExecutionProvider', [32, 128]])
  assert.equal(nodes.find(({ name }) => name === 'act')!.flops, 4 * 32 * 128)
  assert.equal(intensity(first), first.flops! / first.bytes)
  assert.ok(stopwatch! >= total && cost!.low <= cost!.value && cost!.value <= cost!.high)
})

test('fused and relaid operators are counted as they ran, by the shapes that they saw', async () => {
  const net = lprnet({ seed: 1 })
  const { types, nodes } = await profile(net, { [net.graph.inputs[0].name]: Tensor.zeros('float32', [1, 3, 24, 94]) }, { device: 'cpu', threads: 1, runs: 2 })
  const convolutions = types.find(({ type }) => type === 'Conv')!
  const expected = 2 * 2 * Number(net.summary({ N: 1 }).macs)
  assert.ok(convolutions.flops! >= expected && convolutions.flops! < 1.05 * expected, `${convolutions.flops} for ${expected}: channels are padded to whole blocks`)
  assert.ok(nodes.every(({ flops }) => flops !== null))
})

test('quantized products count as many operations, in their own type', () => {
  const event = (type: string, shapes: readonly object[], output: object) => ({ cat: 'Node', name: 'q_kernel_time', ts: 1, dur: 10, args: { op_name: type, input_type_shape: shapes, output_type_shape: [output] } })
  const of = (...traced: Parameters<typeof event>) => operatorTimes([event(...traced) as never], 0).nodes[0]
  const [scale, zero] = [{ float: [] }, { uint8: [] }]
  const conv = of('QLinearConv', [{ uint8: [1, 8, 5, 5] }, scale, zero, { int8: [4, 8, 3, 3] }], { uint8: [1, 4, 3, 3] })
  assert.deepEqual([conv.flops, conv.dtype], [2 * 36 * 72, 'uint8'])
  assert.equal(of('Gemm', [{ float: [3, 7] }, { float: [5, 7] }], { float: [3, 5] }).flops, 2 * 3 * 5 * 7)
  assert.equal(of('FusedMatMul', [{ float: [2, 7, 3] }, { float: [2, 7, 5] }], { float: [2, 3, 5] }).flops, 2 * 2 * 3 * 5 * 7)
  assert.equal(of('MaxPool', [{ float: [1, 8, 4, 4] }], { float: [1, 8, 2, 2] }).flops, null)
  assert.equal(of('SomebodysOwn', [{ float: [3] }], { float: [3] }).flops, null)
})

test('a model that fails while it runs is named, and what ran before is kept', async () => {
  const graph = new Graph('failing')
  const x = graph.input('x', 'float32', [4])
  const sum = graph.add('Add', [x, x], {}, { name: 'sum' }).output
  graph.addOutput(graph.add('Gather', [sum, graph.input('i', 'int64', [1])], {}, { name: 'pick' }).output, 'y')
  await assert.rejects(profile(graph, { x: Tensor.zeros('float32', [4]), i: Tensor.int64([9]) }, { device: 'cpu', graphOptimization: 'disabled' }), (error: ProfileError) => {
    assert.match(error.message, /^failing: .*(out of|indices)/)
    assert.equal(error.message.split('\n').length, 1)
    assert.ok(error.profile.nodes.some(({ name }) => name === 'sum'))
    assert.match(inspect(error.profile), /The model failed in run 1: this is what ran before/)
    return true
  })
  await assert.rejects(profile(twoLayers(4), feeds, { runs: 0 }), /1 run or more, not 0/)
})

test('layers of a plain and of a fused graph are matched, and nothing is lost', async () => {
  const net = lprnet({ seed: 1 })
  const input = { [net.graph.inputs[0].name]: Tensor.zeros('float32', [1, 3, 24, 94]) }
  const [plain, fused] = [await profile(net, input, { device: 'cpu', threads: 1, runs: 2, graphOptimization: 'disabled' }), await profile(net, input, { device: 'cpu', threads: 1, runs: 2 })]
  const { layers } = compareProfiles(plain, fused)
  assert.equal(layers.length, 16)
  for (const { first, second } of layers) {
    assert.ok(first.length && second.length)
    assert.deepEqual([first[0].type, second[0].type], ['Conv', 'Conv'])
  }
  assert.deepEqual(layers[0].first.map(({ type }) => type), ['Conv', 'BatchNormalization', 'Relu', 'MaxPool'])
  assert.deepEqual(layers[0].second.map(({ type }) => type), ['Conv', 'MaxPool'])
  assert.equal(layers.flatMap(({ first }) => first).length, plain.nodes.length)
  assert.equal(layers.flatMap(({ second }) => second).length, fused.nodes.length)
  const other = compareProfiles(plain, await profile(twoLayers(128), feeds, { device: 'cpu', runs: 1 }))
  assert.ok(other.layers.length > 16)
  assert.match(inspect(other), /A whole run: .* times as fast\./)
})
