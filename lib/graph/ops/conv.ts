import type { Builder } from '../builder.ts'
import { add, differs, elements, floorDivide, formatShape, isStatic, multiply } from '../dim.ts'
import type { Node, TensorType, Value } from '../graph.ts'
import { blocks, HONE, link, operator, type Cost, type Link, type Operator, type Port } from '../operator.ts'
import { knownShape } from './arguments.ts'
import { spatialAxes, unwindowed, windowed, windowOf } from './window.ts'

/** Output type of a convolution of `x` [N, C, ...] with `w` [K, C/group, ...]. @throws Error where their channels do not fit. */
export function convolved(x: Value, w: Value, node: Node): TensorType {
  if (!x.shape || !w.shape) return { dtype: x.dtype, shape: null }
  if (x.shape.length !== w.shape.length) throw new Error(`its input ${formatShape(x.shape)} and its weight ${formatShape(w.shape)} differ in rank`)
  const expected = multiply(w.shape[1]!, node.int('group', 1))
  if (differs(x.shape[1]!, expected)) throw new Error(`its input has ${x.shape[1]} channels, its weight ${formatShape(w.shape)} expects ${expected}`)
  const kernel = w.shape.slice(2)
  if (!isStatic(kernel)) return { dtype: x.dtype, shape: [x.shape[0]!, w.shape[0]!, ...kernel.map(() => null)] }
  return { dtype: x.dtype, shape: [x.shape[0]!, w.shape[0]!, ...windowed(node, kernel, x.shape.slice(2))] }
}

/** A multiply-add for each output element and each weight of its channel, and an addition for the bias. */
export function convolutionCost(x: Value, w: Value, bias: Value | undefined, node: Node): Cost {
  const output = convolved(x, w, node).shape
  const outputs = output && multiply(...output)
  const macs = multiply(outputs, ...(w.shape?.slice(1) ?? [null]))
  return { macs, flops: add(multiply(2, macs), bias ? outputs : 0) }
}

/** Channels of input, weight, bias and output that belong together, and batches of input and output. */
export function convolutionCoupling(node: Node, x: Value, w: Value, bias: Value | null | undefined): readonly Link[] {
  const y = node.output
  const group = node.int('group', 1)
  const links = [
    ...[x, w, y].flatMap((value) => spatialAxes(node, value)),
    ...(bias ? [link({ value: bias, axis: 0 }, { value: y, axis: 1 })] : []),
    link({ value: x, axis: 0 }, { value: y, axis: 0 }), link({ value: w, axis: 0 }, { value: y, axis: 1 }),
  ]
  if (group === 1) return [link({ value: x, axis: 1 }, { value: w, axis: 1 }), ...links]
  const [k, perGroup] = knownShape(w)
  if (typeof k !== 'number' || typeof perGroup !== 'number') throw new Error(`${node}: how many channels each of its ${group} groups has is known only at run time`)
  if (perGroup === 1) return [blocks({ value: x, axis: 1 }, { value: y, axis: 1 }, k / group), ...links]
  return [inEachGroup({ value: x, axis: 1 }, { value: w, axis: 1 }, group, perGroup), sameInEachGroup({ value: y, axis: 1 }, group, k / group), ...links]
}

/** Each entry of `b` stands for the same place in every group of `a`. */
function inEachGroup(a: Port, b: Port, groups: number, perGroup: number): Link {
  return link(a, b, (entries) => placesOf(entries, perGroup), (places) => inGroups(places, groups, perGroup))
}

/** Groups stay equally large: with one entry goes the same place of every other group. */
function sameInEachGroup(port: Port, groups: number, perGroup: number): Link {
  const everywhere = (entries: readonly number[]) => inGroups(placesOf(entries, perGroup), groups, perGroup)
  return link(port, port, everywhere, everywhere)
}

const placesOf = (entries: readonly number[], perGroup: number): readonly number[] => [...new Set(entries.map((i) => i % perGroup))]
const inGroups = (places: readonly number[], groups: number, perGroup: number): readonly number[] => places.flatMap((j) => Array.from({ length: groups }, (_, g) => g * perGroup + j))

/** Where each group reads a single channel, groups go with their channels; larger ones only shrink. */
const groupsResized: NonNullable<Operator['resized']> = (node, kept) => {
  const group = node.int('group', 1)
  const channels = { value: node.input(0), axis: 1 }
  if (group > 1 && channels.value.shape?.[1] === group) node.set('group', kept(channels).length)
}

