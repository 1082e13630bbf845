import assert from 'node:assert/strict'
import { test } from 'node:test'
import { greedyDecode } from '../../../lib/data/ctc.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'

/** Logits [N, 3, T] whose likeliest classes are these. */
function along(...paths: readonly (readonly number[])[]): Tensor {
  return Tensor.float32([paths.length, 3, paths[0].length], paths.flatMap((path) => [0, 1, 2].flatMap((c) => path.map((label) => (label === c ? -1 : -2)))))
}

test('repeats collapse, blanks go, and a blank keeps equal neighbours apart', () => {
  assert.deepEqual(greedyDecode(along([0, 0, 2, 0, 1, 1], [2, 2, 2, 2, 2, 2], [1, 0, 1, 2, 2, 1]), 2), [[0, 0, 1], [], [1, 0, 1, 1]])
  assert.deepEqual(greedyDecode(along([0, 0, 2, 0, 1, 1]), 0), [[2, 1]])
})

test('float16 logits decode as float32 ones do', () => {
  const logits = along([0, 2, 1])
  assert.deepEqual(greedyDecode(Tensor.of('float16', logits.shape, logits.toNumbers()), 2), [[0, 1]])
})

test('logits of another rank and a blank that is no class are refused', () => {
  assert.throws(() => greedyDecode(Tensor.zeros('float32', [3, 6]), 2), /shape \[N, classes, T\], not \[3,6\]/)
  assert.throws(() => greedyDecode(along([0]), 3), /one of the 3 classes, not 3/)
})
