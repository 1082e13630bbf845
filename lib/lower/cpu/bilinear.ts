/** Rows of numbers. */
export type Matrix = readonly (readonly number[])[]

/**
 * A convolution along one axis as a bilinear form: m outputs of r taps by `a` multiplications, y = Aᵀ((G·g) ⊙ (Bᵀ·d)), over tiles of the input
 * that begin m·stride apart. https://arxiv.org/abs/1509.09308
 */
interface Algorithm {
  readonly stride: number
  /** [a, inputs of a tile] */
  readonly input: Matrix
  /** [a, r] */
  readonly filter: Matrix
  /** [m, a] */
  readonly output: Matrix
}

/** F(4, 3): four outputs by six multiplications instead of twelve. */
const WINOGRAD: Algorithm = {
  stride: 1,
  input: [[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0], [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]],
  filter: [[1 / 4, 0, 0], [-1 / 6, -1 / 6, -1 / 6], [-1 / 6, 1 / 6, -1 / 6], [1 / 24, 1 / 12, 1 / 6], [1 / 24, -1 / 12, 1 / 6], [0, 0, 1]],
  output: [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
}

/** Two outputs of a padded axis of two: the padding leaves a 2x2 Toeplitz matrix, three multiplications. */
const TWO: Algorithm = {
  stride: 1,
  input: [[0, 1, 1, 0], [0, 0, 1, 0], [0, 1, 0, 0]],
  filter: [[0, 1, 0], [0, -1, 1], [1, -1, 0]],
  output: [[1, 1, 0], [1, 0, 1]],
}

/** One output of a padded axis of one: only the middle tap meets it. */
const ONE: Algorithm = { stride: 1, input: [[0, 1, 0]], filter: [[0, 1, 0]], output: [[1]] }

/** Stride 2: every second input meets two taps, F(2, 2) by three multiplications; those between meet one. Five instead of six. */
const STRIDED: Algorithm = {
  stride: 2,
  input: [[1, 0, -1, 0, 0], [0, 0, 1, 0, 0], [0, 0, 1, 0, -1], [0, 1, 0, 0, 0], [0, 0, 0, 1, 0]],
  filter: [[1, 0, 0], [1, 0, 1], [0, 0, 1], [0, 1, 0], [0, 1, 0]],
  output: [[1, 1, 0, 1, 0], [0, 1, -1, 0, 1]],
}

/** A single tap, at every or every second position. */
const point = (stride: number): Algorithm => ({ stride, input: [[1]], filter: [[1]], output: [[1]] })

/** As many multiplications as taps, for windows of other sizes: what is saved is that the taps' pixels stand beside each other. */
function plain(taps: number, stride: number): Algorithm {
  const identity = indices(taps).map((i) => indices(taps).map((j) => (i === j ? 1 : 0)))
  return { stride, input: identity, filter: identity, output: [Array<number>(taps).fill(1)] }
}

/** How one axis slides. */
export interface Axis {
  readonly input: number
  readonly output: number
  readonly taps: number
  readonly stride: number
  /** Zeros before the first input. */
  readonly padding: number
}

/** What turns one axis of an image into tiles and back. */
export interface AxisOperators {
  /** Multiplications of a tile. */
  readonly products: number
  readonly tiles: number
  /** [products·tiles, input], in the order that was asked for. */
  readonly input: Matrix
  /** [products, taps] */
  readonly filter: Matrix
  /** [output, products·tiles] */
  readonly output: Matrix
}

/** What stands together: the products of a tile, as far as possible, or those of all tiles that are alike. */
export type Order = 'by tile' | 'by product'

function algorithmOf({ input, taps, stride, padding }: Axis): Algorithm {
  if (taps === 1 && padding === 0) return point(stride)
  if (taps !== 3 || stride > 2) return plain(taps, stride)
  if (stride === 2) return STRIDED
  if (padding === 1 && input === 1) return ONE
  return padding === 1 && input === 2 ? TWO : WINOGRAD
}

const known = new Map<string, AxisOperators>()

/** Padding and the order of the tiles lie within the matrices, so that nothing is padded or transposed at run time. */
export function axisOperators(axis: Axis, order: Order): AxisOperators {
  const key = [axis.input, axis.output, axis.taps, axis.stride, axis.padding, order].join()
  if (!known.has(key)) known.set(key, operatorsOf(axis, order))
  return known.get(key)!
}

function operatorsOf(axis: Axis, order: Order): AxisOperators {
  const algorithm = algorithmOf(axis)
  const products = algorithm.input.length
  const perTile = algorithm.output.length
  const tiles = Math.ceil(axis.output / perTile)
  const places = order === 'by tile'
    ? indices(tiles).flatMap((tile) => indices(products).map((product) => ({ tile, product })))
    : indices(products).flatMap((product) => indices(tiles).map((tile) => ({ tile, product })))
  const input = places.map(({ tile, product }) => indices(axis.input).map((at) => algorithm.input[product]![at - tile * perTile * algorithm.stride + axis.padding] ?? 0))
  const output = indices(axis.output).map((at) => places.map(({ tile, product }) => (tile === Math.floor(at / perTile) ? algorithm.output[at % perTile]![product]! : 0)))
  return { products, tiles, input, filter: algorithm.filter, output }
}

/** 0, 1, ... length − 1 */
export const indices = (length: number): number[] => Array.from({ length }, (_, i) => i)

export const transpose = (matrix: Matrix): Matrix => matrix[0]!.map((_, column) => matrix.map((row) => row[column]!))

/** Kronecker product. */
export const kronecker = (a: Matrix, b: Matrix): Matrix => a.flatMap((x) => b.map((y) => x.flatMap((u) => y.map((v) => u * v))))

/** The matrix that stands over and over along the diagonal of one that is 0 elsewhere, as small as possible. */
export function diagonalBlock(matrix: Matrix): Matrix {
  const [rows, columns] = [matrix.length, matrix[0]!.length]
  for (let count = rows; count > 1; count--) {
    if (rows % count || columns % count) continue
    const [height, width] = [rows / count, columns / count]
    const isRepeated = matrix.every((row, i) => row.every((value, j) => value === (Math.floor(i / height) === Math.floor(j / width) ? matrix[i % height]![j % width] : 0)))
    if (isRepeated) return matrix.slice(0, height).map((row) => row.slice(0, width))
  }
  return matrix
}
