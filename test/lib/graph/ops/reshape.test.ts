import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { Builder } from '../../../../lib/graph/builder.ts'
import { formatShape, symbol } from '../../../../lib/graph/dim.ts'
import { Graph, type Value } from '../../../../lib/graph/graph.ts'
import { operatorOf } from '../../../../lib/graph/ops/index.ts'
import type { Link } from '../../../../lib/graph/operator.ts'
import { Tensor } from '../../../../lib/graph/tensor.ts'
import { gradientErrors, runGraph, scattered, type OperatorCase } from '../run.ts'
import { checkShapes } from '../shapes.ts'

const x = (...shape: number[]) => scattered('float64', shape)
const ints = (...values: number[]) => Tensor.int64(values)

const cases: Record<string, (OperatorCase & { open?: boolean })[]> = {
  Reshape: [
    { type: 'Reshape', inputs: [x(2, 3, 4), ints(0, -1)] },
    { type: 'Reshape', inputs: [x(2, 3, 4), ints(-1)] },
    { type: 'Reshape', inputs: [x(5, 3, 4), ints(5, 4, -1)] },
    { type: 'Reshape', inputs: [x(2, 1, 7), ints(0, 0, 1, -1)] },
    { type: 'Reshape', inputs: [x(1), ints()] },
  ],
  Flatten: [
    { type: 'Flatten', inputs: [x(2, 3, 4, 5)] },
    { type: 'Flatten', inputs: [x(2, 3, 4)], attributes: { axis: 0 } },
    { type: 'Flatten', inputs: [x(2, 3, 4)], attributes: { axis: 3 } },
    { type: 'Flatten', inputs: [x(2, 3, 4)], attributes: { axis: -1 } },
  ],
  Squeeze: [
    { type: 'Squeeze', inputs: [x(2, 1, 3, 1), ints(1)] },
    { type: 'Squeeze', inputs: [x(2, 1, 3, 1), ints(-1, 1)] },
    { type: 'Squeeze', inputs: [x(2, 1, 3, 1)], open: true },
  ],
  Unsqueeze: [
    { type: 'Unsqueeze', inputs: [x(2, 3), ints(0, -1)] },
    { type: 'Unsqueeze', inputs: [x(2, 3), ints(2, 1)] },
  ],
  Transpose: [
    { type: 'Transpose', inputs: [x(2, 3, 4)] },
    { type: 'Transpose', inputs: [x(2, 3, 4)], attributes: { perm: [1, 2, 0] } },
  ],
  Expand: [
    { type: 'Expand', inputs: [x(2, 1, 4), ints(2, 3, 4)] },
    { type: 'Expand', inputs: [x(3, 1), ints(2, 1, 5)] },
    { type: 'Expand', inputs: [x(2, 3), ints(1, 1)] },
  ],
  Tile: [
    { type: 'Tile', inputs: [x(2, 3), ints(2, 1)] },
    { type: 'Tile', inputs: [x(2, 1, 3), ints(1, 4, 3)] },
  ],
  Pad: [
    { type: 'Pad', inputs: [x(2, 3), ints(1, 0, 0, 2)] },
    { type: 'Pad', inputs: [x(4, 5), ints(-1, 0, 2, -2)] },
    { type: 'Pad', inputs: [x(2, 3, 4), ints(1, 2), x(), ints(-1)] },
  ],
}

for (const [type, list] of Object.entries(cases))
  test(`${type}: its output has the shape and type that ONNX Runtime gives, also from symbolic sizes, and its gradient is that of central differences`, async () => {
    for (const c of list) {
      await checkShapes(c)
      for (const error of await gradientErrors(c, 0.5)) assert.ok(error < 1e-9, `${type} [${c.inputs[0]!.shape}]: ${error}`)
    }
  })

test('DepthToSpace and SpaceToDepth move blocks between channels and the image', async () => {
  await checkShapes({ type: 'DepthToSpace', inputs: [scattered('float32', [2, 8, 3, 5])], attributes: { blocksize: 2 } })
  await checkShapes({ type: 'SpaceToDepth', inputs: [scattered('float32', [2, 3, 4, 6])], attributes: { blocksize: 2 }, open: true })
})

