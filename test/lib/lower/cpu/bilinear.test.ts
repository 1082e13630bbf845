import assert from 'node:assert/strict'
import { test } from 'node:test'
import { diagonalBlock, kronecker } from '../../../../lib/lower/cpu/bilinear.ts'

const identity = (n: number) => Array.from({ length: n }, (_, i) => Array<number>(n).fill(0).with(i, 1))

test('what stands along the diagonal of a matrix is found, as small as possible', () => {
  const block = [[1, 2, 0], [3, 4, 5]]
  assert.deepEqual(diagonalBlock(kronecker(identity(4), block)), block)
  assert.deepEqual(diagonalBlock(identity(6)), [[1]])
})

test('a matrix that is no such one is left as it is', () => {
  for (const matrix of [[[1, 2], [0, 1]], [[1, 0], [0, 2]], kronecker([[1, 2]], identity(3))]) assert.deepEqual(diagonalBlock(matrix), matrix)
})
