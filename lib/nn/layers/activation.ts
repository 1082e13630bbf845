import { float } from '../../graph/attribute.ts'
import { formatShape } from '../../graph/dim.ts'
import { requireNumber, requireWhole } from '../../require.ts'
import { operation, placeOf, type Layer } from './layer.ts'

/** max(x, 0) */
export const relu = (): Layer => operation('Relu')

/** 1/(1 + e^−x) */
export const sigmoid = (): Layer => operation('Sigmoid')

/** The hyperbolic tangent, between −1 and 1. */
export const tanh = (): Layer => operation('Tanh')

/** log(1 + eˣ) */
export const softplus = (): Layer => operation('Softplus')

/** x where it is above 0, else `negativeSlope`·x. */
export function leakyRelu(negativeSlope = 0.01): Layer {
  requireNumber('leakyRelu: negativeSlope', negativeSlope, {})
  return operation('LeakyRelu', { alpha: float(negativeSlope) })
}

/** x where it is above 0, else `alpha`·(eˣ − 1). https://arxiv.org/abs/1511.07289 */
export function elu(alpha = 1): Layer {
  requireNumber('elu: alpha', alpha, {})
  return operation('Elu', { alpha: float(alpha) })
}

/** eˣ over the sum of eˣ along an axis: shares that add up to 1. */
export const softmax = (axis = -1): Layer => along('Softmax', axis)

/** The logarithm of softmax, which does not overflow. */
export const logSoftmax = (axis = -1): Layer => along('LogSoftmax', axis)

/** @throws RangeError where the axis is not a whole number; Error where the input has none such. */
function along(type: string, axis: number): Layer {
  requireWhole(`${type}: axis`, axis)
  return (scope, x) => {
    if (x.rank !== null && (axis < -x.rank || axis >= x.rank)) throw new Error(`${placeOf(scope)}: its input ${formatShape(x.shape)} has no axis ${axis}`)
    return scope.op(type, [x], { axis })
  }
}

/** min(max(x, 0), 6) */
export const relu6 = (): Layer => (scope, x) => scope.op('Clip', [x, scope.builder.scalar(0, x.dtype), scope.builder.scalar(6, x.dtype)])

/** x·Φ(x) with the normal distribution Φ, exact or by its tanh approximation. https://arxiv.org/abs/1606.08415 */
export const gelu = (approximate: 'none' | 'tanh' = 'none'): Layer => operation('Gelu', { approximate })

/** x·σ(x), also called swish. https://arxiv.org/abs/1710.05941 */
export const silu = (): Layer => (scope, x) => scope.op('Mul', [x, scope.builder.op('Sigmoid', [x])])

/** min(max(x/6 + 1/2, 0), 1) */
export const hardsigmoid = (): Layer => operation('HardSigmoid', { alpha: 1 / 6, beta: 0.5 })

/** x·hardsigmoid(x) */
export const hardswish = (): Layer => operation('HardSwish')
