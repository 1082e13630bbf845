import { Builder } from '../graph/builder.ts'
import type { Node, Value } from '../graph/graph.ts'
import { largestOf } from '../graph/small-floats.ts'
import { Tensor } from '../graph/tensor.ts'
import { eachRow, largestMagnitude, magnitudesOf } from './affine.ts'
import { calibrated, type Calibration, type Range } from './calibrate.ts'
import { channelAxis } from './int8-layers.ts'
import { pass, type Pass } from './pass.ts'
import { chosenLayers, hasWeight, inOtherForm, weightIndex, type Selection } from './weight.ts'

const DTYPES = ['float8e4m3fn', 'float8e5m2'] as const

export interface Float8Options extends Selection {
  /** Four bits of exponent and three of mantissa ('float8e4m3fn'), or five and two: a wider range, coarser. */
  dtype?: (typeof DTYPES)[number]
  /** What has a scale of its own, by which its largest number becomes the type's largest: each output channel ('channel'), or each weight. */
  scale?: 'channel' | 'tensor'
  /** Inputs that show how large activations become: with them, what the layers read is rounded to the type too. Without, weights alone are. */
  calibrate?: Calibration
}

/** Cast knows the types from here on. https://onnx.ai/onnx/operators/onnx__Cast.html */
const OLDEST_OPSET = 19

/**
 * Stores weights in 8-bit floating point, a quarter of their size, with scales; with `calibrate`, rounds what the layers read to the type too. Simulated: processors
 * without such arithmetic compute in float32 with the rounded numbers, so nothing runs faster there (what is read costs time even). Weights become float32 once, when a runtime
 * loads the file. Micikevicius et al. 2022, https://arxiv.org/abs/2209.05433
 */
export function float8({ dtype = 'float8e4m3fn', scale = 'channel', calibrate, ...selection }: Float8Options = {}): Pass {
  if (!DTYPES.includes(dtype)) throw new RangeError(`float8: dtype is ${DTYPES.join(' or ')}, not ${dtype}`)
  if (!['channel', 'tensor'].includes(scale)) throw new RangeError(`float8: scale is 'channel' or 'tensor', not ${scale}`)
  return pass('float8', { dtype, scale, activations: calibrate !== undefined, ...selection }, async (graph, report) => {
    const builder = new Builder(graph)
    const opset = graph.opsets.get('') ?? 1
    const channels = new Map<Value, Channels>()
    const layers = chosenLayers('float8', graph, hasWeight, selection, report).filter((layer) => {
      const weight = layer.input(weightIndex(layer)!)
      const unfit = opset < OLDEST_OPSET ? `operator set ${OLDEST_OPSET} is the first to know ${dtype}, and the graph has ${opset}` : obstacle(weight)
      if (!unfit && !channels.has(weight)) channels.set(weight, channelsIn(weight.initializer!, scale === 'tensor' ? null : outputAxis(layer, weight)))
      const reason = unfit ?? (channels.get(weight)!.largest.every(Number.isFinite) ? null : `its weight "${weight}" holds a number that is not finite`)
      if (reason) report.refuse(layer, reason)
      return !reason
    })
    if (!layers.length) return
    const read = [...new Set(layers.map((layer) => layer.input(weightIndex(layer) === 0 ? 1 : 0)))].filter((value) => !value.constant)
    const ranges = calibrate ? await calibrated(graph, read, calibrate, { batch: 1, method: 'extremes' }) : new Map<Value, Range>()
    const stored = new Map<Value, Value>()
    for (const layer of layers) {
      const index = weightIndex(layer)!
      const weight = layer.input(index)
      const rounded = stored.get(weight) ?? storedIn(builder, weight, dtype, channels.get(weight)!)
      stored.set(weight, rounded)
      layer.setInput(index, rounded)
      report.change(layer, `its weights are stored in ${dtype}, computed with in float32`)
    }
    for (const [value, range] of ranges) {
      const factor = scaleOf(Math.max(...range.map(Math.abs)), dtype)
      const rounded = builder.mul(builder.cast(builder.cast(builder.div(value, factor), dtype), 'float32'), factor)
      for (const layer of layers) layer.inputs.forEach((input, i) => input === value && layer.setInput(i, rounded))
      report.change(value, `rounded to ${dtype} with scale ${factor.toPrecision(3)} where layers read it`)
    }
  })
}

/** Which axis of its weight counts what a layer computes. */
function outputAxis(layer: Node, { initializer }: Value): number {
  if (layer.type !== 'MatMul') return layer.type === 'FusedConv' ? 0 : channelAxis(layer)
  const rank = initializer!.shape.length
  return Math.max(0, weightIndex(layer) === 0 ? rank - 2 : rank - 1)
}

function obstacle(weight: Value): string | null {
  return !weight.initializer || weight.dtype !== 'float32' || weight.graph.inputs.includes(weight) ? `its weight "${weight}" is not stored in float32` : null
}

/** What has a scale of its own in a weight: the entries of an axis, or, without one, all of it. */
interface Channels {
  readonly axis: number | null
  /** The largest magnitude of each. */
  readonly largest: Float32Array
}

function channelsIn(weight: Tensor, axis: number | null): Channels {
  return { axis, largest: axis === null ? Float32Array.of(largestMagnitude(weight.toFloat32())) : magnitudesOf(weight, axis) }
}

/** By what the largest of some numbers is divided, so that it becomes the type's largest. */
const scaleOf = (largest: number, dtype: (typeof DTYPES)[number]): number => Math.fround(largest / largestOf(dtype)) || 1

/** A weight as codes, and the nodes that make float32 of them: nodes that a runtime computes once. */
function storedIn(builder: Builder, weight: Value, dtype: (typeof DTYPES)[number], { axis, largest }: Channels): Value {
  const tensor = weight.initializer!
  const elements = tensor.toFloat32()
  const scaled = new Float32Array(elements.length)
  const scales = largest.map((m) => scaleOf(m, dtype))
  eachRow(axis === null ? [1, tensor.size] : tensor.shape, axis ?? 0, (entry, from, to) => {
    const scale = scales[entry]!
    for (let i = from; i < to; i++) scaled[i] = elements[i]! / scale
  })
  const codes = inOtherForm(builder, weight, Tensor.of(dtype, tensor.shape, scaled), 'float8')
  const shape = tensor.shape.map((d, a) => (a === axis ? d : 1))
  return builder.mul(builder.cast(codes, 'float32'), builder.tensor(Tensor.float32(shape, scales), `${weight.name}_scale`))
}