test('a resized image has the shape that ONNX Runtime gives: by factors, to sizes, along some axes, with numbers that leave a rest', async () => {
  const image = scattered('float32', [2, 3, 5, 4])
  const by = (...factors: number[]) => Tensor.float32([factors.length], factors)
  const resized = (inputs: readonly (Tensor | null)[], attributes = {}) => checkShapes({ type: 'Resize', inputs: [image, null, ...inputs], attributes, constants: [2], open: true })
  for (const mode of ['nearest', 'linear']) {
    await resized([by(1, 1, 2, 3)], { mode })
    await resized([by(1, 1, 0.5, 1.7)], { mode })
    await resized([null, ints(2, 3, 7, 9)], { mode })
  }
  await resized([by(0.5, 2)], { axes: [2, -1] })
  await resized([null, ints(3, 9)], { axes: [2, 3] })
  await resized([null, ints(9, 3)], { axes: [2, 3], keep_aspect_ratio_policy: 'not_larger' })
})

test('enlarging by whole factors keeps symbolic sizes exact, of Upsample too', () => {
  const builder = new Builder(new Graph())
  const image = builder.graph.input('x', 'float32', [symbol('N'), 3, symbol('H'), symbol('W')])
  const factors = builder.tensor(Tensor.float32([4], [1, 1, 2, 2]))
  assert.equal(formatShape(builder.op('Resize', [image, null, factors]).shape), '[N, 3, 2*H, 2*W]')
  assert.equal(formatShape(builder.op('Upsample', [image, factors]).shape), '[N, 3, 2*H, 2*W]')
  const size = builder.concat([builder.op('Shape', [image], { end: 2 }), builder.int64([7, 9])], 0)
  assert.equal(formatShape(builder.op('Resize', [image, null, null, size]).shape), '[N, 3, 7, 9]')
})

test('a reshape to any factorization, with 0 and -1 anywhere, has the shape that the runtime gives', async () => {
  const shape = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 })
  await fc.assert(fc.asyncProperty(shape, fc.nat(), fc.boolean(), fc.boolean(), async (dims, seed, open, keep) => {
    const target = dims.toSorted((a, b) => ((a * 7 + seed) % 5) - ((b * 7 + seed) % 5))
    if (open) target[seed % target.length] = -1
    if (keep && target[0] === dims[0]) target[0] = 0
    await checkShapes({ type: 'Reshape', inputs: [x(...dims), ints(...target)] })
  }), { numRuns: 40 })
})

test('the shape arithmetic of an exported network keeps a symbolic batch size exact', async () => {
  const graph = new Graph()
  const b = new Builder(graph)
  const image = graph.input('x', 'float32', [symbol('N'), 6, symbol('H'), 4])
  const dims = b.op('Shape', [image])
  const batch = b.op('Unsqueeze', [b.gather(dims, b.tensor(Tensor.scalar('int64', 0))), b.int64([0])])
  const height = b.slice(dims, [2], [3], [0])
  const halves = b.div(b.tensor(ints(6)), b.tensor(ints(2)))
  const split = b.reshape(image, b.concat([batch, b.tensor(ints(2)), halves, height, b.tensor(ints(-1))], 0))
  assert.equal(formatShape(split.shape), '[N, 2, 3, H, 4]')
  const flat = b.reshape(b.transpose(split, [0, 2, 1, 3, 4]), b.concat([batch, b.tensor(ints(-1))], 0))
  assert.equal(formatShape(flat.shape), '[N, 24*H]')
  const spread = b.op('Expand', [b.tensor(Tensor.float32([1, 1], [1])), b.concat([batch, b.tensor(ints(5))], 0)])
  assert.equal(formatShape(spread.shape), '[N, 5]')
  graph.addOutput(flat, 'flat')
  graph.addOutput(spread, 'spread')
  const real = await runGraph(graph, { x: scattered('float32', [2, 6, 3, 4]) })
  assert.deepEqual([real['flat']!.shape, real['spread']!.shape], [[2, 72], [2, 5]])
})

test('older operator sets, which give axes and shapes as attributes, are understood', () => {
  const b = new Builder(new Graph())
  const value = b.graph.input('x', 'float32', [symbol('N'), 1, 4])
  assert.equal(formatShape(b.op('Squeeze', [value], { axes: [1] }).shape), '[N, 4]')
  assert.equal(formatShape(b.op('Unsqueeze', [value], { axes: [0] }).shape), '[1, N, 1, 4]')
  assert.equal(formatShape(b.op('Reshape', [value], { shape: [0, 2, 2] }).shape), '[N, 2, 2]')
  assert.equal(formatShape(b.op('Pad', [value], { pads: [0, 0, 1, 0, 0, 1] }).shape), '[N, 1, 6]')
})