/** Convolution, in fact cross-correlation. https://onnx.ai/onnx/operators/onnx__Conv.html */
export const conv = operator('Conv', {
  shape: ([x, w], node) => [convolved(x, w, node)],
  learned: () => [1, 2],
  cost: ([x, w, bias], node) => convolutionCost(x, w, bias, node),
  coupling: (node) => convolutionCoupling(node, node.input(0), node.input(1), node.inputs[2]),
  resized: groupsResized,
  gradient({ graph, node, inputs: [x, w, bias], gradients: [dy], wants }) {
    const spatial = x.shape?.slice(2) ?? null
    const kernel = w.shape?.slice(2) ?? null
    if (!isStatic(spatial) || !isStatic(kernel)) throw new Error(`its gradient needs known spatial sizes, its input is ${formatShape(x.shape)}: foldConstants() may work them out`)
    const { strides, dilations, pads } = windowOf(node, kernel, spatial)
    const window = { kernel_shape: kernel, strides, dilations, pads, group: node.int('group', 1) }
    return [
      wants(0) ? graph.op('ConvGradInput', [dy, w], { ...window, spatial }, { domain: HONE }) : null,
      wants(1) ? graph.op('ConvGradWeight', [x, dy], window, { domain: HONE }) : null,
      bias && wants(2) ? graph.reduceSum(dy, [0, ...spatial.map((_, i) => i + 2)]) : null,
    ]
  },
})

/** Gradient of a convolution's input: (dy [N, K, ...], w [K, C/group, ...]) to [N, C, ...spatial]. */
export const convGradInput = operator('ConvGradInput', {
  shape: ([dy, w], node) => [{ dtype: dy.dtype, shape: dy.shape && w.shape && [dy.shape[0]!, multiply(w.shape[1]!, node.int('group', 1)), ...node.ints('spatial')] }],
  cost: ([dy, w]) => {
    const macs = multiply(dy.size, ...(w.shape?.slice(1) ?? [null]))
    return { macs, flops: multiply(2, macs) }
  },
  expansion({ graph, node, inputs: [dy, w] }) {
    const kernel = node.ints('kernel_shape')
    const window = windowOf(node, kernel, node.ints('spatial'))
    const covered = unwindowed(dy.shape!.slice(2), window, [])
    const { strides, dilations, pads } = window
    const output_padding = node.ints('spatial').map((size, i) => size - Number(covered[i]))
    return [graph.op('ConvTranspose', [dy, w], { kernel_shape: kernel, strides, dilations, pads, output_padding, group: node.int('group', 1) })]
  },
}, HONE)

/**
 * Gradient of a convolution's weight: (x [N, C, ...], dy [N, K, ...]) to [K, C/group, ...kernel_shape]. It is itself a convolution, of x and dy with
 * batch and channels swapped, whose stride is the dilation and whose dilation is the stride.
 */
export const convGradWeight = operator('ConvGradWeight', {
  shape: ([x, dy], node) => [{ dtype: x.dtype, shape: x.shape && dy.shape && [dy.shape[1]!, floorDivide(x.shape[1]!, node.int('group', 1)), ...node.ints('kernel_shape')] }],
  cost: ([x, dy], node) => {
    const macs = multiply(dy.size, floorDivide(x.shape?.[1] ?? null, node.int('group', 1)), ...node.ints('kernel_shape'))
    return { macs, flops: multiply(2, macs) }
  },
  expansion({ graph, node, inputs: [x, dy] }) {
    const kernel = node.ints('kernel_shape')
    const group = node.int('group', 1)
    if (group > 1 && group === x.shape![1]) return [depthwiseWeightGradient(graph, node, x, dy)]
    const swap = [1, 0, ...kernel.map((_, i) => i + 2)]
    const { strides, dilations, pads } = windowOf(node, kernel, x.shape!.slice(2))
    const parts = (v: Value) => (group === 1 ? [v] : graph.ops('Split', [v], { axis: 0, num_outputs: group }, { outputs: group }))
    const errors = parts(graph.transpose(dy, swap))
    const gradients = parts(graph.transpose(x, swap)).map((channels, i) => graph.op('Conv', [channels, errors[i]!], { strides: dilations, dilations: strides, pads }))
    const spatial = kernel.map((_, i) => i + 2)
    return [graph.concat(gradients.map((g) => graph.transpose(graph.slice(g, kernel.map(() => 0), kernel, spatial), swap)), 0)]
  },
}, HONE)

