import { Builder } from '../graph/builder.ts'
import type { Node, Value } from '../graph/graph.ts'
import { Tensor, type DataType } from '../graph/tensor.ts'
import { quantizedWeight } from './affine.ts'
import { mergeMasks } from './hold-zeros.ts'
import { channelAxis, int8Layers } from './int8-layers.ts'
import { pass, type Pass } from './pass.ts'
import { inOtherForm, type Selection } from './weight.ts'

export interface QuantizeDynamicOptions extends Selection {
  /** Quantizes convolutions too, although that makes them slower. */
  force?: boolean
}

/**
 * Dynamic 8-bit quantization: weights int8 by output channel, activations uint8 with a range that is measured in each run (DynamicQuantizeLinear), so that no calibration is
 * needed. Products become MatMulInteger. Convolutions would become ConvInteger, which ONNX Runtime runs slower than float32: they are refused unless forced.
 */
export function quantizeDynamic({ force = false, ...selection }: QuantizeDynamicOptions = {}): Pass {
  return pass('quantize-dynamic', { force, ...selection }, (graph, report) => {
    const opset = graph.opsets.get('') ?? 1
    mergeMasks(graph, report)
    const layers = int8Layers('quantize-dynamic', graph, selection, report, (layer) => {
      if (opset < 11) return `DynamicQuantizeLinear needs operator set 11 or newer, and the graph has ${opset}`
      return layer.type === 'Conv' && !force ? "ONNX Runtime's ConvInteger is slower than its float32 convolution: calibrate (quantize), or force it" : null
    })
    const measured = new Map<Value, readonly Value[]>()
    for (const layer of layers) {
      const builder = new Builder(graph, `${layer.name}.`)
      const x = layer.input(0)
      const input = measured.get(x) ?? measureRange(builder, x)
      measured.set(x, input)
      layer.output.replaceWith(layer.type === 'Conv' ? convolved(builder, layer, input) : multiplied(builder, layer, input))
      report.change(layer, 'int8 weights by channel, uint8 input with a range of its own in each run')
    }
  })
}

/** The input in uint8, its scale and its zero point. One for all the layers that read it. */
function measureRange(builder: Builder, x: Value): readonly Value[] {
  const types = [{ dtype: 'uint8', shape: x.shape }, { dtype: 'float32', shape: [] }, { dtype: 'uint8', shape: [] }] as const
  return builder.ops('DynamicQuantizeLinear', [x], {}, { name: builder.graph.unique(`${x.name}.quantize`), outputs: 3, types })
}

function convolved(builder: Builder, layer: Node, [x, scale, zeroPoint]: readonly Value[]): Value {
  const weight = layer.input(1)
  const { values, scales } = quantizedWeight(weight.constant!, channelAxis(layer))
  const overChannels = [scales.length, ...weight.constant!.shape.slice(2).map(() => 1)]
  const y = integers(builder, 'ConvInteger', layer, [x, inOtherForm(builder, weight, values, 'int8'), zeroPoint], Object.fromEntries(layer.attributes))
  return scaled(builder, layer, y, scale, Tensor.float32(overChannels, scales), overChannels)
}

function multiplied(builder: Builder, layer: Node, [x, scale, zeroPoint]: readonly Value[]): Value {
  const weight = layer.input(1)
  const { values, scales } = quantizedWeight(weight.constant!, channelAxis(layer))
  const stored = channelAxis(layer) === 0 ? turned(values) : values
  const y = integers(builder, 'MatMulInteger', layer, [x, inOtherForm(builder, weight, stored, 'int8'), zeroPoint], {})
  return scaled(builder, layer, y, scale, Tensor.float32([scales.length], scales), [scales.length])
}

function integers(builder: Builder, type: string, layer: Node, inputs: readonly Value[], attributes: Parameters<Builder['op']>[2]): Value {
  const dtype: DataType = 'int32'
  return builder.op(type, inputs, attributes, { name: layer.name, types: [{ dtype, shape: layer.output.shape }] })
}

/** The integer result as float32: times both scales, plus the bias. */
function scaled(builder: Builder, layer: Node, y: Value, scale: Value, weightScales: Tensor, biasShape: readonly number[]): Value {
  const bias = layer.inputs[2]
  const scales = builder.mul(scale, builder.tensor(weightScales, `${layer.input(1).name}_scale`))
  const product = builder.mul(builder.cast(y, 'float32'), scales)
  return bias ? builder.add(product, inOtherForm(builder, bias, bias.constant!.reshape(biasShape), 'column')) : product
}

/** The transpose of a matrix of int8. */
function turned({ shape: [rows, columns], data }: Tensor): Tensor {
  const found = new Int8Array(data.length)
  for (let row = 0, at = 0; row < rows; row++) for (let column = 0; column < columns; column++) found[column * rows + row] = (data as Int8Array)[at++]
  return Tensor.of('int8', [columns, rows], found)
}
