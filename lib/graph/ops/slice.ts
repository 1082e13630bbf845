import type { Builder } from '../builder.ts'
import { add, ceilDivide, formatShape, isStatic, sameDim, subtract, type Dim, type Shape } from '../dim.ts'
import type { Node, Value } from '../graph.ts'
import { fixed, HONE, link, operator, sameAxes, type Link, type Port } from '../operator.ts'
import { sizeOf } from '../tensor.ts'
import { axisWithin, integers, knownShape, numbers } from './arguments.ts'
import { contentsOf } from './elementwise.ts'

/** Beyond the end of every axis. */
const END = 2 ** 31

/** What a Slice takes along one axis: `count` entries from `start` on, each `step` after the last. */
export interface Stretch {
  readonly axis: number
  readonly start: Dim
  readonly step: number
  readonly count: Dim
}

export type KnownStretch = Stretch & { readonly start: number; readonly count: number }

/** https://onnx.ai/onnx/operators/onnx__Slice.html */
export const slice = operator('Slice', {
  shape([x], node) {
    if (!x.shape) return [{ dtype: x.dtype, shape: null }]
    const taken = stretches(node, x.shape)
    if (!taken) return [{ dtype: x.dtype, shape: x.shape.map(() => null) }]
    const shape = taken.reduce((dims: Shape, { axis, count }) => dims.with(axis, count), x.shape)
    return [{ dtype: x.dtype, shape, contents: pick(contentsOf(x), x.shape, taken) }]
  },
  cost: () => ({ flops: 0 }),
  gradient({ graph, node, inputs: [x], gradients: [dy] }) {
    const taken = knownStretches(node)
    const attributes = { axes: taken.map((t) => t.axis), starts: taken.map((t) => t.start), steps: taken.map((t) => t.step), extents: taken.map((t) => Number(x.shape![t.axis])) }
    return [graph.op('SliceGrad', [dy], attributes, { domain: HONE })]
  },
  coupling(node) {
    const [x, y] = [node.input(0), node.output]
    const taken = stretches(node, knownShape(x))
    if (!taken) return knownShape(x).map((_, axis) => fixed({ value: x, axis }, `${node}: what it takes is known only at run time`))
    return [...sameAxes(x, y, taken.map((t) => t.axis)), ...taken.map((t) => chosen(t, x, y, node))]
  },
  resized: retake,
})

/** Gradient of a Slice: dy's entries back where they were taken from axes of `extents`, each `steps` after the last from `starts` on, and zeros elsewhere. */
export const sliceGrad = operator('SliceGrad', {
  shape: ([dy], node) => [{ dtype: dy.dtype, shape: dy.shape && node.ints('axes').reduce((shape: Shape, axis, i) => shape.with(axis, node.ints('extents')[i]!), dy.shape) }],
  cost: () => ({ flops: 0 }),
  expansion({ graph, node, inputs: [dy] }) {
    const [starts, steps, extents] = ['starts', 'steps', 'extents'].map((name) => node.ints(name)) as [number[], number[], number[]]
    return [node.ints('axes').reduce((d, axis, i) => spread(graph, d, { axis, start: starts[i]!, step: steps[i]!, count: Number(knownShape(d)[axis]) }, extents[i]!), dy)]
  },
}, HONE)

/** Stretches by axis; null where the axes are computed at run time. What is computed of a start or an end leaves its count unknown. */
function stretches(node: Node, shape: Shape): Stretch[] | null {
  const starts = integers(node, 1, 'starts')
  const ends = integers(node, 2, 'ends')
  const count = starts?.length ?? node.inputs[1]?.shape?.[0]
  if (typeof count !== 'number') return null
  const axes = numbers(node, 3, 'axes')
  const steps = numbers(node, 4, 'steps')
  if (axes === null) return null
  return Array.from({ length: count }, (_, i) => {
    const axis = axisWithin(axes?.[i] ?? i, shape.length)
    const step = steps === null ? null : (steps?.[i] ?? 1)
    if (step === 0) throw new Error(`its step along axis ${axis} is 0`)
    return step === null ? { axis, start: null, step: 1, count: null } : { axis, step, ...bounds(shape[axis]!, starts?.[i] ?? null, ends?.[i] ?? null, step) }
  })
}

/** Start and count of a stretch. A symbolic extent is taken to be long enough for a start, and for an end that is counted from its end. */
function bounds(extent: Dim, from: Dim, to: Dim, step: number): { start: Dim; count: Dim } {
  const [low, high]: [number, Dim] = step > 0 ? [0, extent] : [-1, subtract(extent, 1)]
  const start = clamped(from, extent, Math.max(low, 0), high)
  const end = clamped(to, extent, low, high)
  const uncertain = typeof end === 'number' && end > 0 && typeof extent !== 'number'
  const count = uncertain ? null : step > 0 ? ceilDivide(subtract(end, start), step) : ceilDivide(subtract(start, end), -step)
  return { start, count: typeof count === 'number' ? Math.max(0, count) : count }
}

/** A position, counted from the end where it is negative, brought into the axis. Null where it cannot be compared with the extent. */
function clamped(position: Dim, extent: Dim, low: number, high: Dim): Dim {
  if (position === null) return null
  if (typeof position === 'number' && Math.abs(position) >= END - 1) return position < 0 ? low : high
  const at = typeof position === 'number' && position < 0 ? add(position, extent) : position
  if (typeof at === 'number') return Math.max(low, typeof high === 'number' ? Math.min(at, high) : at)
  const rest = subtract(high, at)
  return typeof rest === 'number' ? (rest < 0 ? high : at) : null
}

