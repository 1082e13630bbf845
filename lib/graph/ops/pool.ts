import { formatShape, isStatic, multiply } from '../dim.ts'
import type { Node, TensorType, Value } from '../graph.ts'
import { HONE, link, operator, type ExpansionContext, type Link } from '../operator.ts'
import { sizeOf, Tensor } from '../tensor.ts'
import { spatialAxes, unwindowed, windowed, windowOf, type Window } from './window.ts'

/** Output type of a pooling of x [N, C, ...]. */
export function pooled(x: TensorType, node: Node): TensorType {
  if (!x.shape) return { dtype: x.dtype, shape: null }
  return { dtype: x.dtype, shape: [...x.shape.slice(0, 2), ...windowed(node, node.ints('kernel_shape'), x.shape.slice(2))] }
}

/** Each output compares or adds every element of its window. */
const poolCost = ([x]: readonly Value[], node: Node) => ({ flops: multiply(...(pooled(x, node).shape ?? [null]), ...node.ints('kernel_shape')) })

/** Batch and channels pass through. */
function channelwise(node: Node): readonly Link[] {
  const x = node.input(0)
  return [
    ...[x, ...node.outputs].flatMap((value) => spatialAxes(node, value)),
    ...node.outputs.flatMap((y) => [0, 1].map((axis) => link({ value: x, axis }, { value: y, axis }))),
  ]
}

function windowAttributes(node: Node, x: Value) {
  const spatial = x.shape?.slice(2) ?? null
  if (!isStatic(spatial)) throw new Error(`its gradient needs known spatial sizes, its input is ${formatShape(x.shape)}`)
  const { kernel, strides, dilations, pads } = windowOf(node, node.ints('kernel_shape'), spatial)
  return { kernel_shape: kernel, strides, dilations, pads, ceil_mode: node.int('ceil_mode') }
}

/** https://onnx.ai/onnx/operators/onnx__MaxPool.html */
export const maxPool = operator('MaxPool', {
  shape: ([x], node) => [pooled(x, node), { dtype: 'int64', shape: pooled(x, node).shape }],
  cost: poolCost,
  coupling: channelwise,
  gradient: ({ graph, node, inputs: [x], gradients: [dy] }) => [graph.op('MaxPoolGrad', [x, dy], windowAttributes(node, x), { domain: HONE })],
})

/** Gradient of a max pooling: each window hands dy [N, C, ...] to its first largest element of x; windows that overlap add up. */
export const maxPoolGrad = operator('MaxPoolGrad', {
  shape: ([x]) => [{ dtype: x.dtype, shape: x.shape }],
  cost: ([, dy]) => ({ flops: dy.size }),
  expansion(context) {
    const { graph, node, inputs: [x, dy] } = context
    if (x.dtype === 'float16' || x.dtype === 'bfloat16') return maxPoolGradByComparing(context)
    const attributes = Object.fromEntries(node.attributes)
    const [, indices] = graph.ops('MaxPool', [x], attributes, { outputs: 2 })
    const flat = (v: Value) => graph.reshape(v, [-1])
    const zeros = graph.op('ConstantOfShape', [graph.reshape(graph.op('Size', [x]), [1])], { value: Tensor.zeros(x.dtype ?? 'float32', [1]) })
    const scattered = graph.op('ScatterElements', [zeros, flat(indices!), flat(dy)], { axis: 0, reduction: 'add' })
    return [graph.reshape(scattered, graph.shapeOf(x))]
  },
}, HONE)

/**
 * MaxPoolGrad without the indices of the largest elements: each place of the window takes dy where it holds the largest element and no place before it does; a
 * transposed convolution with one filter a place puts them back. ONNX Runtime's WebGPU provider has no indices, and its CPU provider adds no 16-bit floats up.
 */
export function maxPoolGradByComparing({ graph, node, inputs: [x, dy] }: ExpansionContext): readonly Value[] {
  const [spatial, outputs] = [x, dy].map((value) => value.shape!.slice(2).map(Number)) as [number[], number[]]
  const kernel = node.ints('kernel_shape')
  const { strides, dilations, pads } = windowOf(node, kernel, spatial)
  const rank = kernel.length
  const axes = kernel.map((_, i) => i + 2)
  const covered = outputs.map((size, i) => (size - 1) * strides[i]! + dilations[i]! * (kernel[i]! - 1) + 1)
  const after = covered.map((size, i) => Math.max(0, size - spatial[i]! - pads[i]!))
  const padded = [...pads.slice(0, rank), ...after].some(Boolean)
    ? graph.op('Pad', [x, graph.int64([0, 0, ...pads.slice(0, rank), 0, 0, ...after]), graph.scalar(x.dtype === 'float16' ? -65504 : -3.38e38, x.dtype)])
    : x
  const largest = graph.op('MaxPool', [x], Object.fromEntries(node.attributes))
  const places = kernel.reduce<number[][]>((all, size) => all.flatMap((place) => Array.from({ length: size }, (_, i) => [...place, i])), [[]])

  let free: Value | null = null
  const parts = places.map((place) => {
    const starts = place.map((k, i) => k * dilations[i]!)
    const here = graph.slice(padded, starts, starts.map((start, i) => start + (outputs[i]! - 1) * strides[i]! + 1), axes, strides)
    const holds = graph.cast(graph.op('Equal', [here, largest]), x.dtype)
    const first = free ? graph.mul(holds, free) : holds
    free = free ? graph.sub(free, first) : graph.sub(1, holds)
    return graph.unsqueeze(graph.mul(first, dy), [2])
  })
  const filters = Float32Array.from({ length: places.length ** 2 }, (_, i) => Number(Math.floor(i / places.length) === i % places.length))
  const spread = graph.op('ConvTranspose', [
    graph.reshape(graph.concat(parts, 2), [-1, places.length, ...outputs]),
    graph.tensor(Tensor.of(x.dtype ?? 'float32', [places.length, 1, ...kernel], Array.from(filters))),
  ], { kernel_shape: kernel, strides, dilations, output_padding: covered.map((size, i) => Math.max(0, spatial[i]! + pads[i]! - size)) })
  const from = pads.slice(0, rank)
  const within = graph.slice(spread, from, from.map((start, i) => start + spatial[i]!), axes)
  return [graph.reshape(within, graph.shapeOf(x))]
}

