import { Builder } from '../graph/builder.ts'
import type { Graph, Node, Value } from '../graph/graph.ts'
import { MICROSOFT } from '../graph/operator.ts'
import { bounds, quantizedNumber, type Affine } from './affine.ts'
import { clipBounds } from './fuse-activation.ts'
import { SAME_SCALE } from './int8-values.ts'
import { soleReader } from './neighbours.ts'
import type { Report } from './pass.ts'

/** What integers mean. */
interface Meaning {
  readonly scale: Value
  readonly zeroPoint: Value
}

/** What a DequantizeLinear reads. */
interface Integers extends Meaning {
  readonly x: Value
}

/** Writes a node as one that reads integers and writes them, or float32 where `y` is null; null where there is no such operator. */
type Written = (builder: Builder, node: Node, inputs: readonly Integers[], y: Meaning | null) => Value | null

const meaning = ({ scale, zeroPoint }: Meaning): readonly Value[] => [scale, zeroPoint]
const whole = (integers: Integers): readonly Value[] => [integers.x, ...meaning(integers)]
const attributesOf = (node: Node) => Object.fromEntries(node.attributes)

/** An operator of ONNX Runtime's own, which takes (x, x_scale, x_zero_point) for each input, then the scale and zero point of its output. */
const runtimes: Written = (builder, node, inputs, y) =>
  y && builder.op(`QLinear${node.type}`, [...inputs.flatMap(whole), ...meaning(y)], attributesOf(node), { domain: MICROSOFT, name: node.name })

/** An operator that moves integers as it moves other numbers. */
const same: Written = (builder, node, [{ x, scale }], y) => (y?.scale === scale ? builder.op(node.type, [x, ...node.inputs.slice(1)], attributesOf(node), { name: node.name }) : null)

/** Relu and Clip, on integers of the scale that their result has. */
const between: Written = (builder, node, [{ x, scale }], y) => (y?.scale === scale && endsOf(node) ? clipped(builder, node, x, y) : null)

const WRITTEN: Readonly<Record<string, Written>> = {
  Conv: (builder, node, [x, w, b], y) => y && builder.op('QLinearConv', [...whole(x), ...whole(w), ...meaning(y), b?.x], attributesOf(node), { name: node.name }),
  Gemm: (builder, node, [a, b, c], y) =>
    builder.op('QGemm', [...whole(a), ...whole(b), c?.x, ...(y ? meaning(y) : [])], { transB: node.int('transB') }, { domain: MICROSOFT, name: node.name }),
  MatMul: (builder, { name }, [a, b], y) => (y
    ? builder.op('QLinearMatMul', [...whole(a), ...whole(b), ...meaning(y)], {}, { name })
    : builder.op('MatMulIntegerToFloat', [a.x, b.x, a.scale, b.scale, a.zeroPoint, b.zeroPoint], {}, { domain: MICROSOFT, name })),
  Concat: (builder, node, inputs, y) => y && builder.op('QLinearConcat', [...meaning(y), ...inputs.flatMap(whole)], attributesOf(node), { domain: MICROSOFT, name: node.name }),
  ...Object.fromEntries(['Add', 'AveragePool', 'GlobalAveragePool', 'LeakyRelu', 'Mul', 'Sigmoid'].map((type) => [type, runtimes])),
  ...Object.fromEntries([...SAME_SCALE].map((type) => [type, same])),
  Relu: between,
  Clip: between,
}

/**
 * Writes each operator that stands between DequantizeLinear and QuantizeLinear as one that reads and writes integers: QLinearConv, QLinearMatMul, QGemm and
 * their like. What no such operator exists for stays as it is.
 * https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html#onnx-quantization-representation-format
 */
export function writeOperators(graph: Graph, report: Report): void {
  const builder = new Builder(graph)
  for (const node of graph.nodes()) {
    const inputs = integersOf(node)
    if (!inputs) continue
    const activation = WRITTEN[node.type] === between ? null : activationOf(node)
    const quantize = soleReader((activation ?? node).output, 'QuantizeLinear')
    const y = quantize && { scale: quantize.input(1), zeroPoint: quantize.input(2) }
    const written = WRITTEN[node.type](builder, node, inputs, y)
    if (!written && quantize) report.refuse(node, `ONNX Runtime has no operator for it that reads and writes ${inputs[0].x.dtype} of different scales: it computes in float32`)
    if (!written) continue
    if (quantize) quantize.output.replaceWith(activation ? clipped(builder, activation, written, y!) : written)
    else node.output.replaceWith(written)
  }
  if (graph.nodes().some(({ domain }) => domain === MICROSOFT)) graph.opsets.set(MICROSOFT, 1)
  // what nothing reads any more is found from the outputs on
  graph.sort()
}

/** What a node reads where all of it is integers, dequantized; null for other nodes, and for those of a type that is not written so. */
function integersOf(node: Node): readonly Integers[] | null {
  if (node.domain || !Object.hasOwn(WRITTEN, node.type)) return null
  const data = SAME_SCALE.has(node.type) || WRITTEN[node.type] === between ? node.inputs.slice(0, 1) : node.inputs
  const found = data.map((value) => value && dequantized(value))
  return found.every((integers) => integers !== null) ? found : null
}

function dequantized({ producer }: Value): Integers | null {
  return producer?.type === 'DequantizeLinear' ? { x: producer.input(0), scale: producer.input(1), zeroPoint: producer.input(2) } : null
}

/** The Relu or the Clip that alone reads what a node computes. */
function activationOf({ output }: Node): Node | null {
  const reader = soleReader(output, 'Relu') ?? soleReader(output, 'Clip')
  return reader && endsOf(reader) ? reader : null
}

const endsOf = (activation: Node): readonly number[] | null => (activation.type === 'Relu' ? [0, Infinity] : clipBounds(activation))

/** What a Relu or a Clip leaves of integers: all where the levels end where it does. */
function clipped(builder: Builder, activation: Node, x: Value, y: Meaning): Value {
  const map: Affine = { dtype: x.dtype as Affine['dtype'], scale: y.scale.constant!.toNumbers()[0], zeroPoint: y.zeroPoint.constant!.toNumbers()[0] }
  const levels = endsOf(activation)!.map((end) => quantizedNumber(end, map))
  if (levels.every((level, i) => level === bounds(map.dtype)[i])) return x
  return builder.op('Clip', [x, ...levels.map((level) => builder.scalar(level, map.dtype))], {}, { name: activation.name })
}
