import { isStatic } from '../dim.ts'
import type { Node, TensorType, Value } from '../graph.ts'
import { link, operator, type Link } from '../operator.ts'
import { conv, convolutionCost, convolutionCoupling, convolved } from './conv.ts'
import { product, productCost, productCoupling } from './matmul.ts'

/** Scales and zero points of each output channel go with it; those of the whole tensor stay. */
export function perChannel(values: readonly (Value | null | undefined)[], y: Value, axis: number): Link[] {
  return values.flatMap((value) => (value?.shape?.length === 1 && isStatic(value.shape) && value.size !== 1 ? [link({ value, axis: 0 }, { value: y, axis })] : []))
}

/** The type of a quantized output: that of its zero point. */
export function quantized(zero: Value, { shape }: Pick<TensorType, 'shape'>): TensorType {
  return { dtype: zero.dtype, shape }
}

/** Convolution of (x, w, x_zero_point, w_zero_point) in int32. https://onnx.ai/onnx/operators/onnx__ConvInteger.html */
export const convInteger = operator('ConvInteger', {
  shape: ([x, w], node) => [{ ...convolved(x, w, node), dtype: 'int32' }],
  cost: ([x, w], node) => convolutionCost(x, w, undefined, node),
  coupling: (node) => [...convolutionCoupling(node, node.input(0), node.input(1), null), ...perChannel([node.inputs[3]], node.output, 1)],
  resized: conv.resized!,
})

/**
 * Convolution in integers, requantized: (x, x_scale, x_zero_point, w, w_scale, w_zero_point, y_scale, y_zero_point, bias).
 * https://onnx.ai/onnx/operators/onnx__QLinearConv.html
 */
export const qLinearConv = operator('QLinearConv', {
  shape: ([x, , , w, , , , zero], node) => [quantized(zero, convolved(x, w, node))],
  cost: ([x, , , w, , , , , bias], node) => convolutionCost(x, w, bias, node),
  coupling: (node) => [
    ...convolutionCoupling(node, node.input(0), node.input(3), node.inputs[8]),
    ...perChannel([node.inputs[4], node.inputs[5]], node.output, 1),
  ],
  resized: conv.resized!,
})

const matrixCost = (a: Value, b: Value) => productCost(product(a.shape, b.shape), a.shape?.at(-1) ?? null)
const lastAxis = (node: Node) => (node.output.shape?.length ?? 0) - 1

/** Product of (a, b, a_zero_point, b_zero_point) in int32. https://onnx.ai/onnx/operators/onnx__MatMulInteger.html */
export const matMulInteger = operator('MatMulInteger', {
  shape: ([a, b]) => [{ dtype: 'int32', shape: product(a.shape, b.shape) }],
  cost: ([a, b]) => matrixCost(a, b),
  coupling: (node) => [...productCoupling(node, node.input(0), node.input(1)), ...perChannel([node.inputs[3]], node.output, lastAxis(node))],
})

/**
 * Product in integers, requantized: (a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point).
 * https://onnx.ai/onnx/operators/onnx__QLinearMatMul.html
 */
export const qLinearMatMul = operator('QLinearMatMul', {
  shape: ([a, , , b, , , , zero]) => [quantized(zero, { shape: product(a.shape, b.shape) })],
  cost: ([a, , , b]) => matrixCost(a, b),
  coupling: (node) => [...productCoupling(node, node.input(0), node.input(3)), ...perChannel([node.inputs[4], node.inputs[5]], node.output, lastAxis(node))],
})