/** The same where each channel has filters of its own: for each place of the window a product of x, moved by it, and dy. */
function depthwiseWeightGradient(graph: Builder, node: Node, x: Value, dy: Value): Value {
  const kernel = node.ints('kernel_shape')
  const { strides, dilations, pads } = windowOf(node, kernel, x.shape!.slice(2))
  const [channels, filters] = [Number(x.shape![1]), Number(dy.shape![1])]
  const [axes, outputs] = [kernel.map((_, i) => i + 2), dy.shape!.slice(2).map(Number)]
  const padded = graph.op('Pad', [x, graph.int64([0, 0, ...pads.slice(0, kernel.length), 0, 0, ...pads.slice(kernel.length)])])
  const apart = (v: Value, perChannel: number) => graph.reshape(v, [0, channels, perChannel, ...outputs])
  const errors = apart(dy, filters / channels)
  const places = kernel.reduce<number[][]>((all, size) => all.flatMap((place) => Array.from({ length: size }, (_, i) => [...place, i])), [[]])
  const sums = places.map((place) => {
    const starts = place.map((k, i) => k * dilations[i]!)
    const seen = graph.slice(padded, starts, starts.map((start, i) => start + (outputs[i]! - 1) * strides[i]! + 1), axes, strides)
    return graph.reduceSum(graph.mul(apart(seen, 1), errors), [0, ...axes.map((axis) => axis + 1)], false)
  })
  return graph.reshape(graph.concat(sums.map((sum) => graph.unsqueeze(sum, [2])), 2), [filters, 1, ...kernel])
}

/** Output type of a transposed convolution of `x` [N, C, ...] with `w` [C, K/group, ...]. @throws Error where their channels do not fit. */
function transposed(x: Value, w: Value, node: Node): TensorType {
  const kernel = w.shape?.slice(2) ?? null
  if (!x.shape || !isStatic(kernel)) return { dtype: x.dtype, shape: null }
  if (differs(x.shape[1]!, w.shape![0]!)) throw new Error(`its input has ${x.shape[1]} channels, its weight ${formatShape(w.shape)} expects ${w.shape![0]}`)
  const input = x.shape.slice(2)
  const given = node.ints('output_shape')
  const strides = node.ints('strides', kernel.map(() => 1))
  const spatial = given.length ? given.slice(-kernel.length)
    : node.string('auto_pad').startsWith('SAME') ? input.map((size, i) => multiply(size, strides[i]!))
    : unwindowed(input, windowOf(node, kernel, input), node.ints('output_padding'))
  return { dtype: x.dtype, shape: [x.shape[0]!, multiply(w.shape![1]!, node.int('group', 1)), ...spatial] }
}

/** Transposed convolution. https://onnx.ai/onnx/operators/onnx__ConvTranspose.html */
export const convTranspose = operator('ConvTranspose', {
  shape: ([x, w], node) => [transposed(x, w, node)],
  learned: () => [1, 2],
  cost([x, w, bias], node) {
    const macs = multiply(x.size, ...(w.shape?.slice(1) ?? [null]))
    return { macs, flops: add(multiply(2, macs), bias ? elements(transposed(x, w, node).shape) : 0) }
  },
  gradient({ graph, node, inputs: [x, w, bias], gradients: [dy], wants }) {
    const spatial = dy.shape?.slice(2) ?? null
    const kernel = w.shape?.slice(2) ?? null
    if (!isStatic(spatial) || !isStatic(kernel)) throw new Error(`its gradient needs known spatial sizes, its output is ${formatShape(dy.shape)}: foldConstants() may work them out`)
    if (node.string('auto_pad').startsWith('SAME') || node.ints('output_shape').length) throw new Error('its gradient needs its padding as "pads"')
    const { strides, dilations, pads } = windowOf(node, kernel, spatial)
    const window = { kernel_shape: kernel, strides, dilations, pads, group: node.int('group', 1) }
    return [
      wants(0) ? graph.op('Conv', [dy, w], window) : null,
      wants(1) ? graph.op('ConvGradWeight', [dy, x], window, { domain: HONE }) : null,
      bias && wants(2) ? graph.reduceSum(dy, [0, ...spatial.map((_, i) => i + 2)]) : null,
    ]
  },
  coupling(node) {
    const [x, w, bias] = [node.input(0), node.input(1), node.inputs[2]]
    const y = node.output
    const group = node.int('group', 1)
    const [c, perGroup] = knownShape(w)
    if (group > 1 && (typeof c !== 'number' || typeof perGroup !== 'number')) throw new Error(`${node}: how many channels each of its ${group} groups has is known only at run time`)
    const [input, output] = [{ value: x, axis: 1 }, { value: y, axis: 1 }]
    const channels = group === 1 ? [link({ value: w, axis: 1 }, output)]
      : c === group ? [blocks(input, output, Number(perGroup))]
        : [inEachGroup(output, { value: w, axis: 1 }, group, Number(perGroup)), sameInEachGroup(input, group, Number(c) / group)]
    return [
      ...[x, w, y].flatMap((value) => spatialAxes(node, value)), link({ value: x, axis: 0 }, { value: y, axis: 0 }), link(input, { value: w, axis: 0 }),
      ...channels, ...(bias ? [link({ value: bias, axis: 0 }, output)] : []),
    ]
  },
  resized: groupsResized,
})
