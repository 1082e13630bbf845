import { Builder } from '../graph/builder.ts'
import { Node, type Value } from '../graph/graph.ts'
import { Tensor, type DataType } from '../graph/tensor.ts'
import { affineOf, quantizedWeight, type Affine } from './affine.ts'
import { calibrated, type Calibration, type RangeMethod } from './calibrate.ts'
import { channelAxis, int8Layers } from './int8-layers.ts'
import { int8Values, type Int8Values } from './int8-values.ts'
import { pass, type Pass } from './pass.ts'
import { roundHalfToEven } from './rounding.ts'
import type { Selection } from './weight.ts'

export interface QuantizeOptions extends Selection {
  /** Inputs that show which numbers the activations take: some hundred samples do. */
  calibrate: Calibration
  /** Samples that are run at once where `calibrate` is a data set (1). */
  batch?: number
  /**
   * The range of an activation, beyond which numbers saturate: the average of the batches' smallest and largest numbers, which rare outliers hardly
   * move, or the extremes of all of them (average).
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
  if (!['average', 'extremes'].includes(range)) throw new RangeError(`quantize: range is average or extremes, not ${range}`)
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
    const builder = new Builder(graph)
    for (const layer of layers) {
      const map = maps.get(values.scaleOf.get(layer.input(0))!)!
      storeInInt8(builder, layer, map)
      report.change(layer, `int8 weights by channel, ${map.dtype} input with scale ${map.scale.toPrecision(3)} and zero point ${map.zeroPoint}`)
    }
    for (const carrier of values.carriers) report.change(carrier, `stays in ${activations}`)
    insertMaps(builder, values, maps, new Set([...layers, ...values.carriers]))
  })
}

/** Weight and bias of a layer as integers, and the DequantizeLinear nodes that say what they mean. */
function storeInInt8(builder: Builder, layer: Node, input: Affine): void {
  const [weight, bias] = [layer.input(1), layer.inputs[2]]
  const axis = channelAxis(layer)
  const biases = bias?.constant?.toFloat32()
  // a channel whose weights are tiny beside its bias would otherwise push the bias out of int32
  const { values, scales } = quantizedWeight(weight.constant!, axis, (c) => Math.abs(biases?.[c] ?? 0) / (input.scale * 2 ** 30))
  layer.setInput(1, dequantized(builder, weight, values, scales, axis))
  if (!bias || !biases) return
  const biasScales = scales.map((scale) => scale * input.scale)
  const integers = Int32Array.from(biases, (b, c) => roundHalfToEven(b / biasScales[c]))
  layer.setInput(2, dequantized(builder, bias, Tensor.of('int32', [biases.length], integers), biasScales, 0))
}

/** What stands for a stored value: integers with a scale for each entry of an axis, zero points 0. */
function dequantized(builder: Builder, original: Value, integers: Tensor, scales: Float32Array, axis: number): Value {
  const inputs = [
    builder.tensor(integers, `${original.name}_${integers.dtype}`),
    builder.tensor(Tensor.float32([scales.length], scales), `${original.name}_scale`),
    builder.tensor(Tensor.zeros(integers.dtype, [scales.length]), `${original.name}_zero_point`),
  ]
  const name = builder.graph.unique(`${original.name}.dequantize`)
  return builder.op('DequantizeLinear', inputs, { axis }, { name, types: [{ dtype: 'float32', shape: integers.shape }] })
}

/** Puts QuantizeLinear and DequantizeLinear behind each 8-bit value. One that is computed in float32 keeps its other readers. */
function insertMaps(builder: Builder, { scaleOf, computed }: Int8Values, maps: ReadonlyMap<Value, Affine>, readers: ReadonlySet<Node>): void {
  const { graph } = builder
  const stored = new Map([...maps].map(([value, { scale, zeroPoint, dtype }]) => [
    value, [builder.tensor(Tensor.scalar('float32', scale), `${value.name}_scale`), builder.tensor(Tensor.scalar(dtype, zeroPoint), `${value.name}_zero_point`)],
  ]))
  for (const [value, source] of scaleOf) {
    const map = stored.get(source)!
    const node = (type: string, x: Value | null, dtype: DataType) =>
      graph.add(type, [x, ...map], {}, { name: graph.unique(`${value.name}.${type.toLowerCase()}`), types: [{ dtype, shape: value.shape }] })
    // it reads the value once the value's former readers do not
    const quantize = node('QuantizeLinear', null, maps.get(source)!.dtype)
    const dequantize = node('DequantizeLinear', quantize.output, 'float32')
    if (computed.has(value)) value.replaceWith(dequantize.output)
    else for (const { user, index } of value.uses) if (user instanceof Node && readers.has(user)) user.setInput(index, dequantize.output)
    quantize.setInput(0, value)
  }
}
