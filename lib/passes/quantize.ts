import { requireOneOf } from '../require.ts'
import { affineOf, type Affine, type Levels } from './affine.ts'
import { calibrated, RANGE_METHODS, type Calibration, type RangeMethod } from './calibrate.ts'
import { mergeMasks } from './hold-zeros.ts'
import { int8Layers } from './int8-layers.ts'
import { int8Values } from './int8-values.ts'
import { FORMATS, writeIntegers, type IntegerForm } from './integer-form.ts'
import { pass, type Pass } from './pass.ts'
import type { Selection } from './weight.ts'

export interface QuantizeOptions extends Selection {
  /** Inputs that show which numbers the activations take: some hundred samples do. */
  calibrate: Calibration
  /** Samples that are run at once where `calibrate` is a data set (1). */
  batch?: number
  /**
   * The range of an activation, beyond which numbers saturate: the average of the batches' smallest and largest numbers, which rare outliers hardly
   * move; the extremes of all of them; without the rarest 0.01 % at each end (percentile); the least loss of information (entropy); the least squared error of
   * rounding and saturating (mse). 'average' by default.
   */
  range?: RangeMethod
  /**
   * 'qdq' puts QuantizeLinear and DequantizeLinear around float32 operators, of which a runtime makes its own; 'operator' writes QLinearConv, QLinearMatMul and ONNX
   * Runtime's QGemm, QLinearAdd and the like ('qdq').
   */
  format?: IntegerForm['format']
  /** Whether each output channel of a weight has a scale of its own (true). */
  perChannel?: boolean
  /** Type of the activations ('uint8'). int8 is refused unless forced. */
  activationType?: Affine['dtype']
  /** Whether the zero point of activations is the middle level (false). Half of the levels then stand for nothing behind a Relu, which saturating no longer does. */
  activationSymmetric?: boolean
  /** Type of the weights ('int8'). With uint8, too, ONNX Runtime computes right, but slower where the processor has instructions for int8 ones (VNNI). */
  weightType?: Affine['dtype']
  /** Whether the zero point of weights is the middle level (true for int8, false for uint8). */
  weightSymmetric?: boolean
  /** Takes 7 bits of int8 weights, so that the sum of two products does not saturate on x86 processors without VNNI (false). */
  reduceRange?: boolean
  /** Does what is refused because it would be slow. */
  force?: boolean
}

/**
 * Static 8-bit quantization of convolutions and products: weights int8 by output channel, activations uint8 with the range seen in calibration, biases int32, unless
 * the options, which are those of ONNX Runtime's `quantize_static`, say otherwise. What lies between the layers stays in 8 bits where it can. Fold batch norms
 * first; fuse activations afterwards. On x86 processors without VNNI the sum of two products may saturate: `reduceRange`.
 * @see Jacob et al. 2018, https://arxiv.org/abs/1712.05877
 */
export function quantize({ calibrate, batch = 1, range = 'average', force = false, ...options }: QuantizeOptions): Pass {
  const { format = 'qdq', perChannel = true, activationType = 'uint8', activationSymmetric = false, weightType = 'int8', weightSymmetric = weightType === 'int8', reduceRange = false, ...selection } = options
  if (!calibrate) throw new TypeError('quantize: calibrate takes some batches of inputs, or a data set')
  if (!Number.isInteger(batch) || batch < 1) throw new RangeError(`quantize: batch is a whole number from 1 on, not ${batch}`)
  requireOneOf('quantize: range', range, RANGE_METHODS)
  requireOneOf('quantize: format', format, FORMATS)
  requireOneOf('quantize: activationType', activationType, ['uint8', 'int8'])
  requireOneOf('quantize: weightType', weightType, ['int8', 'uint8'])
  if (reduceRange && weightType !== 'int8') throw new RangeError('quantize: reduceRange is for int8 weights; products of uint8 weights do not saturate')
  const activations: Levels = { dtype: activationType, symmetric: activationSymmetric }
  const form: IntegerForm = { format, perChannel, weights: { dtype: weightType, symmetric: weightSymmetric, reduced: reduceRange } }
  return pass('quantize', { range, force, ...form, activations, ...selection }, async (graph, report) => {
    const opset = graph.opsets.get('') ?? 1
    mergeMasks(graph, report)
    const layers = int8Layers('quantize', graph, selection, report, () => noKernel(opset, activations, form, force))
    if (!layers.length) return
    const values = int8Values(graph, layers, activations)
    const ranges = await calibrated(graph, [...new Set(values.scaleOf.values())], calibrate, { batch, method: range })
    const maps = new Map([...ranges].map(([value, [low, high]]) => [value, affineOf(low, high, activations)]))
    writeIntegers(graph, layers, values, maps, form, report)
  })
}

/** Why ONNX Runtime has no kernel, or none that is worth it, for layers in 8 bits of these forms; null where it has. */
function noKernel(opset: number, activations: Levels, { format, perChannel, weights }: IntegerForm, force: boolean): string | null {
  const [needing, oldest] = perChannel ? ['scales by channel need', 13] : format === 'operator' ? ['operators of integers need', 13] : ['QuantizeLinear needs', 10]
  if (opset < oldest) return `${needing} operator set ${oldest} or newer, and the graph has ${opset}`
  if (activations.dtype === 'uint8') return null
  if (weights.dtype === 'uint8') return 'ONNX Runtime has no kernel for int8 activations and uint8 weights: take uint8 activations, or int8 weights'
  const cost = format === 'qdq' ? 'ONNX Runtime leaves additions, concatenations and what is between in float32' : "ONNX Runtime's kernels take several times as long"
  return force ? null : `with int8 activations ${cost} on x86: take uint8, or force it`
}
