import type { Builder } from '../builder.ts'
import { differs, elements, floorDivide, formatShape, isStatic, multiply, sameDim, type Dim, type Shape } from '../dim.ts'
import type { Node } from '../graph.ts'
import { blocks, fixed, link, operator, type GradientContext, type Link, type Operator, type Port } from '../operator.ts'
import { axisWithin, integers, knownShape, numbers } from './arguments.ts'
import { contentsOf } from './elementwise.ts'
import { unknownDims, withSizes } from './shape.ts'

/** What all that lay the same elements out under another shape have in common. */
const sameElements: Pick<Operator, 'cost' | 'gradient' | 'coupling'> = {
  cost: () => ({ flops: 0 }),
  gradient: ({ graph, inputs: [x], gradients: [dy] }: GradientContext) => [graph.reshape(dy, graph.shapeOf(x))],
  coupling: regrouped,
}

/** https://onnx.ai/onnx/operators/onnx__Reshape.html */
export const reshape = operator('Reshape', {
  ...sameElements,
  shape([x], node) {
    const target = integers(node, 1, 'shape')
    const shape = target ? reshaped(x.shape, target, node.int('allowzero') === 1) : unknownDims(node.inputs[1])
    return [{ dtype: x.dtype, shape, contents: contentsOf(x) }]
  },
  resized: retarget,
})

/** The shape that a target with 0 (keep the dimension) and -1 (whatever is left) means. @throws Error where the elements do not fit. */
function reshaped(from: Shape | null, target: readonly Dim[], allowZero: boolean): Shape {
  const copied = (axis: number) => target[axis] === 0 && !allowZero
  if (from && target.some((_, axis) => copied(axis) && axis >= from.length)) throw new Error(`${formatShape(from)} has no dimension for each 0 of ${formatShape(target)}`)
  const shape = target.map((d, axis) => (copied(axis) ? (from?.[axis] ?? null) : d))
  const open = target.indexOf(-1)
  if (open >= 0) {
    const others = target.filter((_, axis) => axis !== open && !copied(axis))
    shape[open] = from && quotient(from.filter((_, axis) => !copied(axis)), others)
  }
  if (from && differs(elements(from), elements(shape))) throw new Error(`${formatShape(from)} cannot be reshaped to ${formatShape(target)}`)
  return shape
}

/** The product of `dims` over that of `others`; equal ones cancel first. */
function quotient(dims: readonly Dim[], others: readonly Dim[]): Dim {
  const rest = [...dims]
  const divisors = others.filter((d) => {
    const at = rest.findIndex((x) => sameDim(x, d))
    if (at >= 0) rest.splice(at, 1)
    return at < 0
  })
  return floorDivide(multiply(...rest), multiply(...divisors))
}

/** https://onnx.ai/onnx/operators/onnx__Flatten.html */
export const flatten = operator('Flatten', {
  ...sameElements,
  shape([x], node) {
    if (!x.shape) return [{ dtype: x.dtype, shape: [null, null] }]
    const rank = x.shape.length
    const given = node.int('axis', 1)
    const axis = given === rank ? rank : axisWithin(given, rank)
    return [{ dtype: x.dtype, shape: [elements(x.shape.slice(0, axis)), elements(x.shape.slice(axis))] }]
  },
})

/** https://onnx.ai/onnx/operators/onnx__Squeeze.html */
export const squeeze = operator('Squeeze', {
  ...sameElements,
  shape: ([x], node) => [{ dtype: x.dtype, shape: x.shape && squeezed(x.shape, numbers(node, 1, 'axes')), contents: contentsOf(x) }],
})

function squeezed(shape: Shape, axes: readonly number[] | null | undefined): Shape | null {
  if (axes === null || (axes === undefined && !isStatic(shape))) return null
  const dropped = axes?.map((axis) => axisWithin(axis, shape.length)) ?? shape.flatMap((d, axis) => (d === 1 ? [axis] : []))
  const long = dropped.find((axis) => differs(shape[axis]!, 1))
  if (long !== undefined) throw new Error(`axis ${long} of ${formatShape(shape)} is not 1 long`)
  return shape.filter((_, axis) => !dropped.includes(axis))
}

/** https://onnx.ai/onnx/operators/onnx__Unsqueeze.html */
export const unsqueeze = operator('Unsqueeze', {
  ...sameElements,
  shape([x], node) {
    const axes = numbers(node, 1, 'axes')
    const shape = x.shape && axes ? unsqueezed(x.shape, axes) : null
    return [{ dtype: x.dtype, shape, contents: contentsOf(x) }]
  },
})

function unsqueezed(shape: Shape, axes: readonly number[]): Shape {
  const rank = shape.length + axes.length
  const added = axes.map((axis) => axisWithin(axis, rank))
  if (new Set(added).size < added.length) throw new Error(`its axes [${axes}] name one twice`)
  const left = [...shape]
  return Array.from({ length: rank }, (_, axis) => (added.includes(axis) ? 1 : left.shift()!))
}

/**
 * Neighbouring axes of x and of y with the same number of elements form a group. One entry of a group's first axis is a stretch of neighbouring
 * elements, so it stands for a block of entries of the other side's first axis; the axes after it can lose nothing. Where the first axis counts what stays,
 * as the directions of a recurrent layer, the groups of a shuffle, or queries, keys and values do, the one after it may instead.
 */
