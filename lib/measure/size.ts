import { promisify } from 'node:util'
import { constants, gzip } from 'node:zlib'
import type { Graph } from '../graph/graph.ts'
import { encodeModel } from '../graph/encode.ts'
import type { Tensor } from '../graph/tensor.ts'
import { graphOf } from '../runtime/model.ts'

/** Bytes that a model takes on disk. */
export interface Sizes {
  /** Its ONNX file, every weight written out. */
  readonly dense: number
  /**
   * The same file with each weight tensor in the smaller of two forms: written out, or one bit an element that says whether it is zero, followed by the
   * elements that are not. Only zeros make it smaller; structure, names and strings count as in the dense file.
   */
  readonly sparse: number
  /** The ONNX file under gzip at its highest level. */
  readonly compressed: number
}

/** What a model takes when stored dense, sparse and compressed. */
export async function sizes(model: Graph | { readonly graph: Graph }): Promise<Sizes> {
  const graph = graphOf(model)
  const file = encodeModel(graph)
  const saved = weights(graph).reduce((sum, tensor) => sum + tensor.bytes.byteLength - sparseBytes(tensor), 0)
  const compressed = await promisify(gzip)(file, { level: constants.Z_BEST_COMPRESSION })
  return { dense: file.byteLength, sparse: file.byteLength - saved, compressed: compressed.byteLength }
}

/** Bytes of a tensor as a bit mask and its nonzero elements, or written out where that is smaller. */
export function sparseBytes(tensor: Tensor): number {
  const dense = tensor.bytes.byteLength
  if (tensor.dtype === 'string' || tensor.size === 0) return dense
  const masked = Math.ceil(tensor.size / 8) + nonzeros(tensor) * (dense / tensor.size)
  return Math.min(dense, Math.ceil(masked))
}

/** Elements that are neither 0 nor -0. Those of 4-bit types are counted as if none were zero. */
export function nonzeros({ dtype, data, size }: Tensor): number {
  if (data.length !== size) return size
  const magnitude = dtype === 'float16' || dtype === 'bfloat16' ? 0x7fff : 0
  let zeros = 0
  if (magnitude) for (let i = 0; i < size; i++) zeros += (data as Uint16Array)[i] & magnitude ? 0 : 1
  else for (let i = 0; i < size; i++) zeros += data[i] == 0 ? 1 : 0
  return size - zeros
}

function weights(graph: Graph): Tensor[] {
  const graphs = [graph, ...graph.allNodes().flatMap((node) => node.subgraphs)]
  return graphs.flatMap(({ initializers }) => initializers.map(({ initializer }) => initializer!))
}
