import { add, multiply, type Shape } from '../dim.ts'
import type { Node, Value } from '../graph.ts'
import { everyDimension, link, MICROSOFT, operator, sameAxes, type Link } from '../operator.ts'
import { knownShape } from './arguments.ts'
import { concatCoupling, concatenated } from './concat.ts'
import { conv, convolutionCost, convolutionCoupling, convolved } from './conv.ts'
import { broadcast } from './elementwise.ts'
import { perChannel, quantized } from './integer.ts'
import { gemm, matmul, product, productCost, productCoupling } from './matmul.ts'
import { pooled } from './pool.ts'

/** Operators of ONNX Runtime's own. https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md */

/** activation(Conv(x, w, bias) + z) */
export const fusedConv = operator('FusedConv', {
  shape: ([x, w], node) => [convolved(x, w, node)],
  learned: conv.learned!,
  cost([x, w, bias, z], node) {
    const cost = convolutionCost(x, w, bias, node)
    const outputs = multiply(...(convolved(x, w, node).shape ?? [null]))
    return { ...cost, flops: add(cost.flops, outputs, z ? outputs : 0) }
  },
  coupling: (node) => [...convolutionCoupling(node, node.input(0), node.input(1), node.inputs[2]), ...(node.inputs[3] ? sameAxes(node.inputs[3], node.output) : [])],
  resized: conv.resized!,
}, MICROSOFT)

/** alpha · A' · B', each matrix, and each batch, transposed on request. */
export const fusedMatMul = operator('FusedMatMul', {
  learned: matmul.learned!,
  shape: ([a, b], node) => [{ dtype: a.dtype, shape: product(turned(a, node, 'A'), turned(b, node, 'B')) }],
  cost([a, b], node) {
    const left = turned(a, node, 'A')
    return productCost(product(left, turned(b, node, 'B')), left?.at(-1) ?? null)
  },
  coupling: (node) => productCoupling(node, node.input(0), node.input(1), order(node.input(0), node, 'A'), order(node.input(1), node, 'B')),
}, MICROSOFT)

function turned(x: Value, node: Node, side: 'A' | 'B'): Shape | null {
  return x.shape && order(x, node, side).map((axis) => x.shape![axis]!)
}

/** The axes of x in the order in which the product reads them: transBatch puts the first behind the batch, trans swaps the last two. */
function order(x: Value, node: Node, side: 'A' | 'B'): number[] {
  const axes = knownShape(x).map((_, axis) => axis)
  if (axes.length < 2) return axes
  const [first, ...rest] = axes
  const read = node.int(`transBatch${side}`) ? [...rest.slice(0, -1), first!, rest.at(-1)!] : axes
  return node.int(`trans${side}`) ? [...read.slice(0, -2), read.at(-1)!, read.at(-2)!] : read
}

/** activation(Gemm(a, b, c)) */
export const fusedGemm = operator('FusedGemm', { shape: gemm.shape!, learned: gemm.learned!, cost: gemm.cost!, coupling: gemm.coupling! }, MICROSOFT)

/** A'·B' + bias in integers: (a, a_scale, a_zero_point, b, b_scale, b_zero_point, bias, y_scale, y_zero_point); in float32 without the last two. */
export const qGemm = operator('QGemm', {
  shape: ([a, , , b, , , , , zero], node) => [{ dtype: zero?.dtype ?? 'float32', shape: product(turned(a, node, 'A'), turned(b, node, 'B')) }],
  cost([a, , , b], node) {
    const left = turned(a, node, 'A')
    return productCost(product(left, turned(b, node, 'B')), left?.at(-1) ?? null)
  },
  coupling: (node) => [
    ...productCoupling(node, node.input(0), node.input(3), order(node.input(0), node, 'A'), order(node.input(3), node, 'B')),
    ...perChannel([node.inputs[4], node.inputs[5], node.inputs[6]], node.output, 1),
  ],
}, MICROSOFT)

