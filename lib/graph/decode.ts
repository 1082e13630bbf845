import { fromBinary } from '@bufbuild/protobuf'
import type { Attribute } from './attribute.ts'
import { parseDim, type Dim, type Shape } from './dim.ts'
import { Graph, type Value } from './graph.ts'
import { AttributeProto_AttributeType as Kind, ModelProtoSchema, TensorProto_DataLocation, type AttributeProto, type GraphProto, type ModelProto, type NodeProto, type TensorProto, type TypeProto, type ValueInfoProto } from './onnx_pb.ts'
import { isHoneFunction } from './function.ts'
import { learnedValues, separateParameters } from './parameters.ts'
import { DATA_TYPES, Tensor, bitsPerElement, type DataType, type TypedArray } from './tensor.ts'

/** Reads the bytes of external data: file name (relative to the model), offset, length where given. */
export type ExternalData = (location: string, offset: number, length: number | undefined) => Uint8Array

/**
 * Reads a model. What hone does not model (unknown fields, functions, training info, types other than tensors) is kept and written back.
 * @throws Error saying what is wrong with the file, and where.
 */
export function decodeModel(bytes: Uint8Array, external: ExternalData = refuseExternal): Graph {
  const model = parse(bytes)
  if (!model.graph || (model.irVersion ?? 0n) <= 0n || !model.opsetImport.length) throw new Error('not an ONNX model: it holds no graph, IR version or operator set')
  const graph = new Graph(model.graph.name)
  graph.opsets.clear()
  for (const { domain, version } of model.opsetImport) graph.opsets.set(domain === 'ai.onnx' ? '' : (domain ?? ''), Number(version))
  for (const { key, value } of model.metadataProps) graph.metadata.set(key ?? '', value ?? '')
  new Reader(external).graph(model.graph, graph, new Map())
  graph.proto = { model: without(model, { graph: undefined, functions: model.functions.filter((f) => !isHoneFunction(f)) }), graph: graph.proto }
  const isMarked = model.producerName === 'hone' || [...graph.metadata.keys()].some((key) => key.startsWith('hone.'))
  if (!isMarked) {
    separateParameters(graph)
    for (const value of learnedValues(graph)) value.trainable = true
  } else for (const mark of ['trainable', 'frozen'] as const) {
    const names = new Set(graph.metadata.get(`hone.${mark}`)?.split('\n'))
    for (const value of graph.values) value[mark] = names.has(value.name)
    graph.metadata.delete(`hone.${mark}`)
  }
  return graph
}

function parse(bytes: Uint8Array): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, bytes)
  } catch (error) {
    throw new Error(`not an ONNX model, or a truncated one: ${(error as Error).message}`, { cause: error })
  }
}

const refuseExternal: ExternalData = (location) => {
  throw new Error(`its weights are in another file, ${location}: read the model from its file`)
}

/** The message with some fields changed, and its prototype, which holds proto2's defaults. Only what differs is copied. */
export function without<T extends object>(message: T, changes: Partial<T>): T {
  return Object.assign(Object.create(Object.getPrototypeOf(message)) as T, message, changes)
}

type Scope = ReadonlyMap<string, Value>

class Reader {
  readonly #external: ExternalData

  constructor(external: ExternalData) {
    this.#external = external
  }

  graph(proto: GraphProto, graph: Graph, around: Scope): void {
    const scope = new Map(around)
    const types = new Map(proto.valueInfo.map((info) => [info.name, info]))
    graph.proto = without(proto, { node: [], initializer: [], input: [], output: [], valueInfo: [] })
    for (const info of proto.input) {
      const value = graph.input(info.name ?? '', null, null)
      describe(value, info)
      scope.set(value.name, value)
    }
    for (const tensor of proto.initializer) {
      const name = tensor.name ?? ''
      if (scope.get(name)?.initializer && scope.get(name)?.graph === graph) throw new Error(`two tensors are called "${name}"`)
      const value = graph.store(name, this.tensor(tensor))
      value.proto ??= withoutData(tensor)
      scope.set(name, value)
    }
    for (const node of proto.node) this.node(node, graph, scope, types)
    proto.output.forEach((info, i) => {
      const value = scope.get(info.name ?? '')
      if (!value) throw new Error(`the output "${info.name}" of graph "${graph.name}" is not computed by any node`)
      if (value.graph === graph) describe(value, info)
      graph.setOutput(i, value)
    })
  }

  node(proto: NodeProto, graph: Graph, scope: Map<string, Value>, types: ReadonlyMap<string | undefined, ValueInfoProto>): void {
    const label = `${proto.name || proto.output[0]} (${proto.opType})`
    const inputs = proto.input.map((name) => {
      if (!name) return null
      const value = scope.get(name)
      if (!value) throw new Error(`${label} reads "${name}", which nothing before it computes`)
      return value
    })
    for (const name of proto.output) if (name && scope.get(name)?.graph === graph) throw new Error(`${label} computes "${name}" a second time`)
    const domain = proto.domain === 'ai.onnx' ? '' : (proto.domain ?? '')
    const node = graph.add(proto.opType ?? '', inputs, new Map(), { domain, name: proto.name ?? '', outputs: proto.output })
    for (const a of proto.attribute) node.attributes.set(a.name ?? '', this.attribute(a, graph, scope))
    for (const subgraph of node.subgraphs) subgraph.parent = node
    node.proto = without(proto, { input: [], output: [], attribute: [] })
    for (const output of node.outputs) {
      if (output.name) scope.set(output.name, output)
      const info = types.get(output.name)
      if (info) describe(output, info)
    }
  }

