import type { Builder } from '../../graph/builder.ts'
import type { Node, Value } from '../../graph/graph.ts'
import { MICROSOFT } from '../../graph/operator.ts'
import { FEW_PIXELS, ofPixels, onBothAxes, transform, transposed, type Transformation } from './axes.ts'
import { axisOperators, kronecker, transpose, type AxisOperators, type Matrix } from './bilinear.ts'
import { geometryOf, operands, type Geometry } from './geometry.ts'
import { FILTER, IMAGE } from './layout.ts'
import type { Lowering, Recipe } from './lowering.ts'

/**
 * A convolution of small filters by fewer multiplications, as matrix products over rows: U = G·w, V = Bᵀ·x, y = Aᵀ·(V·U), and its gradients with
 * the same matrices transposed. U, V and Aᵀ's transpose of dy are written where they are needed; equal ones are merged afterwards.
 * https://arxiv.org/abs/1509.09308
 */
export const winograd: Recipe = {
  layouts(node) {
    if (!tilingOf(node)) return null
    const [image, filter, output] = operands(node)
    return new Map([[image, IMAGE], [filter, FILTER], [output, IMAGE]])
  },
  lower(node, lowering) {
    const form = formOf(tilingOf(node)!)
    const [image, filter, output] = operands(node)
    if (node.type === 'ConvGradInput') lowering.write(image, gradInput(lowering, form, lowering.read(output, IMAGE), lowering.read(filter, FILTER)), IMAGE)
    else if (node.type === 'ConvGradWeight') lowering.write(filter, gradFilter(lowering, form, lowering.read(image, IMAGE), lowering.read(output, IMAGE)), FILTER)
    else lowering.write(output, forward(lowering, form, lowering.read(image, IMAGE), lowering.read(filter, FILTER), node.inputs[2]), IMAGE)
  },
}

/** A convolution with what turns its rows and its columns into tiles. */
interface Tiling extends Geometry {
  readonly rows: AxisOperators
  readonly columns: AxisOperators
  /** Whether one matrix turns all pixels into tiles. */
  readonly isSmall: boolean
}

/** How its image and its output become products: [stacks, products of rows, products of columns, tiles·N, channels]. */
interface Form extends Tiling {
  /** Bᵀ of both axes. */
  readonly input: Transformation
  /** Aᵀ of both axes. */
  readonly output: Transformation
  readonly stacks: number
  /** What a stack has: the tiles of an image where they can stand together, else those of a row. */
  readonly tiles: number
}

/** So many times as large as the image its tiles may be. */
const MOST_COPIES = 6

/** Null for a convolution that has no geometry, or whose tiles would take too much memory, such as those of windows of 5x5. */
function tilingOf(node: Node): Tiling | null {
  const geometry = geometryOf(node)
  if (!geometry) return null
  const [height, width] = geometry.axes
  const isSmall = Math.max(height.input * width.input, height.output * width.output) <= FEW_PIXELS
  const rows = axisOperators(height, isSmall ? 'by product' : 'by tile')
  const columns = axisOperators(width, 'by product')
  const copies = [rows, columns].map(({ products, tiles }, i) => (products * tiles) / geometry.axes[i]!.input)
  return copies[0]! * copies[1]! <= MOST_COPIES ? { ...geometry, rows, columns, isSmall } : null
}

function formOf(tiling: Tiling): Form {
  const { rows, columns, isSmall } = tiling
  const [stacks, tiles] = isSmall || isPoint(tiling) ? [1, rows.tiles * columns.tiles] : [rows.tiles, columns.tiles]
  return { ...tiling, ...(isSmall ? ofPixels(rows, columns) : { input: onBothAxes(rows.input, columns.input), output: onBothAxes(rows.output, columns.output) }), stacks, tiles }
}

function forward(lowering: Lowering, form: Form, x: Value, w: Value, bias: Value | null | undefined): Value {
  const { builder } = lowering
  const products = builder.matmul(tiledInput(lowering, form, x), transformedFilter(lowering, form, w))
  const y = transform(lowering, form.output, products, form.batch * form.filters)
  const rows = builder.reshape(y, [-1, form.filters])
  return bias ? builder.add(rows, lowering.read(bias)) : rows
}

function gradInput(lowering: Lowering, form: Form, dy: Value, w: Value): Value {
  const { builder } = lowering
  const tiles = product(builder, tiledOutput(lowering, form, dy), transformedFilter(lowering, form, w), { transB: 1 })
  const dx = transform(lowering, transposed(form.input), tiles, form.batch * form.channels)
  return builder.reshape(dx, [-1, form.channels])
}

function gradFilter(lowering: Lowering, form: Form, x: Value, dy: Value): Value {
  const { builder } = lowering
  const { rows, columns, channels, filters, stacks } = form
  const products = product(builder, tiledInput(lowering, form, x), tiledOutput(lowering, form, dy), { transA: 1 })
  const split = builder.reshape(products, [stacks, rows.products * columns.products * channels * filters])
  const summed = stacks === 1 ? split : builder.reduceSum(split, [0])
  const transformed = builder.reshape(summed, [rows.products * columns.products, channels * filters])
  return isPoint(form) ? transformed : builder.matmul(lowering.matrix(transpose(filterMatrix(form))), transformed)
}

/** V, as the form says, of C channels. */
function tiledInput(lowering: Lowering, form: Form, x: Value): Value {
  return tiled(lowering, form, transform(lowering, form.input, x, form.batch * form.channels), form.channels)
}

/** dy as the products that it is the gradient of: of V's shape, with K for C. */
function tiledOutput(lowering: Lowering, form: Form, dy: Value): Value {
  return tiled(lowering, form, transform(lowering, transposed(form.output), dy, form.batch * form.filters), form.filters)
}

function tiled(lowering: Lowering, { rows, columns, batch, stacks, tiles }: Form, x: Value, channels: number): Value {
  return lowering.builder.reshape(x, [stacks, rows.products, columns.products, tiles * batch, channels])
}

/** U [products of rows, products of columns, C, K], the same for every tile. */
function transformedFilter(lowering: Lowering, form: Form, w: Value): Value {
  const { builder } = lowering
  const u = isPoint(form) ? w : builder.matmul(lowering.matrix(filterMatrix(form)), w)
  return builder.reshape(u, [form.rows.products, form.columns.products, form.channels, form.filters])
}

const filterMatrix = ({ rows, columns }: Form): Matrix => kronecker(rows.filter, columns.filter)

/** A single tap needs no transformation. */
const isPoint = ({ axes }: Geometry): boolean => axes.every(({ taps }) => taps === 1)

function product(builder: Builder, a: Value, b: Value, turned: { transA: 1 } | { transB: 1 }): Value {
  return builder.op('FusedMatMul', [a, b], turned, { domain: MICROSOFT })
}
