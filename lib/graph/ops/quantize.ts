import type { Builder } from '../builder.ts'
import { formatShape, multiply, type Dim } from '../dim.ts'
import type { Node, Value } from '../graph.ts'
import { fixed, HONE, link, operator, sameAxes, type Link } from '../operator.ts'
import { DATA_TYPES, type DataType } from '../tensor.ts'
import { axisWithin, knownShape } from './arguments.ts'

/** Smallest and largest number of each quantized type. */
export const QUANTIZED_RANGE: Readonly<Partial<Record<DataType, readonly [number, number]>>> = {
  int8: [-128, 127], uint8: [0, 255], int16: [-32768, 32767], uint16: [0, 65535], int4: [-8, 7], uint4: [0, 15],
}

const twoPerElement = ([x]: readonly Value[]): { flops: Dim } => ({ flops: multiply(x.size, 2) })

/** round(x / scale) + zero_point, halves to even, saturated. https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html */
export const quantizeLinear = operator('QuantizeLinear', {
  shape: ([x, , zero], node) => [{ dtype: zero?.dtype ?? (node.int('output_dtype') ? DATA_TYPES[node.int('output_dtype')]! : 'uint8'), shape: x.shape }],
  cost: twoPerElement,
  coupling: scaledAxes,
})

/** (x − zero_point) · scale. https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html */
export const dequantizeLinear = operator('DequantizeLinear', {
  shape: ([x, scale]) => [{ dtype: scale.dtype, shape: x.shape }],
  cost: twoPerElement,
  coupling: scaledAxes,
})

/** x in uint8, with the scale and zero point of its own range. https://onnx.ai/onnx/operators/onnx__DynamicQuantizeLinear.html */
export const dynamicQuantizeLinear = operator('DynamicQuantizeLinear', {
  shape: ([x]) => [{ dtype: 'uint8', shape: x.shape }, { dtype: 'float32', shape: [] }, { dtype: 'uint8', shape: [] }],
  cost: ([x]) => ({ flops: multiply(x.size, 4) }),
  coupling: (node) => sameAxes(node.input(0), node.output),
})

/**
 * What quantizing and dequantizing x makes of it: (x, scale, zero_point) to x's own type and shape. The zero point's type is the quantized type; a scale of
 * one dimension goes along `axis` (1 by default). The gradient passes straight through where x is inside the range, and is 0 where it saturates; that of the
 * scale is the learned step size's, times `scale_gradient` (1). Esser et al. 2020, https://arxiv.org/abs/1902.08153
 */
export const fakeQuantize = operator('FakeQuantize', {
  shape: ([x, , zero]) => {
    rangeOf(zero)
    return [{ dtype: x.dtype, shape: x.shape }]
  },
  cost: ([x]) => ({ flops: multiply(x.size, 4) }),
  coupling: scaledAxes,
  expansion({ graph, node, inputs: [x, scale, zero] }) {
    const axis = { axis: node.int('axis', 1) }
    return [graph.op('DequantizeLinear', [graph.op('QuantizeLinear', [x, scale, zero], axis), scale, zero], axis)]
  },
  gradient({ graph, node, inputs: [x, scale, zero], gradients: [dy], wants }) {
    const [low, high] = rangeOf(zero).map((end) => graph.sub(graph.scalar(end, x.dtype), graph.cast(alongAxis(graph, zero, x, node), x.dtype)))
    const exact = graph.div(x, alongAxis(graph, scale, x, node))
    const level = graph.op('Round', [exact])
    const inside = graph.op('And', [graph.op('GreaterOrEqual', [level, low!]), graph.op('LessOrEqual', [level, high!])])
    /** How far the result moves with the scale: by the rounding inside the range, by the end of the range outside. */
    const slope = () => graph.op('Where', [inside, graph.sub(level, exact), graph.op('Min', [graph.op('Max', [level, low!]), high!])])
    return [
      wants(0) ? graph.mul(dy, graph.cast(inside, dy.dtype)) : null,
      wants(1) ? graph.mul(overOthers(graph, graph.mul(dy, slope()), scale, node), node.float('scale_gradient', 1)) : null,
    ]
  },
}, HONE)

/** Sums over all that shares a scale. */
function overOthers(graph: Builder, x: Value, scale: Value, node: Node): Value {
  const axes = knownShape(x).map((_, axis) => axis)
  if (!knownShape(scale).length) return graph.reduceSum(x, axes)
  const own = axisWithin(node.int('axis', 1), axes.length)
  return graph.reduceSum(x, axes.filter((axis) => axis !== own))
}

function rangeOf(zero: Value): readonly [number, number] {
  const range = zero.dtype && QUANTIZED_RANGE[zero.dtype]
  if (!range) throw new Error(`its zero point is ${zero.dtype ?? 'of unknown type'}; a quantized type is one of ${Object.keys(QUANTIZED_RANGE).join(', ')}`)
  return range
}

/** A scale or zero point in a shape that broadcasts to x. */
function alongAxis(graph: Builder, value: Value, x: Value, node: Node): Value {
  if (knownShape(value).length !== 1) return value
  const rank = knownShape(x).length
  return graph.reshape(value, [-1, ...Array(rank - 1 - axisWithin(node.int('axis', 1), rank)).fill(1)])
}

/** Scales and zero points of each entry of an axis go with it; one of a block of entries keeps the block together. */
function scaledAxes(node: Node): readonly Link[] {
  const x = node.input(0)
  const shape = knownShape(x)
  const scales = node.inputs.slice(1).filter((v) => v !== null && knownShape(v).length > 0 && v.size !== 1) as Value[]
  return [...sameAxes(x, node.output), ...scales.flatMap((scale) => scaleLinks(node, x, scale, axisWithin(node.int('axis', 1), shape.length)))]
}

function scaleLinks(node: Node, x: Value, scale: Value, axis: number): Link[] {
  if (knownShape(scale).length === 1) return [link({ value: scale, axis: 0 }, { value: x, axis })]
  return [fixed({ value: x, axis }, `${node} has a scale for each ${node.int('block_size')} entries of axis ${axis} of ${formatShape(x.shape)}`), ...sameAxes(scale, x, [axis])]
}
