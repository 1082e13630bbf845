import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromTf, tensorflow, toTf } from '../../../lib/bridge/tfjs.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'

test('tensors go to TensorFlow.js and come back', async () => {
  for (const tensor of [
    Tensor.float32([2, 3], [1, -2, 3.5, 0, NaN, Infinity]),
    Tensor.of('int32', [], [-7]),
    Tensor.of('bool', [3], [1, 0, 1]),
    Tensor.of('string', [2], ['京', 'A']),
    Tensor.zeros('float32', [0, 4]),
  ])
    assert.deepEqual(await fromTf(toTf(tensor)), tensor)
})

test('narrower types become the ones that TensorFlow.js has', async () => {
  assert.deepEqual(await fromTf(toTf(Tensor.of('uint8', [2], [0, 255]))), Tensor.of('int32', [2], [0, 255]))
  assert.deepEqual(await fromTf(toTf(Tensor.of('float16', [2], [1.5, -2]))), Tensor.float32([2], [1.5, -2]))
})

test('what TensorFlow.js cannot hold exactly is refused', async () => {
  assert.throws(() => toTf(Tensor.int64([1])), /no type that holds int64 exactly/)
  assert.throws(() => toTf(Tensor.of('float64', [1], [1])), /no type that holds float64 exactly/)
  const tf = tensorflow()
  await assert.rejects(fromTf(tf.complex([1], [2])), /a complex tensor has no counterpart/)
})

test('it computes on what it is given, and says nothing on stderr', async (t) => {
  const warned = t.mock.method(console, 'warn')
  const tf = tensorflow()
  const product = tf.matMul(toTf(Tensor.float32([1, 2], [3, 4])) as ReturnType<typeof tf.tensor2d>, toTf(Tensor.float32([2, 1], [5, 6])) as ReturnType<typeof tf.tensor2d>)
  assert.deepEqual((await fromTf(product)).toNumbers(), [39])
  assert.equal(warned.mock.callCount(), 0)
})
