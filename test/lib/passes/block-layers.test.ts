import assert from 'node:assert/strict'
import { test } from 'node:test'
import { symbol } from '../../../lib/graph/dim.ts'
import { Model } from '../../../lib/nn/model.ts'
import { blockLayers, compare, tilings } from '../../../lib/passes/index.ts'
import { Net, noise, types } from './networks.ts'

const image = [2, 3, 11, 9]
const feeds = { x: noise(image) }

function network(opset?: number) {
  const net = new Net(opset)
  const a = net.relu(net.conv(net.input(image), 'a', 10, { pads: [1, 1, 1, 1] }), 'act')
  const b = net.conv(a, 'b', 6, { kernel: [3, 2], strides: [2, 1] })
  const flat = net.builder.op('Flatten', [b])
  return net.output(net.builder.op('MatMul', [net.linear(flat, 'fc', 12), net.parameter('last.weight', [12, 7])], {}, { name: 'last' }))
}

for (const over of ['channels', 'rows'] as const)
  for (const tile of [1, 3, 4])
    test(`a network in tiles of ${tile} ${over} computes the same`, async () => {
      for (const opset of [13, 21]) {
        const graph = network(opset)
        const { graph: tiled, changes } = await blockLayers({ over, tile }).apply(graph)
        assert.ok(changes.length >= 2 && types(tiled).filter((type) => type === 'Conv').length > 2)
        assert.ok((await compare(graph, tiled, feeds)).relative < 1e-6)
      }
    })

test('what is a single tile, or cannot be cut, is refused with the reason', async () => {
  const net = new Net()
  const x = net.input([1, 4, 6, 6])
  net.output(net.conv(x, 'grouped', 8, { group: 2 }), 'g')
  net.output(net.conv(net.graph.input('open', 'float32', [1, 4, symbol('H'), 6]), 'open', 4), 'o')
  const reasons = async (over: 'channels' | 'rows', tile: number) => Object.fromEntries((await blockLayers({ over, tile }).apply(net.graph)).refusals.map(({ node, reason }) => [node, reason]))
  assert.deepEqual(await reasons('channels', 4), { grouped: 'it has 2 groups', open: 'its 4 channels are a single tile' })
  assert.deepEqual(await reasons('rows', 4), { grouped: 'its output of 4 x 4 is a single block', open: 'the size of its images is not known' })
  for (const tile of [0, 1.5, NaN]) assert.throws(() => blockLayers({ over: 'rows', tile }), /tile is a whole number from 1 on/)
  assert.throws(() => blockLayers({ over: 'columns' as 'rows', tile: 2 }), /over is 'channels' or 'rows', not columns/)
})

test('tile sizes are searched beside the whole network, and those that cut nothing are left out', async () => {
  const found = await tilings(new Model(network()), feeds, { channels: [4, 500], rows: [3], seconds: 0.1 })
  assert.deepEqual([...found].map(({ name }) => name), ['whole', 'tiles of 4 channels', 'tiles of 3 rows'])
})
