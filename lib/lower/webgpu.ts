import type { ExpansionContext, Operator } from '../graph/operator.ts'
import { windowOf } from '../graph/ops/window.ts'
import { Tensor } from '../graph/tensor.ts'
import type { Value } from '../graph/graph.ts'

/**
 * How operators are written for ONNX Runtime's WebGPU provider where it lacks them, or what their expansions use. What it lacks beside runs on the CPU, and
 * costs a copy there and back: a profile shows where each operator ran.
 */
export const webgpuExpansions: Readonly<Record<string, NonNullable<Operator['expansion']>>> = {
  MaxPoolGrad: maxPoolGrad,
  LogSoftmax: logSoftmax,
}

/**
 * Gradient of a max pooling without the indices of the largest elements, which the provider's MaxPool does not give: each place of the window takes dy where
 * it holds the largest element and no place before it does; a transposed convolution with one filter a place puts them back.
 */
function maxPoolGrad({ graph, node, inputs: [x, dy] }: ExpansionContext): readonly Value[] {
  const [spatial, outputs] = [x, dy].map((value) => value.shape!.slice(2).map(Number)) as [number[], number[]]
  const kernel = node.ints('kernel_shape')
  const { strides, dilations, pads } = windowOf(node, kernel, spatial)
  const rank = kernel.length
  const axes = kernel.map((_, i) => i + 2)
  const covered = outputs.map((size, i) => (size - 1) * strides[i]! + dilations[i]! * (kernel[i]! - 1) + 1)
  const after = covered.map((size, i) => Math.max(0, size - spatial[i]! - pads[i]!))
  const padded = [...pads.slice(0, rank), ...after].some(Boolean)
    ? graph.op('Pad', [x, graph.int64([0, 0, ...pads.slice(0, rank), 0, 0, ...after]), graph.scalar(LOWEST[x.dtype === 'float16' ? 'float16' : 'float32'], x.dtype)])
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

/** What padding holds, so that nothing in it is the largest. */
const LOWEST = { float32: -3.4e38, float16: -65504 }

function logSoftmax({ graph, node, inputs: [x] }: ExpansionContext): readonly Value[] {
  const axes = graph.int64([node.int('axis', -1)])
  const centred = graph.sub(x, graph.op('ReduceMax', [x, axes], { keepdims: 1 }))
  return [graph.sub(centred, graph.log(graph.op('ReduceSum', [graph.exp(centred), axes], { keepdims: 1 })))]
}