function regrouped(node: Node): readonly Link[] {
  const [x, y] = [node.input(0), node.output]
  return groups(knownShape(x), knownShape(y)).flatMap(({ from, to }) => {
    const [a, ...within] = from.map((axis): Port => ({ value: x, axis }))
    const [b, ...behind] = to.map((axis): Port => ({ value: y, axis }))
    const inMerged = (port: Port) => fixed(port, `${node} merges axis ${port.axis} of ${formatShape(port.value.shape)} with others`)
    const merged = [...within, ...behind].map(inMerged)
    if (!a || !b) return merged
    if ((from.length === 1) !== (to.length === 1)) {
      const [whole, outer, inner, ...rest] = to.length === 1 ? [b, a, ...within] : [a, b, ...behind]
      const [times, extent, run] = [[outer], [inner!], rest].map(extentOf)
      const isStretch = typeof times === 'number' && typeof extent === 'number' && typeof run === 'number' && extentOf([whole]) === times * extent * run
      if (isStretch && (countsDirections(outer) || isTurned(outer, inner!) || isPicked(outer))) return [...[outer, ...rest].map(inMerged), inEach(inner!, whole, { times, extent, run })]
    }
    return [stretches(a, extentOf(within), b, extentOf(behind)) ?? fixed(a, `${node} lays ${formatShape(x.shape)} out as ${formatShape(y.shape)}`), ...merged]
  })
}

/** Whether an axis counts the directions of a recurrent layer. */
function countsDirections({ value, axis }: Port): boolean {
  const node = value.producer
  if (node?.type === 'Transpose') return countsDirections({ value: node.input(0), axis: orderOf(node)[axis]! })
  return node !== null && ['LSTM', 'GRU', 'RNN'].includes(node.type) && value === node.output && axis === (node.int('layout') ? 2 : 1)
}

/** Whether a Transpose puts the inner axis before the outer, as a shuffle of channels does. */
function isTurned(outer: Port, inner: Port): boolean {
  const { users } = outer.value
  return users.length > 0 && users.every((user) => user.type === 'Transpose' && orderOf(user).indexOf(inner.axis) + 1 === orderOf(user).indexOf(outer.axis))
}

const orderOf = (transpose: Node): readonly number[] => transpose.ints('perm', knownShape(transpose.output).map((_, axis, { length }) => length - 1 - axis))

/** Whether parts of an axis go separate ways, as queries, keys and values do. */
function isPicked({ value, axis }: Port): boolean {
  return value.users.some((user) => {
    if (user.type === 'Transpose') return isPicked({ value: user.output, axis: orderOf(user).indexOf(axis) })
    return ['Gather', 'Split'].includes(user.type) && user.inputs[0] === value && axisWithin(user.int('axis'), knownShape(value).length) === axis
  })
}

/** `b` is `times` stretches, in each of which an entry of `a` stands for `run` neighbouring ones. */
function inEach(a: Port, b: Port, { times, extent, run }: { times: number; extent: number; run: number }): Link {
  return link(a, b,
    (entries) => entries.flatMap((i) => Array.from({ length: times * run }, (_, k) => (Math.floor(k / run) * extent + i) * run + (k % run))),
    (entries) => [...new Set(entries.map((i) => Math.floor(i / run) % extent))])
}

const extentOf = (ports: readonly Port[]): Dim => elements(ports.map(({ value, axis }) => value.shape![axis]!))

/** Entries of `a` are `m` elements long, those of `b` are `n` long. */
function stretches(a: Port, m: Dim, b: Port, n: Dim): Link | null {
  if (sameDim(m, n)) return link(a, b)
  if (typeof m !== 'number' || typeof n !== 'number') return null
  if (m % n === 0) return blocks(a, b, m / n)
  return n % m === 0 ? blocks(b, a, n / m) : null
}

/** The axes of both shapes, but those of one entry, in the smallest groups of equal size. What has no match is one last group. */
function groups(x: Shape, y: Shape): { from: readonly number[]; to: readonly number[] }[] {
  const longer = (shape: Shape) => shape.flatMap((d, axis) => (d === 1 ? [] : [axis]))
  const found: { from: readonly number[]; to: readonly number[] }[] = []
  let [from, to] = [longer(x), longer(y)]
  while (from.length || to.length) {
    const [m, n] = smallestMatch(from.map((axis) => x[axis]!), to.map((axis) => y[axis]!))
    found.push({ from: from.slice(0, m), to: to.slice(0, n) })
    from = from.slice(m)
    to = to.slice(n)
  }
  return found
}

function smallestMatch(x: Shape, y: Shape): [number, number] {
  for (let total = 2; total <= x.length + y.length; total++)
    for (let m = Math.max(1, total - y.length); m < total && m <= x.length; m++)
      if (sameDim(elements(x.slice(0, m)), elements(y.slice(0, total - m)))) return [m, total - m]
  return [x.length, y.length]
}

/** Writes the target anew, for the entries that stay. What a computed one gives at run time it gives still. */
function retarget(node: Node, kept: (port: Port) => readonly number[], builder: Builder): void {
  const value = node.output
  const shape = knownShape(value)
  const dims = shape.map((d, axis) => (typeof d === 'number' ? kept({ value, axis }).length : d))
  if (dims.every((d, axis) => d === shape[axis])) return
  const former = node.inputs[1]
  const sizes = dims.map((d) => (typeof d === 'number' ? d : null))
  const target = sizes.map((size) => size ?? -1)
  if (sizes.filter((size) => size === null).length > 1) {
    if (!former) throw new Error(`its target ${formatShape(shape)} has several sizes known only at run time`)
    node.setInput(1, withSizes(former, sizes, builder))
  } else if (former) node.setInput(1, builder.int64(target))
  else node.set('shape', target)
}
