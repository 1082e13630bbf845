import type { Value } from '../../graph/graph.ts'
import { diagonalBlock, indices, kronecker, transpose, type AxisOperators, type Matrix } from './bilinear.ts'
import type { Lowering } from './lowering.ts'

/** A matrix for the rows of an image and another for its columns, or one for all pixels. */
export type Transformation = readonly [pixels: Matrix] | readonly [rows: Matrix, columns: Matrix]

/** Up to this many pixels one matrix does both axes at once. */
export const FEW_PIXELS = 64

export function onBothAxes(rows: Matrix, columns: Matrix): Transformation {
  return Math.min(widthOf(rows) * widthOf(columns), rows.length * columns.length) <= FEW_PIXELS ? [kronecker(rows, columns)] : [rows, columns]
}

/** Of both axes at once, from what has the products of each first: the products of both stand before the tiles of both. */
export function ofPixels(rows: AxisOperators, columns: AxisOperators): { input: Transformation; output: Transformation } {
  const places = indices(rows.products).flatMap((p) => indices(columns.products).flatMap((q) => indices(rows.tiles).flatMap((t) =>
    indices(columns.tiles).map((u) => ((p * rows.tiles + t) * columns.products + q) * columns.tiles + u))))
  const input = kronecker(rows.input, columns.input)
  return { input: [places.map((place) => input[place]!)], output: [kronecker(rows.output, columns.output).map((row) => places.map((place) => row[place]!))] }
}

export const transposed = (transformation: Transformation): Transformation => transformation.map(transpose) as unknown as Transformation

/**
 * Applies it to an image whose pixels have `depth` numbers. Identities cost nothing, and of a matrix that repeats one along its diagonal that one is applied to
 * each part.
 */
export function transform(lowering: Lowering, transformation: Transformation, x: Value, depth: number): Value {
  const { builder } = lowering
  const [rows, columns] = transformation
  if (transformation.every(isIdentity)) return x
  if (!columns) return builder.matmul(lowering.matrix(rows), builder.reshape(x, [widthOf(rows), depth]))
  const block = diagonalBlock(rows)
  const parts = rows.length / block.length
  const width = widthOf(columns)
  const tall = isIdentity(rows) ? x : builder.matmul(lowering.matrix(block), builder.reshape(x, [...(parts > 1 ? [parts] : []), widthOf(block), width * depth]))
  return isIdentity(columns) ? tall : builder.matmul(lowering.matrix(columns), builder.reshape(tall, [rows.length, width, depth]))
}

const widthOf = (matrix: Matrix): number => matrix[0]!.length

const isIdentity = (matrix: Matrix): boolean => matrix.length === widthOf(matrix) && matrix.every((row, i) => row.every((value, j) => value === (i === j ? 1 : 0)))
