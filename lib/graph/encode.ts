import { create, toBinary } from '@bufbuild/protobuf'
import type { Attribute } from './attribute.ts'
import { without } from './decode.ts'
import { expansionOf, signature } from './function.ts'
import type { Graph, Node, Value } from './graph.ts'
import {
  AttributeProto_AttributeType as Kind, AttributeProtoSchema, FunctionProtoSchema, GraphProtoSchema, ModelProtoSchema, NodeProtoSchema, StringStringEntryProtoSchema, TensorProtoSchema, ValueInfoProtoSchema,
  type AttributeProto, type FunctionProto, type GraphProto, type ModelProto, type NodeProto, type TensorProto, type ValueInfoProto,
} from './onnx_pb.ts'
import { HONE } from './operator.ts'
import { DATA_TYPES, type Tensor } from './tensor.ts'

/** First version of the file format with overloaded functions. */
const IR_VERSION = 10n

/** Writes a model: a file for any ONNX runtime. Each of hone's own operators is written as a model-local function beside the graph. */
export function encodeModel(graph: Graph): Uint8Array {
  const source = graph.proto as { model: ModelProto; graph: GraphProto } | undefined
  const functions = new Functions(graph)
  const model = without(source?.model ?? create(ModelProtoSchema, { producerName: 'hone' }), {
    graph: graphProto(graph, source?.graph, functions),
  })
  model.functions = [...model.functions, ...functions.written]
  if (functions.written.length || !model.irVersion) model.irVersion = maximum(model.irVersion ?? 0n, IR_VERSION)
  const opsets = new Map(graph.opsets)
  for (const node of graph.allNodes()) if (!opsets.has(node.domain)) opsets.set(node.domain, 1)
  for (const f of functions.written) for (const { domain, version } of f.opsetImport) if (!opsets.has(domain ?? '')) opsets.set(domain ?? '', Number(version))
  model.opsetImport = [...opsets].map(([domain, version]) => ({ $typeName: 'onnx.OperatorSetIdProto', domain, version: BigInt(version) }))
  const metadata = new Map(graph.metadata)
  for (const mark of ['trainable', 'frozen'] as const) {
    const names = graph.values.filter((value) => value[mark]).map((value) => value.name)
    if (names.length) metadata.set(`hone.${mark}`, names.join('\n'))
  }
  model.metadataProps = [...metadata].map(([key, value]) => create(StringStringEntryProtoSchema, { key, value }))
  return toBinary(ModelProtoSchema, model)
}

const maximum = (a: bigint, b: bigint) => (a > b ? a : b)

/** The model-local functions that the graph's nodes call, each written once. */
class Functions {
  readonly written: FunctionProto[] = []
  readonly #overloads = new Map<string, string>()
  readonly #opsets: ReadonlyMap<string, number>

  constructor(graph: Graph) {
    this.#opsets = graph.opsets
  }

