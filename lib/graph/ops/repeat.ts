import type { Builder } from '../builder.ts'
import { formatShape, multiply, sameDim, type Shape } from '../dim.ts'
import type { Node } from '../graph.ts'
import { fixed, link, operator, type Link, type Port } from '../operator.ts'
import { knownShape, numbers } from './arguments.ts'
import { broadcast, contentsOf } from './elementwise.ts'
import { unknownDims, withSizes } from './shape.ts'

/** https://onnx.ai/onnx/operators/onnx__Expand.html */
export const expand = operator('Expand', {
  shape: ([x, target]) => [{ dtype: x.dtype, shape: broadcast([x.shape, contentsOf(target) ?? unknownDims(target)]) }],
  cost: () => ({ flops: 0 }),
  gradient: ({ graph, inputs: [x], gradients: [dy] }) => [graph.sumTo(dy, x)],
  coupling(node) {
    const [x, y] = [node.input(0), node.output]
    const shape = alignedShape(node)
    return shape.flatMap((from, axis) => (from !== null && sameDim(from.dim, y.shape![axis]!) ? [link({ value: x, axis: from.axis }, { value: y, axis })] : []))
  },
  resized: widen,
})

/** For each axis of an Expand's output the axis of its input that it comes from; null for one that is new. */
function alignedShape(node: Node) {
  const x = knownShape(node.input(0))
  const y = knownShape(node.output)
  return y.map((_, axis) => {
    const from = axis - (y.length - x.length)
    return from < 0 ? null : { axis: from, dim: x[from]! }
  })
}

/** Writes the target anew, for the entries that stay; 1 keeps a dimension as it comes, and what is known only at run time is computed still. */
function widen(node: Node, kept: (port: Port) => readonly number[], builder: Builder): void {
  const value = node.output
  const shape = knownShape(value)
  const sizes = alignedShape(node).map((from, axis) => {
    const d = shape[axis]!
    if (typeof d === 'number') return kept({ value, axis }).length
    return from && sameDim(from.dim, d) ? 1 : null
  })
  if (sizes.every((size, axis) => size === null || size === 1 || size === shape[axis])) return
  const target = node.input(1)
  node.setInput(1, sizes.includes(null) ? withSizes(target, sizes.slice(-Number(knownShape(target)[0])), builder) : builder.int64(sizes as number[]))
}

/** https://onnx.ai/onnx/operators/onnx__Tile.html */
export const tile = operator('Tile', {
  shape([x, repeats]) {
    const times = contentsOf(repeats)
    return [{ dtype: x.dtype, shape: x.shape && x.shape.map((d, axis) => multiply(d, times?.[axis] ?? null)) }]
  },
  cost: () => ({ flops: 0 }),
  gradient({ graph, node, inputs: [x], gradients: [dy] }) {
    const { shape, times } = tiles(node)
    const apart = shape.flatMap((d, axis) => [times[axis]!, typeof d === 'number' ? d : -1])
    if (apart.filter((d) => d === -1).length > 1) throw new Error(`its gradient needs a known size for all but one axis of ${x}, not ${formatShape(shape)}`)
    return [graph.reduceSum(graph.reshape(dy, apart), shape.map((_, axis) => 2 * axis))]
  },
  coupling(node) {
    const { shape, times } = tiles(node)
    return shape.map((d, axis): Link => {
      const [from, to] = [{ value: node.input(0), axis }, { value: node.output, axis }]
      if (times[axis] === 1) return link(from, to)
      if (typeof d !== 'number') return fixed(from, `${node} repeats an axis of unknown size`)
      return link(from, to, (entries) => entries.flatMap((i) => Array.from({ length: times[axis]! }, (_, k) => k * d + i)), (entries) => [...new Set(entries.map((i) => i % d))])
    })
  },
})

function tiles(node: Node): { shape: Shape; times: readonly number[] } {
  const times = numbers(node, 1, 'repeats')
  if (!times) throw new Error(`${node}: how often it repeats is known only at run time`)
  return { shape: knownShape(node.input(0)), times }
}