/** https://onnx.ai/onnx/operators/onnx__AveragePool.html */
export const averagePool = operator('AveragePool', {
  shape: ([x], node) => [pooled(x, node)],
  cost: poolCost,
  coupling: channelwise,
  gradient({ graph, node, inputs: [x], gradients: [dy] }) {
    const window = windowAttributes(node, x)
    const spatial = x.shape!.slice(2).map(Number)
    return [graph.op('AveragePoolGrad', [dy], { ...window, spatial, count_include_pad: node.int('count_include_pad') }, { domain: HONE })]
  },
})

/** Gradient of an average pooling: each window spreads dy [N, C, ...] evenly over the elements that it averaged. */
export const averagePoolGrad = operator('AveragePoolGrad', {
  shape: ([dy], node) => [{ dtype: dy.dtype, shape: dy.shape && [...dy.shape.slice(0, 2), ...node.ints('spatial')] }],
  cost: ([dy], node) => ({ flops: multiply(dy.size, ...node.ints('kernel_shape')) }),
  expansion({ graph, node, inputs: [dy] }) {
    const spatial = node.ints('spatial')
    const window = windowOf(node, node.ints('kernel_shape'), spatial)
    const { kernel, strides, dilations, pads } = window
    const outputs = dy.shape!.slice(2).map(Number)
    const shares = Float64Array.from(windowCounts(window, spatial, outputs, node.int('count_include_pad') === 1), (count) => 1 / count)
    const shared = graph.mul(dy, graph.tensor(Tensor.of(dy.dtype ?? 'float32', [1, 1, ...outputs], Array.from(shares))))
    const ones = graph.tensor(Tensor.of(dy.dtype ?? 'float32', [1, 1, ...kernel], Array(sizeOf(kernel)).fill(1)))
    const covered = unwindowed(outputs, window, []).map(Number)
    const output_padding = spatial.map((size, i) => Math.max(0, size - covered[i]!))
    const spread = graph.op('ConvTranspose', [graph.reshape(shared, [-1, 1, ...outputs]), ones], { kernel_shape: kernel, strides, dilations, pads, output_padding })
    const axes = spatial.map((_, i) => i + 2)
    const batch = graph.slice(graph.shapeOf(dy), [0], [2], [0])
    return [graph.reshape(graph.slice(spread, axes.map(() => 0), spatial, axes), graph.concat([batch, graph.int64(spatial)], 0))]
  },
}, HONE)

/** How many elements each window averages. */
function windowCounts(window: Window, spatial: readonly number[], outputs: readonly number[], includePad: boolean): number[] {
  return outputs.map((length, axis) => countsAlong(window, axis, spatial[axis]!, length, includePad)).reduce((counts, along) => counts.flatMap((c) => along.map((n) => c * n)), [1])
}

/** The same along one axis of `size` elements, for each of its windows. */
export function countsAlong({ kernel, strides, dilations, pads }: Window, axis: number, size: number, windows: number, includePad: boolean): number[] {
  const [before, after] = includePad ? [pads[axis]!, pads[axis + kernel.length]!] : [0, 0]
  return Array.from({ length: windows }, (_, o) => {
    const places = Array.from({ length: kernel[axis]! }, (__, k) => o * strides[axis]! - pads[axis]! + k * dilations[axis]!)
    return places.filter((i) => i >= -before && i < size + after).length
  })
}

/** https://onnx.ai/onnx/operators/onnx__GlobalAveragePool.html */
export const globalAveragePool = operator('GlobalAveragePool', {
  shape: ([x]) => [{ dtype: x.dtype, shape: x.shape && [...x.shape.slice(0, 2), ...x.shape.slice(2).map(() => 1)] }],
  cost: ([x]) => ({ flops: x.size }),
  coupling: channelwise,
  gradient({ graph, inputs: [x], gradients: [dy] }) {
    const spatial = x.shape?.slice(2) ?? null
    if (!isStatic(spatial)) throw new Error(`its gradient needs known spatial sizes, its input is ${formatShape(x.shape)}`)
    return [graph.op('Expand', [graph.div(dy, sizeOf(spatial)), graph.shapeOf(x)])]
  },
})

export const globalMaxPool = operator('GlobalMaxPool', {
  shape: globalAveragePool.shape!,
  cost: ([x]) => ({ flops: x.size }),
  coupling: channelwise,
  gradient({ graph, inputs: [x], gradients: [dy] }) {
    const spatial = x.shape?.slice(2) ?? null
    if (!isStatic(spatial)) throw new Error(`its gradient needs known spatial sizes, its input is ${formatShape(x.shape)}`)
    return [graph.op('MaxPoolGrad', [x, dy], { kernel_shape: spatial, strides: spatial.map(() => 1), pads: Array(2 * spatial.length).fill(0) }, { domain: HONE })]
  },
})
