import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Graph } from '../../../lib/graph/graph.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { batchNorm2d, conv2d, convTranspose2d, dropout, flatten, linear, relu, residual, sequential } from '../../../lib/nn/layers.ts'
import { build } from '../../../lib/nn/build.ts'
import { Dataset } from '../../../lib/data/dataset.ts'
import { models } from '../../../lib/nn/index.ts'
import type { Model } from '../../../lib/nn/model.ts'
import { batchNormScale, compare, halfPrecision, pruneChannels, pruneL1, pruneTo, quantize, quantizeAware, quantizeDynamic, randomly, taylor, ternarize } from '../../../lib/passes/index.ts'

const stored = (graph: Graph, name: string) => graph.initializers.find((value) => value.name === name)!
const shapeOf = (model: Model, name: string) => stored(model.graph, name).initializer!.shape.join('x')

/** A stem of 8 channels, a residual block of 8, 6 and 8, a head. */
const network = () => build(
  sequential({
    stem: conv2d(3, 8, 3, { padding: 1 }), norm: batchNorm2d(8), act: relu(),
    block: residual(sequential({ a: conv2d(8, 6, 3, { padding: 1 }), act: relu(), b: conv2d(6, 8, 3, { padding: 1 }) })),
    drop: dropout(), flat: flatten(), head: linear(8 * 16, 5),
  }),
  { x: ['N', 3, 4, 4] }, { name: 'small', output: 'logits' },
)

/** Makes the weights that compute some channels small. */
function weaken(model: Model, name: string, channels: readonly number[], factor = 0.01, axis = 0): void {
  const value = stored(model.graph, name)
  const tensor = value.initializer!
  const inner = tensor.shape.slice(axis + 1).reduce((a, b) => a * b, 1)
  const data = tensor.toFloat32().map((w, i) => (channels.includes(Math.floor(i / inner) % tensor.shape[axis]!) ? w * factor : w))
  value.initializer = Tensor.of('float32', tensor.shape, data)
}

