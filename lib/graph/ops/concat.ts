import { add, floorDivide, formatShape, isStatic, multiply, sameDim, type Dim, type Shape } from '../dim.ts'
import type { Node, Value } from '../graph.ts'
import { fixed, operator, part, sameAxes, type Link, type Port } from '../operator.ts'
import { agreed, axisWithin, integers, knownShape } from './arguments.ts'
import { contentsOf } from './elementwise.ts'

/** https://onnx.ai/onnx/operators/onnx__Concat.html */
export const concat = operator('Concat', {
  shape(inputs, node) {
    const shapes = inputs.map((x) => x.shape)
    const shape = shapes.every((s) => s !== null) ? concatenated(shapes, node.int('axis')) : null
    const parts = shape?.length === 1 ? inputs.map((x) => contentsOf(x)) : [null]
    return [{ dtype: inputs[0].dtype, shape, contents: parts.every((c) => c !== null) ? parts.flat() : null }]
  },
  cost: () => ({ flops: 0 }),
  gradient({ graph, node, inputs, gradients: [dy] }) {
    if (inputs.length === 1) return [dy]
    const axis = axisWithin(node.int('axis'), knownShape(dy).length)
    const sizes: Shape = inputs.map((x) => knownShape(x)[axis]!)
    const lengths = inputs.map((x) => graph.op('Shape', [x], { start: axis, end: axis + 1 }))
    return graph.split(dy, isStatic(sizes) ? sizes : graph.concat(lengths, 0), axis)
  },
  coupling: (node) => concatCoupling(node, node.inputs.map((_, i) => node.input(i))),
})

/** Axes of the parts that belong to those of the whole. */
export function concatCoupling(node: Node, parts: readonly Value[]): readonly Link[] {
  const axis = axisWithin(node.int('axis'), knownShape(node.output).length)
  return [...parts.flatMap((x) => sameAxes(x, node.output, [axis])), ...consecutive(parts, node.output, axis, node)]
}

/** Shape of parts joined along an axis. @throws Error where they do not fit. */
export function concatenated(shapes: readonly Shape[], along: number): Shape {
  const rank = shapes[0]!.length
  if (shapes.some((s) => s.length !== rank)) throw new Error(`shapes ${shapes.map(formatShape).join(' and ')} differ in rank`)
  const axis = axisWithin(along, rank)
  return shapes[0]!.map((_, a) => (a === axis ? add(...shapes.map((s) => s[a]!)) : agreed(shapes.map((s) => s[a]!), a)))
}

/** Links the parts of an axis to the whole, one after the other. */
function consecutive(parts: readonly Value[], whole: Value, axis: number, node: Node): Link[] {
  const extents: Shape = parts.map((value) => knownShape(value)[axis]!)
  if (!isStatic(extents)) return [...parts, whole].map((value) => fixed({ value, axis }, `${node}: the sizes of its parts are known only at run time`))
  const offsets = extents.map((_, i) => extents.slice(0, i).reduce((sum, d) => sum + d, 0))
  return parts.map((value, i) => part({ value, axis }, { value: whole, axis }, offsets[i]!, extents[i]!))
}

/** The first operator set in which a Split's sizes are an input; until then they are an attribute. */
const SIZES_AS_INPUT = 13

/** https://onnx.ai/onnx/operators/onnx__Split.html */
export const split = operator('Split', {
  shape([x], node) {
    if (!x.shape) return node.outputs.map(() => ({ dtype: x.dtype, shape: null }))
    const { shape } = x
    const axis = axisWithin(node.int('axis'), shape.length)
    return partSizes(shape[axis]!, node).map((d) => ({ dtype: x.dtype, shape: shape.with(axis, d) }))
  },
  cost: () => ({ flops: 0 }),
  gradient({ graph, node, outputs, gradients }) {
    const axis = axisWithin(node.int('axis'), knownShape(node.input(0)).length)
    return [graph.concat(outputs.map((y, i) => gradients[i] ?? graph.zerosLike(y)), axis)]
  },
  coupling(node) {
    const x = node.input(0)
    const axis = axisWithin(node.int('axis'), knownShape(x).length)
    return [...node.outputs.flatMap((y) => sameAxes(y, x, [axis])), ...consecutive(node.outputs, x, axis, node)]
  },
  resized(node, kept, builder) {
    const axis = axisWithin(node.int('axis'), knownShape(node.input(0)).length)
    const former: Shape = node.outputs.map((value) => knownShape(value)[axis]!)
    if (!isStatic(former)) return
    const sizes = node.outputs.map((value): number => kept({ value, axis } satisfies Port).length)
    if (sizes.every((size, i) => size === former[i])) return
    if ((node.graph.root.opsets.get('') ?? 1) < SIZES_AS_INPUT) node.set('split', sizes)
    else {
      node.attributes.delete('num_outputs')
      node.setInput(1, builder.int64(sizes))
    }
  },
})

/** The sizes that the node gives, or equal ones, of which the last is smaller where they do not come out even; unknown where nothing would be left for it, as in a branch that is never taken. */
function partSizes(extent: Dim, node: Node): readonly Dim[] {
  const given = integers(node, 1, 'split')
  const count = node.outputs.length
  if (given === null) return node.outputs.map(() => null)
  if (given) {
    if (given.length !== count) throw new Error(`it has ${count} outputs and sizes [${given.map(String)}]`)
    const total = add(...given)
    if (isStatic([total, extent]) && total !== extent) throw new Error(`sizes [${given.map(String)}] do not add up to ${extent}`)
    return given
  }
  const even = floorDivide(extent, count)
  if (sameDim(multiply(even, count), extent)) return node.outputs.map(() => even)
  if (typeof extent !== 'number') return node.outputs.map(() => null)
  const size = Math.ceil(extent / count)
  const last = extent - (count - 1) * size
  return node.outputs.map((_, i) => (last < 0 ? null : i < count - 1 ? size : last))
}