  attribute(proto: AttributeProto, graph: Graph, scope: Scope): Attribute {
    const subgraph = (g: GraphProto) => {
      const inner = new Graph(g.name, graph)
      this.graph(g, inner, scope)
      return inner
    }
    if (proto.refAttrName) return { type: 'other', value: proto }
    switch (proto.type) {
      case Kind.INT: return { type: 'int', value: safe(proto.i ?? 0n) }
      case Kind.INTS: return { type: 'ints', value: proto.ints.map(safe) }
      case Kind.FLOAT: return { type: 'float', value: proto.f ?? 0 }
      case Kind.FLOATS: return { type: 'floats', value: proto.floats }
      case Kind.STRING: return text([proto.s ?? new Uint8Array()], ([value]) => ({ type: 'string', value: value ?? '' }), proto)
      case Kind.STRINGS: return text(proto.strings, (value) => ({ type: 'strings', value }), proto)
      case Kind.TENSOR: return proto.t ? { type: 'tensor', value: this.tensor(proto.t) } : { type: 'other', value: proto }
      case Kind.GRAPH: return proto.g ? { type: 'graph', value: subgraph(proto.g) } : { type: 'other', value: proto }
      case Kind.GRAPHS: return { type: 'graphs', value: proto.graphs.map(subgraph) }
      default: return { type: 'other', value: proto }
    }
  }

  tensor(proto: TensorProto): Tensor {
    const name = proto.name || 'a constant'
    const dtype = DATA_TYPES[proto.dataType ?? 0]
    if (!dtype || dtype === 'undefined') throw new Error(`${name} has the unknown element type ${proto.dataType}`)
    const shape = proto.dims.map(Number)
    if (shape.some((d) => d < 0 || !Number.isSafeInteger(d))) throw new Error(`${name} has the impossible shape [${shape}]`)
    try {
      if (dtype === 'string') return Tensor.of(dtype, shape, proto.stringData.map((s) => new TextDecoder().decode(s)))
      return Tensor.raw(dtype, shape, this.bytes(proto, dtype))
    } catch (error) {
      throw new Error(`${name}: ${(error as Error).message}`, { cause: error })
    }
  }

  bytes(proto: TensorProto, dtype: DataType): Uint8Array {
    if (proto.dataLocation === TensorProto_DataLocation.EXTERNAL) {
      const entries = new Map(proto.externalData.map(({ key, value }) => [key, value]))
      const length = entries.get('length')
      return this.#external(entries.get('location') ?? '', Number(entries.get('offset') ?? 0), length === undefined ? undefined : Number(length))
    }
    if (proto.rawData?.length) return proto.rawData
    const typed = proto.floatData.length ? Float32Array.from(proto.floatData)
      : proto.doubleData.length ? Float64Array.from(proto.doubleData)
      : proto.int64Data.length ? BigInt64Array.from(proto.int64Data)
      : proto.uint64Data.length ? (dtype === 'uint32' ? Uint32Array.from(proto.uint64Data, Number) : BigUint64Array.from(proto.uint64Data))
      : narrowed(proto.int32Data, dtype)
    return new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength)
  }
}

/** int32_data holds every type of up to 32 bits; packed ones two and more in a byte. */
function narrowed(data: readonly number[], dtype: DataType): TypedArray {
  const bits = bitsPerElement(dtype)
  return bits <= 8 ? Uint8Array.from(data) : bits === 16 ? Uint16Array.from(data) : Int32Array.from(data)
}

const safe = (value: bigint): number | bigint => (BigInt(Number(value)) === value && Number.isSafeInteger(Number(value)) ? Number(value) : value)

/** Strings that are not UTF-8 stay bytes. */
function text(bytes: readonly Uint8Array[], make: (values: readonly string[]) => Attribute, proto: AttributeProto): Attribute {
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    return make(bytes.map((b) => decoder.decode(b)))
  } catch {
    return { type: 'other', value: proto }
  }
}

const withoutData = (tensor: TensorProto): TensorProto =>
  without(tensor, { rawData: undefined, floatData: [], int32Data: [], int64Data: [], doubleData: [], uint64Data: [], stringData: [], externalData: [], dataLocation: undefined })

function describe(value: Value, info: ValueInfoProto): void {
  value.proto ??= info
  const type: TypeProto | undefined = info.type
  if (type?.value.case !== 'tensorType') return
  const { elemType, shape } = type.value.value
  value.dtype ??= DATA_TYPES[elemType ?? 0] ?? null
  value.shape ??= shape ? (shape.dim.map(({ value: d }): Dim => (d.case === 'dimValue' ? Number(d.value) : d.case === 'dimParam' && d.value ? parseDim(d.value) : null)) satisfies Shape) : null
}