test('the weakest channels go, and with them what a residual addition ties to them', async () => {
  const model = network()
  weaken(model, 'block.a.weight', [1, 4])
  weaken(model, 'stem.weight', [0, 3, 5])
  weaken(model, 'block.b.weight', [0, 3, 5])
  const before = stored(model.graph, 'stem.weight').initializer!
  const pruned = await model.apply(pruneChannels({ amount: 0.375 }))
  assert.deepEqual(['stem.weight', 'norm.weight', 'block.a.weight', 'block.b.weight', 'head.weight'].map((name) => shapeOf(pruned, name)), ['5x3x3x3', '5', '4x5x3x3', '5x4x3x3', '5x80'])
  assert.deepEqual(stored(pruned.graph, 'stem.weight').initializer!.toNumbers(), before.take(0, [1, 2, 4, 6, 7]).toNumbers())
  assert.match(pruned.changes.map(({ node, text }) => `${node}: ${text}`).join('\n'), /stem.*: 3 of 8 channels removed, together with .*b/)
  assert.match(pruned.refusals.map(({ reason }) => reason).join('\n'), /axis 1 of the network's output "logits" is tied to it/)
  const { logits } = await (await pruned.session()).run({ x: Tensor.zeros('float32', [2, 3, 4, 4]) })
  assert.deepEqual(logits!.shape, [2, 5])
})

test('across the network the weakest groups lose most, and none is emptied', async () => {
  const model = network()
  weaken(model, 'block.a.weight', [0, 1, 2, 3, 4, 5])
  const pruned = await model.apply(pruneChannels({ amount: 0.5, scope: 'global', criterion: 'l2' }))
  const total = Number(shapeOf(pruned, 'stem.weight').split('x')[0]) + Number(shapeOf(pruned, 'block.a.weight').split('x')[0])
  assert.equal(total, 7)
})

test('a layer that is left out keeps its channels, and so does what hangs together with it', async () => {
  const model = network()
  const [stem] = model.graph.nodes('Conv')
  const pruned = await model.apply(pruneChannels({ amount: 0.5, exclude: [stem!.name] }))
  assert.deepEqual([shapeOf(pruned, 'stem.weight'), shapeOf(pruned, 'block.a.weight'), shapeOf(pruned, 'block.b.weight')], ['8x3x3x3', '3x8x3x3', '8x3x3x3'])
  assert.match(pruned.refusals.map(({ reason }) => reason).join('\n'), /hang together with those of a layer that is left as it is/)
})

test('by the scale of batch normalization: channels without one are refused', async () => {
  const model = network()
  const scale = stored(model.graph, 'norm.weight')
  scale.initializer = Tensor.of('float32', [8], [1, 0.1, 1, 1, 0.1, 1, 1, 1])
  const pruned = await model.apply(pruneChannels({ amount: 0.25, criterion: batchNormScale }))
  assert.equal(shapeOf(pruned, 'stem.weight'), '6x3x3x3')
  assert.deepEqual(stored(pruned.graph, 'norm.weight').initializer!.toNumbers(), Array(6).fill(1))
  assert.match(pruned.refusals.map(({ reason }) => reason).join('\n'), /no batch normalization/)
})

test('what stays is a multiple of roundTo; chance repeats by its seed', async () => {
  const model = network()
  const rounded = await model.apply(pruneChannels({ amount: 0.7, roundTo: 4 }))
  assert.deepEqual([shapeOf(rounded, 'stem.weight'), shapeOf(rounded, 'block.a.weight')], ['4x3x3x3', '4x4x3x3'])
  const drawn = await Promise.all([1, 1, 2].map((seed) => model.apply(pruneChannels({ amount: 0.5, criterion: randomly({ seed }) }))))
  const [a, b, c] = drawn.map(({ graph }) => stored(graph, 'stem.weight').initializer!.toNumbers())
  assert.deepEqual(a, b)
  assert.notDeepEqual(a, c)
})

test('layers whose weights are not stored as they are, or that rounding leaves whole, are refused with the way out', async () => {
  const small = () => build(sequential({ first: conv2d(3, 8, 1), act: relu(), last: conv2d(8, 4, 1) }), { x: ['N', 3, 4, 4] }, { output: 'y', seed: 3 })
  const refusedOf = async (model: Model, options: Partial<Parameters<typeof pruneChannels>[0]> = {}) => {
    const { changes, refusals } = await model.apply(pruneChannels({ amount: 0.5, ...options }))
    assert.equal(changes.length, 0)
    return refusals.filter(({ node }) => node === 'first').map(({ reason }) => reason).join()
  }
  const calibrate = [{ x: Tensor.zeros('float32', [1, 3, 4, 4]) }]
  for (const form of [quantize({ calibrate }), quantizeAware({ calibrate }), ternarize(), halfPrecision()])
    assert.match(await refusedOf(await small().apply(form)), /^its weight is computed by .*: prune channels before quantizing and the like, or apply foldConstants first$/, form.name)
  for (const form of [quantize({ calibrate, format: 'operator' }), quantizeDynamic({ force: true })])
    assert.equal(await refusedOf(await small().apply(form)), 'its weight is stored as integers: prune channels before quantizing', form.name)
  assert.equal(await refusedOf(small(), { roundTo: 16 }), 'roundTo: 16 keeps all 8 channels that it could lose')
  const overridable = small()
  const weight = stored(overridable.graph, 'first.weight')
  weight.replaceWith(Object.assign(overridable.graph.input('w', 'float32', weight.shape), { initializer: weight.initializer }))
  assert.match(await refusedOf(overridable), /^its weight "w" is an input with a default, which whoever runs the network may override$/)
})

test('the sentiment LSTM at a tenth of its columns keeps exactly 3,191,210 parameters', async () => {
  const model = models.lstmSentiment({ length: 4 })
  const pruned = await model.apply(pruneChannels({ amount: 0.9, criterion: 'l2' }))
  assert.equal(pruned.parameters, 3_191_210)
})

test('amounts that make no sense, and those that would empty a layer, are refused', async () => {
  assert.throws(() => pruneChannels({ amount: 1.5 }), /amount is a share from 0 up to, not including, 1, not 1.5: something of each layer has to stay/)
  assert.throws(() => pruneChannels({ amount: 0.5, criterion: 'l3' as 'l1' }), /there is no criterion "l3"; there are l1, l2, batch-norm, random/)
  assert.throws(() => taylor({} as Parameters<typeof taylor>[0]), /taylor: data takes the samples that the loss is taken over/)
  assert.throws(() => pruneChannels({ amount: 1 }), /something of each layer has to stay/)
  for (const scope of ['layer', 'global'] as const) {
    const most = await network().apply(pruneChannels({ amount: 0.99, scope }))
    assert.equal(shapeOf(most, 'block.a.weight'), '1x1x3x3')
    const told = most.refusals.filter(({ reason }) => reason === 'the best of its channels stays, though it was to go: something of each layer has to')
    assert.deepEqual(told.map(({ node }) => node), ['stem', 'block.a'])
  }
  assert.ok((await network().apply(pruneChannels({ amount: 0.5 }))).refusals.every(({ node }) => node.startsWith('head')))
  await assert.rejects(network().apply(pruneChannels({ amount: 0.5, include: ['stm'] })), /there is no layer "stm"/)
})

test('grouped and depthwise transposed convolutions lose channels, and the network computes what it computes without them', async () => {
  const cases = [
    { groups: 2, dead: { axis: 1, entries: [1, 2] }, outputs: [1, 2, 5, 6], left: '4x2x3x3' },
    { groups: 8, dead: { axis: 0, entries: [0, 3, 4, 7] }, outputs: [0, 3, 4, 7], left: '4x1x3x3' },
    { groups: 1, dead: { axis: 1, entries: [1, 2, 5, 6] }, outputs: [1, 2, 5, 6], left: '4x4x3x3' },
  ]
  for (const { groups, dead, outputs, left } of cases) {
    const model = build(sequential({ first: conv2d(3, 8, 1), up: convTranspose2d(8, 8, 3, { groups }), act: relu(), last: conv2d(8, 4, 1) }), { x: ['N', 3, 4, 4] }, { output: 'y', seed: 3 })
    for (const name of ['first.weight', 'first.bias']) weaken(model, name, [0, 3, 4, 7], 0)
    weaken(model, 'up.weight', dead.entries, 0, dead.axis)
    weaken(model, 'up.bias', outputs, 0)
    const pruned = await model.apply(pruneChannels({ amount: 0.5 }))
    assert.deepEqual(pruned.refusals.map(({ node }) => node), ['last'], `${groups} groups`)
    assert.deepEqual([shapeOf(pruned, 'up.weight'), shapeOf(pruned, 'last.weight')], [left, '4x4x1x1'])
    const x = Tensor.float32([2, 3, 4, 4], Float32Array.from({ length: 96 }, (_, i) => Math.sin(i)))
    assert.ok((await compare(model.graph, pruned.graph, { x })).relative < 1e-6)
  }
})

test('channels that no stored weight tells about are left, with the reason that belongs to the criterion', async () => {
  const model = build(sequential({ first: conv2d(3, 8, 1), act: relu(), last: conv2d(8, 4, 1) }), { x: ['N', 3, 4, 4] })
  const { refusals } = await model.apply(pruneChannels({ amount: 0.5, criterion: 'batch-norm' }))
  assert.match(refusals[0]!.reason, /no batch normalization, by whose scale/)
})

test('by the effect on the loss: what the head does not read matters least, however large it is', async () => {
  const model = network()
  const head = stored(model.graph, 'head.weight')
  const data = Float32Array.from(head.initializer!.toFloat32())
  for (let i = 0; i < data.length; i++) if ([2, 6].includes(Math.floor(i / 16) % 8)) data[i] = 0
  head.initializer = Tensor.of('float32', head.initializer!.shape, data)
  for (const name of ['block.a.weight']) {
    const value = stored(model.graph, name)
    const weights = Float32Array.from(value.initializer!.toFloat32(), (w, i) => ([2, 6].includes(Math.floor(i / 9) % 8) ? 0 : w))
    value.initializer = Tensor.of('float32', value.initializer!.shape, weights)
  }
  const samples = Dataset.of({ name: 'noise', source: 'the test', complete: true, inputs: { x: Tensor.of('float32', [12, 3, 4, 4], Array.from({ length: 576 }, (_, i) => Math.sin(i * i))) }, labels: Array.from({ length: 12 }, (_, i) => i % 5), correct: () => [] })
  const kept = stored(model.graph, 'stem.weight').initializer!.take(0, [0, 1, 3, 4, 5, 7]).toNumbers()
  const pruned = await model.apply(pruneChannels({ amount: 0.25, criterion: taylor({ data: samples, batch: 5 }) }))
  assert.deepEqual(stored(pruned.graph, 'stem.weight').initializer!.toNumbers(), kept)
})

test('to a target: the smallest amount that leaves half of the parameters, or of the multiply-adds', async () => {
  const model = build(sequential({ a: conv2d(3, 64, 3, { padding: 1 }), b: conv2d(64, 64, 3, { padding: 1 }), flat: flatten(), head: linear(64 * 16, 5) }), { x: ['N', 3, 4, 4] }, { name: 'wide', output: 'logits' })
  const half = await model.apply(pruneTo({ macs: 0.5 }, (amount) => pruneChannels({ amount })))
  const share = Number(half.summary({ N: 1 }).macs) / Number(model.summary({ N: 1 }).macs)
  assert.ok(share <= 0.5 && share > 0.47, `${share}`)
  const few = await model.apply(pruneTo({ parameters: 0.1 }, (amount) => pruneChannels({ amount })))
  assert.ok(few.parameters <= 0.1 * model.parameters && few.parameters > 0.08 * model.parameters)
})

test('a target that cannot be met keeps what comes closest, and says so', async () => {
  const pruned = await network().apply(pruneTo({ parameters: 0.001 }, (amount) => pruneChannels({ amount })))
  assert.match(pruned.refusals.at(-1)!.reason, /^no amount brings its parameters to 0.1 % of what they were: at an amount of 0.98 there is \d+\.\d % left$/)
  assert.equal(shapeOf(pruned, 'stem.weight'), '1x3x3x3')
  assert.throws(() => pruneTo({ flops: 0.5 } as never, (amount) => pruneChannels({ amount })), /the share of parameters, macs, latency .+ as in \{ macs: 0.5 \}, not of flops/)
  assert.equal(pruneTo({ macs: 0.004 }, (amount) => pruneChannels({ amount })).name, 'prune-channels to 0.4 % of its macs')
  assert.throws(() => pruneTo({ macs: 2 }, (amount) => pruneChannels({ amount })), /macs is a share above 0, at most 1, not 2/)
  assert.throws(() => pruneTo({ macs: 0.5, parameters: 0.5 }, (amount) => pruneChannels({ amount })), /^RangeError: pruneTo: one target at a time, not macs and parameters$/)
  const flat = build(sequential({ flat: flatten(), act: relu() }), { x: ['N', 3, 4, 4] })
  assert.match((await flat.apply(pruneTo({ macs: 0.5 }, (amount) => pruneChannels({ amount })))).refusals.at(-1)!.reason, /^it has no macs that could be fewer$/)
  const unmoved = await network().apply(pruneTo({ macs: 0.5 }, (amount) => pruneL1({ amount })))
  assert.match(unmoved.refusals.at(-1)!.reason, /at an amount of 0.98 there is 100.0 % left$/)
  assert.ok(stored(unmoved.graph, 'stem.weight').initializer!.toNumbers().every((w) => w !== 0), 'zeros spare no multiply-add: none are put')
})

test('to a latency, measured beside the whole network', async () => {
  const model = network()
  const pruned = await model.apply(pruneTo({ latency: 1, feeds: { x: Tensor.zeros('float32', [1, 3, 4, 4]) }, seconds: 0.02 }, (amount) => pruneChannels({ amount })))
  assert.ok(pruned.parameters <= model.parameters)
})
