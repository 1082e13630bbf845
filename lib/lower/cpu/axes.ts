import type { Value } from '../../graph/graph.ts'
import { diagonalBlock, kronecker, type Matrix } from './bilinear.ts'
import type { Lowering } from './lowering.ts'

/** Up to this many pixels one matrix does both axes at once. */
const FEW_PIXELS = 64

/**
 * Applies a matrix to the rows, and another to the columns, of an image whose pixels have `depth` numbers. Identities cost nothing, and of a matrix that
 * repeats one along its diagonal that one is applied to each part.
 */
export function onAxes(lowering: Lowering, rows: Matrix, columns: Matrix, x: Value, depth: number): Value {
  const { builder } = lowering
  const [height, width] = [rows[0]!.length, columns[0]!.length]
  if (isIdentity(rows) && isIdentity(columns)) return x
  if (Math.min(height * width, rows.length * columns.length) <= FEW_PIXELS) return builder.matmul(lowering.matrix(kronecker(rows, columns)), builder.reshape(x, [height * width, depth]))
  const block = diagonalBlock(rows)
  const parts = rows.length / block.length
  const tall = isIdentity(rows) ? x : builder.matmul(lowering.matrix(block), builder.reshape(x, [...(parts > 1 ? [parts] : []), height / parts, width * depth]))
  return isIdentity(columns) ? tall : builder.matmul(lowering.matrix(columns), builder.reshape(tall, [rows.length, width, depth]))
}

const isIdentity = (matrix: Matrix): boolean => matrix.length === matrix[0]!.length && matrix.every((row, i) => row.every((value, j) => value === (i === j ? 1 : 0)))
