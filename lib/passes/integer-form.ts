import { Builder } from '../graph/builder.ts'
import { Node, type Graph, type Value } from '../graph/graph.ts'
import { Tensor, type DataType } from '../graph/tensor.ts'
import { largestMagnitude, quantizedWeight, SIGNED, type Affine, type Levels, type QuantizedWeight } from './affine.ts'
import { channelAxis } from './int8-layers.ts'
import type { Int8Values } from './int8-values.ts'
import { writeOperators } from './operator-form.ts'
import type { Report } from './pass.ts'
import { roundHalfToEven } from './rounding.ts'
import { inOtherForm } from './weight.ts'

/** How a network says that it computes in 8 bits. */
export interface IntegerForm {
  /** By QuantizeLinear and DequantizeLinear around each operator, of which a runtime makes its own, or in operators that read and write integers. */
  readonly format: 'qdq' | 'operator'
  readonly weights: Levels
  /** A scale for each output channel of a weight, or one for all of it. */
  readonly perChannel: boolean
}

/** Names of the formats. */
export const FORMATS: readonly string[] = ['qdq', 'operator'] satisfies IntegerForm['format'][]

/** What ONNX Runtime runs fastest on x86. */
export const USUAL_FORM: IntegerForm = { format: 'qdq', weights: SIGNED, perChannel: true }

/** Writes layers, and what lies between them, with 8-bit integers: activations by the map of the value whose scale they take. */
export function writeIntegers(graph: Graph, layers: readonly Node[], values: Int8Values, maps: ReadonlyMap<Value, Affine>, form: IntegerForm, report: Report): void {
  const builder = new Builder(graph)
  for (const layer of layers) {
    const map = maps.get(values.scaleOf.get(layer.input(0))!)!
    storeInIntegers(builder, layer, map, form)
    report.change(layer, `${form.weights.dtype} weights ${form.perChannel ? 'by channel' : 'with one scale'}, ${map.dtype} input with scale ${map.scale.toPrecision(3)} and zero point ${map.zeroPoint}`)
  }
  const readers = new Set([...layers, ...values.carriers])
  for (const carrier of values.carriers) {
    // saturating to the levels of its result is not what it does: these are symmetric
    const computes = form.format === 'qdq' && ['Relu', 'Clip'].includes(carrier.type) && values.scaleOf.get(carrier.input(0)) === carrier.output
    if (computes) report.refuse(carrier, "ONNX Runtime computes it in float32 where activations are symmetric: take format 'operator', or other activations")
    else report.change(carrier, `stays in ${[...maps.values()][0]?.dtype}`)
  }
  const stored = new Map([...maps].map(([value, { scale, zeroPoint, dtype }]) => [
    value, [builder.tensor(Tensor.scalar('float32', scale), `${value.name}_scale`), builder.tensor(Tensor.scalar(dtype, zeroPoint), `${value.name}_zero_point`)],
  ]))
  for (const [value, source] of values.scaleOf) {
    const node = (type: string, x: Value | null, dtype: DataType) =>
      graph.add(type, [x, ...stored.get(source)!], {}, { name: graph.unique(`${value.name}.${type.toLowerCase()}`), types: [{ dtype, shape: value.shape }] })
    const quantize = node('QuantizeLinear', null, maps.get(source)!.dtype)
    insertBehind(value, quantize, node('DequantizeLinear', quantize.output, 'float32').output, values, readers)
  }
  if (form.format === 'operator') writeOperators(graph, report)
}

/** Puts nodes behind a value, of which `first` reads it: for all its readers where it is computed in 8 bits, for those of `readers` otherwise. */
export function insertBehind(value: Value, first: Node, last: Value, { computed }: Int8Values, readers: ReadonlySet<Node>): void {
  // it reads the value once the value's former readers do not
  if (computed.has(value)) value.replaceWith(last)
  else for (const { user, index } of value.uses) if (user instanceof Node && readers.has(user)) user.setInput(index, last)
  first.setInput(0, value)
}

/** Weight and bias of a layer as integers, and the DequantizeLinear nodes that say what they mean. */
function storeInIntegers(builder: Builder, layer: Node, input: Affine, { weights, perChannel }: IntegerForm): void {
  const [weight, bias] = [layer.input(1), layer.inputs[2]]
  const axis = perChannel ? channelAxis(layer) : null
  const biases = bias?.constant?.toFloat32() ?? new Float32Array()
  // a channel whose weights are tiny beside its bias would otherwise push the bias out of int32
  const atLeast = (b: number) => Math.abs(b) / (input.scale * 2 ** 30)
  const stored = quantizedWeight(weight.constant!, axis, weights, (c) => (perChannel ? atLeast(biases[c] ?? 0) : atLeast(largestMagnitude(biases))))
  layer.setInput(1, dequantized(builder, weight, stored, axis))
  if (!biases.length) return
  const scales = stored.scales.map((scale) => scale * input.scale)
  const integers = Int32Array.from(biases, (b, c) => roundHalfToEven(b / scales[perChannel ? c : 0]))
  layer.setInput(2, dequantized(builder, bias!, { values: Tensor.of('int32', [biases.length], integers), scales, zeroPoints: Tensor.zeros('int32', [scales.length]) }, perChannel ? 0 : null))
}

/** What stands for a stored value: integers with a scale for each entry of an axis, or with one for all. */
function dequantized(builder: Builder, original: Value, { values, scales, zeroPoints }: QuantizedWeight, axis: number | null): Value {
  const shape = axis === null ? [] : [scales.length]
  const inputs = [
    inOtherForm(builder, original, values, values.dtype),
    builder.tensor(Tensor.float32(shape, scales), `${original.name}_scale`),
    builder.tensor(zeroPoints.reshape(shape), `${original.name}_zero_point`),
  ]
  const name = builder.graph.unique(`${original.name}.dequantize`)
  return builder.op('DequantizeLinear', inputs, axis === null ? {} : { axis }, { name, types: [{ dtype: 'float32', shape: values.shape }] })
}
