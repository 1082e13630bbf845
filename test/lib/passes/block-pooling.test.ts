import assert from 'node:assert/strict'
import { test } from 'node:test'
import { symbol } from '../../../lib/graph/dim.ts'
import { blockPooling, compare, meanPerSample } from '../../../lib/passes/index.ts'
import { Session } from '../../../lib/runtime/session.ts'
import { Net, noise, types } from './networks.ts'

const windows = {
  'apart, as LPRNet pools': { kernel_shape: [5, 5], strides: [5, 5] },
  'overlapping, so that blocks share a halo': { kernel_shape: [4, 10], strides: [4, 2] },
  'padded, padding not counted': { kernel_shape: [3, 3], strides: [2, 1], pads: [1, 0, 1, 2] },
  'padded, padding counted': { kernel_shape: [3, 3], pads: [1, 1, 1, 1], count_include_pad: 1 },
  dilated: { kernel_shape: [3, 2], dilations: [2, 3], strides: [1, 2] },
  'padded to the same size': { kernel_shape: [3, 4], auto_pad: 'SAME_UPPER', strides: [2, 2] },
}

for (const [name, attributes] of Object.entries(windows))
  // AveragePool has dilations since operator set 19
  for (const opset of 'dilations' in attributes ? [21] : [13, 21])
    test(`blocks give the same averages: windows ${name} (operator set ${opset})`, async () => {
      const net = new Net(opset)
      const x = net.graph.input('x', 'float32', [symbol('N'), 3, 22, 26])
      const graph = net.output(net.builder.op('AveragePool', [x], attributes, { name: 'pool' }))
      for (const block of [1, 3, 7]) {
        const { graph: blocked, changes, refusals } = await blockPooling({ block }).apply(graph)
        if (refusals.length) continue
        assert.equal(changes.length, 1)
        assert.ok(types(blocked).filter((type) => type === 'AveragePool').length > 1)
        assert.ok((await compare(graph, blocked, { x: noise([2, 3, 22, 26]) })).largest < 1e-6)
      }
    })

test('what cannot be cut, or need not be, is refused with the reason', async () => {
  const net = new Net()
  const open = net.graph.input('open', 'float32', [1, 2, symbol('H'), 8])
  const x = net.input([1, 2, 8, 8])
  const pool = (v: typeof x, name: string, attributes = {}) => net.output(net.builder.op('AveragePool', [v], { kernel_shape: [3, 3], ...attributes }, { name }), name)
  pool(open, 'unknown')
  pool(x, 'ceil', { ceil_mode: 1, strides: [2, 2] })
  pool(x, 'small', { strides: [3, 3] })
  const { refusals } = await blockPooling({ block: 2 }).apply(net.graph)
  assert.deepEqual(refusals.map(({ node, reason }) => [node, reason]), [
    ['unknown', 'the size of its images is not known'], ['ceil', 'its last windows reach beyond its input (ceil_mode)'], ['small', 'its output of 2 x 2 is a single block'],
  ])
  for (const block of [0, 1.5, NaN]) assert.throws(() => blockPooling({ block }), /block is a whole number from 1 on/)
})

/** f / mean(f²), as LPRNet's head has it. */
function normalized(opset: number, axes?: readonly number[]) {
  const net = new Net(opset)
  const x = net.graph.input('x', 'float32', [symbol('N'), 3, 4])
  const square = net.builder.mul(x, x)
  const mean = opset < 18 || !axes
    ? net.builder.op('ReduceMean', [square], { keepdims: 1, ...(axes && { axes }) }, { name: 'mean' })
    : net.builder.op('ReduceMean', [square, net.builder.int64(axes)], { keepdims: 1 }, { name: 'mean' })
  return net.output(net.builder.div(x, mean))
}

for (const [opset, axes] of [[13, undefined], [13, [0, 1, 2]], [21, undefined], [21, [0, 1, -1]]] as const)
  test(`a mean over the batch becomes one per sample, so that a sample no longer depends on the others (operator set ${opset}, axes ${axes ?? 'all'})`, async () => {
    const graph = normalized(opset, axes)
    const { graph: apart, changes } = await meanPerSample({ epsilon: 1e-8 }).apply(graph)
    assert.deepEqual(changes.map(({ node, text }) => [node, text]), [['mean', 'a mean per sample, plus 1e-8, instead of one over the batch']])
    const both = noise([2, 3, 4])
    const session = await Session.create(apart, { device: 'cpu', threads: 1 })
    const { y } = await session.run({ x: both })
    const results = [0, 1].map(async (i) => (await session.run({ x: both.take(0, [i]) })).y!.toNumbers())
    assert.deepEqual(y!.toNumbers(), (await Promise.all(results)).flat())
    const single = await compare(graph, apart, { x: both.take(0, [1]) })
    assert.ok(single.relative < 1e-6, 'one sample alone has the mean that it had')
    assert.ok((await compare(graph, apart, { x: both })).relative > 0.01)
  })

test('means that leave the batch alone are no site; one that is read otherwise is refused', async () => {
  const untouched = normalized(21, [1, 2])
  const result = await meanPerSample().apply(untouched)
  assert.equal(result.changes.length + result.refusals.length, 0)
  const net = new Net()
  net.output(net.builder.op('ReduceMean', [net.input([2, 3])], { keepdims: 1 }, { name: 'loss' }))
  assert.deepEqual((await meanPerSample().apply(net.graph)).refusals.map(({ reason }) => reason), ['it is read by more than divisions'])
  assert.throws(() => meanPerSample({ epsilon: -1 }), /epsilon is a number from 0 on/)
})
