import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { Graph } from '../../../lib/graph/graph.ts'
import { encodeModel } from '../../../lib/graph/onnx.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { random } from '../../../lib/random.ts'
import { nonzeros, sizes, sparseBytes } from '../../../lib/measure/size.ts'

/** x times a weight of 100 x 100, of which a share is zero. */
function layer(zeros: number): Graph {
  const { next } = random(1)
  const weight = Float32Array.from({ length: 10_000 }, (_, i) => (i < zeros * 10_000 ? 0 : next() - 0.5))
  const graph = new Graph('layer')
  const x = graph.input('x', 'float32', [1, 100])
  graph.addOutput(graph.add('MatMul', [x, graph.parameter('w', Tensor.float32([100, 100], weight))]).output, 'y')
  return graph
}

test('zeros do not shrink the dense file, only the sparse and the compressed one', async () => {
  const [full, half] = [await sizes(layer(0)), await sizes(layer(0.5))]
  assert.equal(full.dense, encodeModel(layer(0)).byteLength)
  assert.equal(half.dense, full.dense)
  assert.equal(full.sparse, full.dense)
  assert.equal(half.sparse, half.dense - 40_000 + 1250 + 20_000)
  assert.ok(half.compressed < 0.7 * full.compressed)
})

test('several models are measured by name, and show themselves in the unit that fits', async () => {
  const measured = await sizes({ full: layer(0), half: { graph: layer(0.5) } })
  assert.deepEqual(Object.keys(measured), ['full', 'half'])
  assert.deepEqual({ ...measured.half }, { ...(await sizes(layer(0.5))) })
  assert.match(inspect(measured), /file +dense +sparse +compressed\n.*\nfull +40\.\d kB +40\.\d kB .*\nhalf +40\.\d kB +21\.\d kB /)
  assert.match(inspect(await sizes(layer(0))), /layer +40\.\d kB/)
})

test('zeros of either sign are found in every element type', () => {
  assert.equal(nonzeros(Tensor.float32([4], [0, -0, 1, -1])), 2)
  assert.equal(nonzeros(Tensor.of('float16', [4], [0, -0, 1, -1])), 2)
  assert.equal(nonzeros(Tensor.of('int8', [3], [0, -1, 1])), 2)
  assert.equal(nonzeros(Tensor.int64([0, 5])), 1)
  assert.equal(nonzeros(Tensor.zeros('int4', [6])), 6)
  assert.equal(sparseBytes(Tensor.zeros('float32', [16])), 2)
  assert.equal(sparseBytes(Tensor.of('string', [1], ['plate'])), 0)
  assert.equal(sparseBytes(Tensor.zeros('float32', [0])), 0)
})
