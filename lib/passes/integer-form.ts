import { Builder } from '../graph/builder.ts'
import { Node, type Graph, type Value } from '../graph/graph.ts'
import { Tensor, type DataType } from '../graph/tensor.ts'
import { quantizedWeight, type Affine } from './affine.ts'
import { channelAxis } from './int8-layers.ts'
import type { Int8Values } from './int8-values.ts'
import type { Report } from './pass.ts'
import { roundHalfToEven } from './rounding.ts'
import { inOtherForm } from './weight.ts'

/** Writes layers, and what lies between them, with 8-bit integers: weights by channel, activations by the map of the value whose scale they take. */
export function writeIntegers(graph: Graph, layers: readonly Node[], values: Int8Values, maps: ReadonlyMap<Value, Affine>, report: Report): void {
  const builder = new Builder(graph)
  for (const layer of layers) {
    const map = maps.get(values.scaleOf.get(layer.input(0))!)!
    storeInInt8(builder, layer, map)
    report.change(layer, `int8 weights by channel, ${map.dtype} input with scale ${map.scale.toPrecision(3)} and zero point ${map.zeroPoint}`)
  }
  const readers = new Set([...layers, ...values.carriers])
  for (const carrier of values.carriers) report.change(carrier, `stays in ${[...maps.values()][0]?.dtype}`)
  const stored = new Map([...maps].map(([value, { scale, zeroPoint, dtype }]) => [
    value, [builder.tensor(Tensor.scalar('float32', scale), `${value.name}_scale`), builder.tensor(Tensor.scalar(dtype, zeroPoint), `${value.name}_zero_point`)],
  ]))
  for (const [value, source] of values.scaleOf) {
    const node = (type: string, x: Value | null, dtype: DataType) =>
      graph.add(type, [x, ...stored.get(source)!], {}, { name: graph.unique(`${value.name}.${type.toLowerCase()}`), types: [{ dtype, shape: value.shape }] })
    const quantize = node('QuantizeLinear', null, maps.get(source)!.dtype)
    insertBehind(value, quantize, node('DequantizeLinear', quantize.output, 'float32').output, values, readers)
  }
}

/** Puts nodes behind a value, of which `first` reads it: for all its readers where it is computed in 8 bits, for those of `readers` otherwise. */
export function insertBehind(value: Value, first: Node, last: Value, { computed }: Int8Values, readers: ReadonlySet<Node>): void {
  // it reads the value once the value's former readers do not
  if (computed.has(value)) value.replaceWith(last)
  else for (const { user, index } of value.uses) if (user instanceof Node && readers.has(user)) user.setInput(index, last)
  first.setInput(0, value)
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
    inOtherForm(builder, original, integers, integers.dtype),
    builder.tensor(Tensor.float32([scales.length], scales), `${original.name}_scale`),
    builder.tensor(Tensor.zeros(integers.dtype, [scales.length]), `${original.name}_zero_point`),
  ]
  const name = builder.graph.unique(`${original.name}.dequantize`)
  return builder.op('DequantizeLinear', inputs, { axis }, { name, types: [{ dtype: 'float32', shape: integers.shape }] })
}
