import { affineOf, type Affine } from './affine.ts'
import { calibrated, RANGE_METHODS, type Calibration, type RangeMethod } from './calibrate.ts'
import { int8Layers } from './int8-layers.ts'
import { int8Values } from './int8-values.ts'
import { writeIntegers } from './integer-form.ts'
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
  /** Type of the activations (uint8). int8 is refused unless forced. */
  activations?: Affine['dtype']
  /** Does what is refused because it would be slow. */
  force?: boolean
}

/**
 * Static 8-bit quantization of convolutions and products: weights int8 by output channel, activations uint8 with the range seen in calibration, biases int32.
 * The graph says so explicitly, by QuantizeLinear and DequantizeLinear, of which ONNX Runtime makes QLinearConv, QGemm and QLinearMatMul; what lies
 * between the layers stays in 8 bits where it can. Fold batch norms first; fuse activations afterwards. On x86 processors without VNNI the sum of two
 * products may saturate.
 * @see Jacob et al. 2018, https://arxiv.org/abs/1712.05877
 */
export function quantize({ calibrate, batch = 1, range = 'average', activations = 'uint8', force = false, ...selection }: QuantizeOptions): Pass {
  if (!calibrate) throw new TypeError('quantize: calibrate takes some batches of inputs, or a data set')
  if (!Number.isInteger(batch) || batch < 1) throw new RangeError(`quantize: batch is a whole number from 1 on, not ${batch}`)
  if (!['uint8', 'int8'].includes(activations)) throw new RangeError(`quantize: activations are uint8 or int8, not ${activations}`)
  if (!RANGE_METHODS.includes(range)) throw new RangeError(`quantize: range is ${RANGE_METHODS.slice(0, -1).join(', ')} or ${RANGE_METHODS.at(-1)}, not ${range}`)
  return pass('quantize', { activations, range, force, ...selection }, async (graph, report) => {
    const opset = graph.opsets.get('') ?? 1
    const layers = int8Layers('quantize', graph, selection, report, () => {
      if (opset < 13) return `scales by channel need operator set 13 or newer, and the graph has ${opset}`
      return activations === 'int8' && !force ? 'int8 activations with int8 weights leave it in float32 on x86: take uint8, or force it' : null
    })
    if (!layers.length) return
    const values = int8Values(graph, layers)
    const ranges = await calibrated(graph, [...new Set(values.scaleOf.values())], calibrate, { batch, method: range })
    const maps = new Map([...ranges].map(([value, [low, high]]) => [value, affineOf(low, high, activations)]))
    writeIntegers(graph, layers, values, maps, report)
  })
}