  /** The overload of the node's operator that its attributes and input types need. */
  overload(node: Node): string {
    const key = signature(node)
    const known = this.#overloads.get(key)
    if (known !== undefined) return known
    const overload = `${this.#overloads.size + 1}`
    this.#overloads.set(key, overload)
    const body = expansionOf(node)
    const constants = body.initializers.map((value) => constantNode(value))
    const nodes = body.nodes().map((inner) => nodeProto(inner, this))
    const domains = new Set(['', ...body.allNodes().map((inner) => inner.domain)])
    this.written.push(create(FunctionProtoSchema, {
      domain: HONE, name: node.type, overload,
      input: node.inputs.map((v, i) => (v ? `input_${i}` : '')).map((name, i) => name || `absent_${i}`),
      output: body.outputs.map((value) => value.name),
      attribute: [...node.attributes.keys()],
      node: [...constants, ...nodes],
      opsetImport: [...domains].map((domain) => ({ domain, version: BigInt(this.#opsets.get(domain) ?? 1) })),
    }))
    return overload
  }
}

function constantNode(value: Value): NodeProto {
  return create(NodeProtoSchema, { opType: 'Constant', output: [value.name], attribute: [attributeProto('value', { type: 'tensor', value: value.initializer! })] })
}

function graphProto(graph: Graph, source: GraphProto | undefined, functions: Functions): GraphProto {
  const inner = graph.nodes().flatMap((node) => node.outputs).filter((v) => v.name && v.dtype && v.shape && !v.isOutput)
  return without(source ?? create(GraphProtoSchema, {}), {
    name: graph.name,
    node: graph.nodes().map((node) => nodeProto(node, functions)),
    initializer: graph.initializers.map((value) => tensorProto(value.initializer!, value.name, value.proto as TensorProto | undefined)),
    input: graph.inputs.map(valueProto),
    output: graph.outputs.map(valueProto),
    valueInfo: inner.map(valueProto),
  })
}

function nodeProto(node: Node, functions: Functions): NodeProto {
  const proto = without((node.proto as NodeProto | undefined) ?? create(NodeProtoSchema, {}), {
    name: node.name, opType: node.type, domain: node.domain,
    input: inputNames(node),
    output: node.outputs.map((value) => value.name),
    attribute: [...node.attributes].map(([name, a]) => attributeProto(name, a, functions)),
  })
  if (node.domain === HONE) proto.overload = functions.overload(node)
  return proto
}

/** ONNX Runtime 1.30 reads beyond its memory where the last input of some operators (LayerNormalization) is written as absent; leaving it out means the same. */
function inputNames(node: Node): string[] {
  const names = node.inputs.map((value) => value?.name ?? '')
  return node.domain === HONE ? names : names.slice(0, names.findLastIndex((name) => name) + 1)
}

function attributeProto(name: string, a: Attribute, functions?: Functions): AttributeProto {
  const make = (type: Kind, fields: Partial<AttributeProto>) => Object.assign(create(AttributeProtoSchema, { name, type }), fields)
  switch (a.type) {
    case 'int': return make(Kind.INT, { i: BigInt(a.value) })
    case 'ints': return make(Kind.INTS, { ints: a.value.map(BigInt) })
    case 'float': return make(Kind.FLOAT, { f: a.value })
    case 'floats': return make(Kind.FLOATS, { floats: [...a.value] })
    case 'string': return make(Kind.STRING, { s: new TextEncoder().encode(a.value) })
    case 'strings': return make(Kind.STRINGS, { strings: a.value.map((s) => new TextEncoder().encode(s)) })
    case 'tensor': return make(Kind.TENSOR, { t: tensorProto(a.value) })
    case 'graph': return make(Kind.GRAPH, { g: graphProto(a.value, a.value.proto as GraphProto | undefined, functions!) })
    case 'graphs': return make(Kind.GRAPHS, { graphs: a.value.map((g) => graphProto(g, g.proto as GraphProto | undefined, functions!)) })
    case 'other': return a.value as AttributeProto
  }
}

function tensorProto(tensor: Tensor, name?: string, source?: TensorProto): TensorProto {
  const base = source?.$typeName === 'onnx.TensorProto' ? source : create(TensorProtoSchema, {})
  return without(base, {
    ...(name === undefined ? {} : { name }),
    dataType: DATA_TYPES.indexOf(tensor.dtype),
    dims: tensor.shape.map(BigInt),
    ...(tensor.dtype === 'string' ? { stringData: tensor.strings.map((s) => new TextEncoder().encode(s)) } : { rawData: tensor.bytes }),
  })
}

function valueProto(value: Value): ValueInfoProto {
  const source = value.proto as ValueInfoProto | undefined
  const base = source?.$typeName === 'onnx.ValueInfoProto' ? source : create(ValueInfoProtoSchema, {})
  if (!value.dtype) return without(base, { name: value.name })
  const dim = (value.shape ?? []).map((d) => ({ value: typeof d === 'number' ? { case: 'dimValue' as const, value: BigInt(d) } : d ? { case: 'dimParam' as const, value: String(d) } : { case: undefined } }))
  const typed = create(ValueInfoProtoSchema, { type: { value: { case: 'tensorType', value: { elemType: DATA_TYPES.indexOf(value.dtype), ...(value.shape && { shape: { dim } }) } } } })
  return without(base, { name: value.name, type: typed.type })
}
