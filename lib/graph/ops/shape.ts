import type { Builder } from '../builder.ts'
import { ceilDivide, isStatic, subtract, type Dim } from '../dim.ts'
import type { Node, TensorType, Value } from '../graph.ts'
import { fixed, independent, noGradient, operator, type Operator, type Port } from '../operator.ts'
import { isFloat, sizeOf, Tensor } from '../tensor.ts'
import { knownShape } from './arguments.ts'
import { contentsOf } from './elementwise.ts'

/** Longer integer tensors are data, not shapes: their elements are not followed. */
const MOST_CONTENTS = 64

/** What the operators here have in common: they cost nothing, and nothing is learned through them. */
const source: Pick<Operator, 'cost' | 'gradient' | 'coupling'> = {
  cost: () => ({ flops: 0 }),
  gradient: noGradient,
  coupling: independent,
}

/** https://onnx.ai/onnx/operators/onnx__Shape.html */
export const shape = operator('Shape', {
  ...source,
  shape([x], node) {
    if (!x.shape) return [{ dtype: 'int64', shape: [null] }]
    const contents = x.shape.slice(node.int('start'), node.int('end', x.shape.length))
    return [{ dtype: 'int64', shape: [contents.length], contents }]
  },
  resized: keepCounts,
})

/** https://onnx.ai/onnx/operators/onnx__Size.html */
export const size = operator('Size', {
  ...source,
  shape: ([x]) => [{ dtype: 'int64', shape: [], contents: [x.size] }],
  resized: keepCounts,
})

/**
 * Where a size is made a float, to divide by, it stays what it was, as a mean's divisor does (`shareOfMean`); where it gives a shape, also by way of a float, it follows.
 */
function keepCounts(node: Node, kept: (port: Port) => readonly number[], builder: Builder): void {
  const x = node.input(0)
  if (knownShape(x).every((d, axis) => typeof d !== 'number' || kept({ value: x, axis }).length === d)) return
  for (const { type, output } of derived(node)) {
    if (type !== 'Cast' || !isFloat(output.dtype) || !isStatic(output.contents) || !isStatic(output.shape)) continue
    const becomesShape = derived(output.producer!).some(({ type, output }) => type === 'Cast' && !isFloat(output.dtype))
    if (!becomesShape) output.replaceWith(builder.tensor(Tensor.of(output.dtype!, output.shape, output.contents)))
  }
}

/** The nodes that compute with what a node gives, as far as it is no more than the elements of a shape. */
function derived(node: Node): Node[] {
  const found = new Set([node])
  for (const { outputs } of found)
    for (const output of outputs) if (typeof output.size === 'number' && output.size <= MOST_CONTENTS) for (const user of output.users) found.add(user)
  found.delete(node)
  return [...found]
}

/** https://onnx.ai/onnx/operators/onnx__Constant.html */
export const constant = operator('Constant', {
  ...source,
  shape: (_, node) => [constantType(node)],
  resized(node, kept) {
    const tensor = node.tensor('value')
    if (!tensor) return
    const left = tensor.shape.reduce((rest, extent, axis) => {
      const entries = kept({ value: node.output, axis })
      return entries.length === extent ? rest : rest.take(axis, entries)
    }, tensor)
    if (left !== tensor) node.set('value', left)
  },
})

function constantType(node: Node): TensorType {
  for (const [name, a] of node.attributes) {
    if (a.type === 'tensor') return { dtype: a.value.dtype, shape: a.value.shape }
    switch (name) {
      case 'value_int': return { dtype: 'int64', shape: [], contents: [node.int(name)] }
      case 'value_ints': return { dtype: 'int64', shape: [node.ints(name).length], contents: node.ints(name) }
      case 'value_float': return { dtype: 'float32', shape: [] }
      case 'value_floats': return { dtype: 'float32', shape: [a.type === 'floats' ? a.value.length : null] }
      case 'value_string': return { dtype: 'string', shape: [] }
      case 'value_strings': return { dtype: 'string', shape: [a.type === 'strings' ? a.value.length : null] }
    }
  }
  return { dtype: null, shape: null }
}

/** https://onnx.ai/onnx/operators/onnx__ConstantOfShape.html */
export const constantOfShape = operator('ConstantOfShape', {
  ...source,
  shape([target], node) {
    const fill = node.tensor('value') ?? Tensor.of('float32', [1], [0])
    const dims = contentsOf(target) ?? unknownDims(target)
    const small = isStatic(dims) && dims.length <= 1 && sizeOf(dims) <= MOST_CONTENTS
    const contents = small && fill.dtype === 'int64' ? Array<Dim>(sizeOf(dims)).fill(fill.toNumbers()[0]!) : null
    return [{ dtype: fill.dtype, shape: dims, contents }]
  },
  /** Sizes that are known are written into the target; others stay as they are computed. */
  resized(node, kept, builder) {
    const dims = knownShape(node.output)
    const sizes = dims.map((d, axis) => (typeof d === 'number' ? kept({ value: node.output, axis }).length : null))
    if (sizes.every((size, axis) => size === null || size === dims[axis])) return
    node.setInput(0, withSizes(node.input(0), sizes, builder))
  },
})

/** A target with other sizes; null leaves what it holds, which may be known only at run time. */
export function withSizes(target: Value, sizes: readonly (number | null)[], builder: Builder): Value {
  return builder.concat(sizes.map((size, axis) => (size === null ? builder.gather(target, builder.int64([axis])) : builder.int64([size]))), 0)
}

/** More axes than any tensor has; a file that claims so is damaged, or made to fill the memory. */
const MOST_AXES = 64

/** As many unknown dimensions as a tensor that holds a shape has elements; null where that too is unknown. @throws Error where they are too many. */
export function unknownDims(target: Value | null | undefined): Dim[] | null {
  const rank = target?.shape?.[0]
  if (typeof rank === 'number' && rank > MOST_AXES) throw new Error(`a shape of ${rank} axes is more than the ${MOST_AXES} that there may be`)
  return typeof rank === 'number' ? Array<Dim>(rank).fill(null) : null
}

/** https://onnx.ai/onnx/operators/onnx__Range.html */
export const range = operator('Range', {
  ...source,
  coupling: (node) => [fixed({ value: node.output, axis: 0 }, `${node} counts, and cannot leave out a number`)],
  shape([first, limit, delta]) {
    const [start, end, step] = [first, limit, delta].map((v) => contentsOf(v)?.[0] ?? v.constant?.toNumbers()[0] ?? null)
    const count = rangeCount(start!, end!, step!)
    const listed = typeof start === 'number' && typeof step === 'number' && typeof count === 'number' && count <= MOST_CONTENTS
    const contents = listed && first.dtype === 'int64' ? Array.from({ length: count }, (_, i) => start + i * step) : null
    return [{ dtype: first.dtype, shape: [count], contents }]
  },
})

function rangeCount(start: Dim, end: Dim, step: Dim): Dim {
  if (typeof start === 'number' && typeof end === 'number' && typeof step === 'number') return Math.max(0, Math.ceil((end - start) / step))
  if (typeof step !== 'number') return null
  return step > 0 ? ceilDivide(subtract(end, start), step) : ceilDivide(subtract(start, end), -step)
}