/** Product of integers in float32: (a, b, a_scale, b_scale, a_zero_point, b_zero_point, bias). */
export const matMulIntegerToFloat = operator('MatMulIntegerToFloat', {
  shape: ([a, b]) => [{ dtype: 'float32', shape: product(a.shape, b.shape) }],
  cost: ([a, b]) => productCost(product(a.shape, b.shape), a.shape?.at(-1) ?? null),
  coupling: (node) => [
    ...productCoupling(node, node.input(0), node.input(1)),
    ...perChannel([node.inputs[3], node.inputs[5], node.inputs[6]], node.output, (node.output.shape?.length ?? 0) - 1),
  ],
}, MICROSOFT)

/** (a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point) */
export const quantizedBinaries = ['QLinearAdd', 'QLinearMul'].map((type) => operator(type, {
  shape: ([a, , , b]) => [{ dtype: a.dtype, shape: broadcast([a.shape, b.shape]) }],
  cost: ([a, , , b]) => ({ flops: multiply(...(broadcast([a.shape, b.shape]) ?? [null])) }),
  coupling: everyDimension,
}, MICROSOFT))

/** (x, x_scale, x_zero_point, y_scale, y_zero_point) */
export const quantizedUnaries = ['QLinearSigmoid', 'QLinearLeakyRelu'].map((type) => operator(type, {
  shape: ([x]) => [{ dtype: x.dtype, shape: x.shape }],
  cost: ([x]) => ({ flops: x.size }),
  coupling: everyDimension,
}, MICROSOFT))

/** Average of each window: (x, x_scale, x_zero_point, y_scale, y_zero_point). */
export const qLinearAveragePool = operator('QLinearAveragePool', {
  shape: ([x], node) => [{ dtype: x.dtype, shape: averaged(x, node) }],
  cost: ([x], node) => ({ flops: multiply(...(averaged(x, node) ?? [null]), ...node.ints('kernel_shape')) }),
  coupling: channelLinks,
}, MICROSOFT)

/** Average of each channel: (x, x_scale, x_zero_point, y_scale, y_zero_point). */
export const qLinearGlobalAveragePool = operator('QLinearGlobalAveragePool', {
  shape: ([x], node) => [{ dtype: x.dtype, shape: x.shape?.map((d, axis) => (axis === 0 || axis === channelAxis(x, node) ? d : 1)) ?? null }],
  cost: ([x]) => ({ flops: x.size }),
  coupling: channelLinks,
}, MICROSOFT)

const channelAxis = (x: Value, node: Node): number => (node.int('channels_last') ? knownShape(x).length - 1 : 1)

function averaged(x: Value, node: Node): Shape | null {
  if (!x.shape || !node.int('channels_last')) return pooled(x, node).shape
  const [n, ...spatial] = x.shape.slice(0, -1)
  const [, , ...windows] = pooled({ dtype: x.dtype, shape: [n!, x.shape.at(-1)!, ...spatial] }, node).shape!
  return [n!, ...windows, x.shape.at(-1)!]
}

/** Batch and channels pass through; a window ties no two positions. */
function channelLinks(node: Node): Link[] {
  const [x, y] = [node.input(0), node.output]
  return [0, channelAxis(x, node)].map((axis) => link({ value: x, axis }, { value: y, axis }))
}

/** Concat of parts with scales of their own: (y_scale, y_zero_point, x0, x0_scale, x0_zero_point, x1, ...). */
export const qLinearConcat = operator('QLinearConcat', {
  shape([, zero, ...inputs], node) {
    const shapes = parts(inputs).map((x) => x.shape)
    return [quantized(zero, { shape: shapes.every((s) => s !== null) ? concatenated(shapes, node.int('axis')) : null })]
  },
  cost: ([, , ...inputs]) => ({ flops: add(...parts(inputs).map((x) => x.size)) }),
  coupling: (node) => concatCoupling(node, parts(node.inputs.slice(2) as Value[])),
}, MICROSOFT)

const parts = (inputs: readonly Value[]): Value[] => inputs.filter((_, i) => i % 3 === 0)
