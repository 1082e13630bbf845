import { readFile } from 'node:fs/promises'
import { fromBinary } from '@bufbuild/protobuf'
import { decodeModel, encodeModel, readModel } from '../graph/onnx.ts'
import type { Graph } from '../graph/graph.ts'
import { ModelProtoSchema } from '../graph/onnx_pb.ts'
import { DATA_TYPES, type DataType } from '../graph/tensor.ts'
import type { Device } from './devices.ts'

/** A model to run: the path of an ONNX file, its bytes, a graph, or what holds one. */
export type ModelSource = string | Uint8Array | Graph | { readonly graph: Graph }

/** How messages name it. */
export function nameOf(source: ModelSource): string {
  if (typeof source === 'string') return source
  return (source instanceof Uint8Array ? '' : graphOf(source).name) || 'the model'
}

/** What ONNX Runtime takes: a path (external data stands beside the file), or bytes. */
export function loadable(source: ModelSource): string | Uint8Array {
  return typeof source === 'string' || source instanceof Uint8Array ? source : encodeModel(graphOf(source))
}

/** The graph itself, or the one that a model holds. */
export function graphOf(source: Graph | { readonly graph: Graph }): Graph {
  return 'graph' in source ? source.graph : source
}

/** The graph of any source; undefined where hone cannot read it. */
export function structureOf(source: ModelSource): Graph | undefined {
  try {
    if (typeof source === 'string') return readModel(source)
    return source instanceof Uint8Array ? decodeModel(source) : graphOf(source)
  } catch {
    return undefined
  }
}

/** One sentence, or two, for what ONNX Runtime says when it cannot load a model. */
export async function explainLoadFailure(source: ModelSource, failure: Error): Promise<Error> {
  const { message } = failure
  const name = nameOf(source)
  const because = (text: string) => new Error(`${name}: ${text}`, { cause: failure })

  const unknownType = /^Unsupported data type: (\d+)/.exec(message)
  if (unknownType) {
    const dtype = DATA_TYPES[Number(unknownType[1])]
    return because(`${await portOfType(source, dtype)} is ${dtype}, which cannot cross ONNX Runtime's boundary. Cast it inside the graph.`)
  }
  if (/File doesn't exist/.test(message)) return because('there is no such file')
  if (/is a directory/.test(message)) return because('this is a folder, not an ONNX file')
  if (/protobuf parsing failed|data pointer is null|does not have a graph/i.test(message))
    return because('this is not an ONNX model, or a damaged or truncated one. Fetch or export it again.')
  return because(`ONNX Runtime refuses it: ${plain(message)}`)
}

/** What ONNX Runtime adds to the name of a node that it moved to another layout. */
const LAYOUT_SUFFIX = /_token_\d+$/

/** One sentence, or two, for what ONNX Runtime says of a run: it names the node and its operator. */
export function explainRunFailure(name: string, device: Device, failure: Error): Error {
  const node = /^Non-zero status code returned while running (\S+) node\. Name:'([^']*)' Status Message: (?:\S+\.(?:cc|h):\d+ (?:\S+ )?)?(.*)$/s.exec(plain(failure.message))
  if (!node) return new Error(`${name}: ${plain(failure.message)}`, { cause: failure })
  const [, type, label, reason] = node.map((part) => part.replace(LAYOUT_SUFFIX, ''))
  const elsewhere = device === 'cpu' ? '' : " The CPU may run it: device: 'cpu'."
  return new Error(`${name}: ${label} (${type}) fails on ${device}: ${reason.trim()}${elsewhere}`, { cause: failure })
}

/** ONNX Runtime's messages without their source positions. */
export function plain(message: string): string {
  return message.replace(/^.*?\[ONNXRuntimeError\] : \d+ : \w+ : /s, '').replace(/\/onnxruntime_src\/\S+:\d+ /g, '').trim()
}

async function portOfType(source: ModelSource, dtype: DataType): Promise<string> {
  const file = loadable(source)
  const { graph } = fromBinary(ModelProtoSchema, typeof file === 'string' ? await readFile(file) : file)
  const ports = [...(graph?.input ?? []).map((port) => ['input', port] as const), ...(graph?.output ?? []).map((port) => ['output', port] as const)]
  const found = ports.find(([, { type }]) => type?.value.case === 'tensorType' && DATA_TYPES[type.value.value.elemType] === dtype)
  return found ? `its ${found[0]} "${found[1].name}"` : 'an input or output'
}