function isKnown(stretch: Stretch): stretch is KnownStretch {
  return isStatic([stretch.start, stretch.count])
}

/** What a Slice takes, as numbers. @throws Error where it is known only at run time. */
export function knownStretches(node: Node): KnownStretch[] {
  const shape = knownShape(node.input(0))
  const taken = stretches(node, shape)
  if (!taken?.every((t) => isKnown(t) && typeof shape[t.axis] === 'number')) throw new Error(`what it takes of ${formatShape(shape)} must be known for its gradient`)
  return taken as KnownStretch[]
}

const indices = ({ start, step, count }: KnownStretch): number[] => Array.from({ length: count }, (_, i) => start + i * step)

function pick(contents: readonly Dim[] | null, shape: Shape, taken: readonly Stretch[]): readonly Dim[] | null {
  if (!contents || !isStatic(shape) || !taken.every(isKnown)) return null
  const [list] = taken.reduce(([left, sizes], t) => {
    const inner = sizeOf(sizes.slice(t.axis + 1))
    const outer = sizeOf(sizes.slice(0, t.axis))
    const rows = Array.from({ length: outer }, (_, o) => indices(t).map((i) => (o * sizes[t.axis]! + i) * inner)).flat()
    return [rows.flatMap((at) => left.slice(at, at + inner)), sizes.with(t.axis, t.count)]
  }, [contents, shape] as [readonly Dim[], readonly number[]])
  return list
}

/** Puts the entries of `d` back where they were taken from an axis of `extent` entries, with zeros between. */
export function spread(graph: Builder, d: Value, { axis, start, step, count }: KnownStretch, extent: number): Value {
  const shape = knownShape(d)
  const stride = Math.abs(step)
  const forward = step < 0 ? graph.slice(d, [-1], [-END], [axis], [-1]) : d
  const first = step < 0 ? start + (count - 1) * step : start
  const padded = (v: Value, along: number, before: number, after: number) => {
    const pads = (n: number) => knownShape(v).map((_, a) => (a === along ? n : 0))
    return before || after ? graph.op('Pad', [v, graph.int64([...pads(before), ...pads(after)])]) : v
  }
  return padded(stride === 1 ? forward : dilated(), axis, first, extent - first - count * stride)

  function dilated(): Value {
    const gaps = padded(graph.unsqueeze(forward, [axis + 1]), axis + 1, 0, stride - 1)
    const target = shape.map((n, a) => (a < axis ? 0 : a === axis ? count * stride : typeof n === 'number' ? n : -1))
    if (target.filter((n) => n === -1).length > 1) throw new Error(`the gradient of a slice with steps needs the sizes behind axis ${axis}, which are ${formatShape(shape)}`)
    return graph.reshape(gaps, target)
  }
}

/** Entries that are not taken have no partner in the output. */
function chosen(stretch: Stretch, x: Value, y: Value, node: Node): Link {
  const { axis, step } = stretch
  const [from, to] = [{ value: x, axis }, { value: y, axis }]
  if (step === 1 && sameDim(stretch.count, x.shape![axis]!)) return link(from, to)
  if (!isKnown(stretch)) return fixed(from, `${node}: what it takes of axis ${axis} is known only at run time`)
  const taken = indices(stretch)
  return link(from, to, (entries) => entries.map((i) => taken.indexOf(i)).filter((j) => j >= 0), (entries) => entries.map((j) => taken[j]!))
}

/** Takes the same entries from the axes that lost some: as a stretch where they still are one, else by a Gather in front. */
function retake(node: Node, kept: (port: Port) => readonly number[], builder: Builder): void {
  const x = node.input(0)
  const shape = knownShape(x)
  const taken = stretches(node, shape) ?? []
  const lists = [numbers(node, 1, 'starts'), numbers(node, 2, 'ends')]
  let changed = false
  const windows = taken.map((t, i) => {
    const window = { start: lists[0]?.[i], end: lists[1]?.[i], step: t.step }
    const extent = shape[t.axis]
    if (!isKnown(t) || typeof extent !== 'number') return window
    const left = kept({ value: x, axis: t.axis })
    if (left.length === extent) return window
    changed = true
    const positions = kept({ value: node.output, axis: t.axis }).map((j) => left.indexOf(t.start + j * t.step))
    const step = positions.length > 1 ? positions[1]! - positions[0]! : 1
    const even = positions.every((p, j) => p === positions[0]! + j * step)
    if (even && (step === 1 || node.inputs[1])) return ended({ start: positions[0] ?? 0, step, count: positions.length })
    node.setInput(0, builder.gather(node.input(0), builder.int64(positions), t.axis))
    return { start: 0, end: END, step: 1 }
  })
  if (!changed) return
  if (windows.some(({ start, end }) => start === undefined || end === undefined)) throw new Error('some of its starts or ends are known only at run time')
  const written = { starts: windows.map((w) => w.start!), ends: windows.map((w) => w.end!), axes: taken.map((t) => t.axis), steps: windows.map((w) => w.step) }
  if (node.inputs[1]) Object.values(written).forEach((list, i) => node.setInput(i + 1, builder.int64(list)))
  else node.set('starts', written.starts).set('ends', written.ends).set('axes', written.axes)
}

function ended({ start, step, count }: Pick<KnownStretch, 'start' | 'step' | 'count'>) {
  const end = start + count * step
  return { start, end: end < 0 ? -END : end, step }
}