test('what does not fit is refused with both shapes', () => {
  const b = new Builder(new Graph())
  const value = b.graph.input('x', 'float32', [2, 3])
  assert.throws(() => b.reshape(value, [4, 2]), /reshape \(Reshape\): \[2, 3\] cannot be reshaped to \[4, 2\]/)
  assert.throws(() => b.reshape(value, [4, -1]), /\[2, 3\] cannot be reshaped to \[4, -1\]/)
  assert.throws(() => b.op('Squeeze', [value, b.int64([1])]), /axis 1 of \[2, 3\] is not 1 long/)
  assert.throws(() => b.unsqueeze(value, [4]), /axis 4 is outside its 3 axes/)
  assert.throws(() => b.transpose(value, [0, 0]), /perm \[0,0\] is no order of 2 axes/)
})

/** Entries of y's axis that stand for entries of x's axis; undefined where no link is between them. */
function partners(links: readonly Link[], x: Value, from: number, y: Value, to: number, entries: readonly number[]): readonly number[] | undefined {
  const forward = links.find(({ a, b }) => a.value === x && a.axis === from && b.value === y && b.axis === to)
  if (forward) return forward.forward(entries)
  return links.find(({ a, b }) => a.value === y && a.axis === to && b.value === x && b.axis === from)?.backward(entries)
}

test('the channels of a flattened image are blocks of its features, and a reshape follows when some go', () => {
  const graph = new Graph()
  const b = new Builder(graph)
  const image = graph.input('x', 'float32', [symbol('N'), 4, 2, 3])
  const flat = b.reshape(image, [-1, 24])
  const node = flat.producer!
  const links = operatorOf(node)!.coupling!(node)
  assert.deepEqual(partners(links, image, 1, flat, 1, [0, 2]), [0, 1, 2, 3, 4, 5, 12, 13, 14, 15, 16, 17])
  assert.deepEqual(links.find(({ a }) => a.value === image && a.axis === 1)!.backward([7]), [1])
  assert.throws(() => links.find(({ a }) => a.value === image && a.axis === 2)!.forward([0]), /merges axis 2 of \[N, 4, 2, 3\] with others/)
  operatorOf(node)!.resized!(node, ({ value }) => (value === image ? [1, 3] : Array.from({ length: 12 }, (_, i) => i)), b)
  assert.deepEqual(node.input(1).constant!.toNumbers(), [-1, 12])
})

test('channels split into groups leave as whole groups', () => {
  const b = new Builder(new Graph())
  const image = b.graph.input('x', 'float32', [symbol('N'), 6, 5, 5])
  const groups = b.reshape(image, [0, 2, 3, 5, 5])
  const links = operatorOf(groups.producer!)!.coupling!(groups.producer!)
  assert.deepEqual(partners(links, groups, 1, image, 1, [1]), [3, 4, 5])
  assert.deepEqual(partners(links, image, 1, groups, 1, [4]), [1])
  assert.deepEqual(partners(links, image, 2, groups, 3, [4]), [4])
})

test('a padded axis keeps its padding when entries go', () => {
  const b = new Builder(new Graph())
  const image = b.graph.input('x', 'float32', [symbol('N'), 3, 5, 5])
  const wide = b.op('Pad', [image, b.int64([0, 2, 0, 0, 0, 1, 0, 0])])
  const node = wide.producer!
  const links = operatorOf(node)!.coupling!(node)
  assert.deepEqual(partners(links, image, 1, wide, 1, [0, 2]), [2, 4])
  operatorOf(node)!.resized!(node, ({ value, axis }) => (axis !== 1 ? [0, 1, 2, 3, 4] : value === image ? [0, 1] : [1, 2, 3, 5]), b)
  assert.deepEqual(node.input(1).constant!.toNumbers(), [0, 1, 0, 0, 0, 1, 0, 0])
})

test('a shape that claims billions of axes, as a damaged file may, is refused before it fills the memory', () => {
  const graph = new Graph()
  const b = new Builder(graph)
  const target = b.op('ConstantOfShape', [b.int64([2 ** 31])], { value: Tensor.int64([1]) })
  for (const type of ['Expand', 'Reshape', 'ConstantOfShape'])
    assert.throws(() => b.op(type, type === 'ConstantOfShape' ? [target] : [graph.input(type, 'float32', [1]), target]), /a shape of 2147483648 axes is more than the 64 that there may be/)
})
