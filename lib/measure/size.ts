import { promisify } from 'node:util'
import { constants, gzip } from 'node:zlib'
import { Graph } from '../graph/graph.ts'
import { encodeModel } from '../graph/encode.ts'
import type { Tensor } from '../graph/tensor.ts'
import { graphOf } from '../runtime/model.ts'
import { table, type TableBundle } from '../table.ts'
import { sizeText } from '../units.ts'

type Stored = Graph | { readonly graph: Graph }

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

/** The sizes of several models by name. Shows itself as a table. */
export type SizeTable<Name extends string = string> = Readonly<Record<Name, Sizes>>

/** What a model takes when stored dense, sparse and compressed; or several by name: `await sizes({ float32: net, int8 })`. */
export async function sizes(model: Stored): Promise<Sizes>
export async function sizes<Name extends string>(models: Readonly<Record<Name, Stored>>): Promise<SizeTable<Name>>
export async function sizes(models: Stored | Readonly<Record<string, Stored>>): Promise<Sizes | SizeTable> {
  if (isStored(models)) {
    const measured = await sizesOf(graphOf(models))
    return showing(measured, () => [[graphOf(models).name, measured]])
  }
  const measured: Record<string, Sizes> = {}
  for (const [name, model] of Object.entries(models)) measured[name] = await sizesOf(graphOf(model))
  return showing(measured, () => Object.entries(measured))
}

function isStored(models: Stored | Readonly<Record<string, Stored>>): models is Stored {
  return models instanceof Graph || models.graph instanceof Graph
}

async function sizesOf(graph: Graph): Promise<Sizes> {
  const file = encodeModel(graph)
  const saved = weights(graph).reduce((sum, tensor) => sum + tensor.bytes.byteLength - sparseBytes(tensor), 0)
  const compressed = await promisify(gzip)(file, { level: constants.Z_BEST_COMPRESSION })
  return { dense: file.byteLength, sparse: file.byteLength - saved, compressed: compressed.byteLength }
}

/** The same object, which shows itself as a table of its rows. */
function showing<T extends object>(measured: T, rows: () => readonly (readonly [name: string, sizes: Sizes])[]): T {
  const bundle = (): TableBundle => table(rows(), [
    { heading: 'file', cell: ([name]) => name },
    ...(['dense', 'sparse', 'compressed'] as const).map((form) => ({ heading: form, cell: ([, bytes]: readonly [string, Sizes]) => sizeText(bytes[form]) })),
  ])
  return Object.defineProperties(measured, {
    [Symbol.for('Jupyter.display')]: { value: bundle },
    [Symbol.for('nodejs.util.inspect.custom')]: { value: () => bundle()['text/plain'] },
  })
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
  if (dtype === 'float32') return nonzeroWords(new Uint32Array(data.buffer, data.byteOffset, size))
  const magnitude = dtype === 'float16' || dtype === 'bfloat16' ? 0x7fff : 0
  let zeros = 0
  if (magnitude) for (let i = 0; i < size; i++) zeros += (data as Uint16Array)[i] & magnitude ? 0 : 1
  else for (let i = 0; i < size; i++) zeros += data[i] == 0 ? 1 : 0
  return size - zeros
}

/** Of float32 numbers, without a branch for each. */
function nonzeroWords(words: Uint32Array): number {
  let zeros = 0
  for (let i = 0; i < words.length; i++) zeros += ((words[i] & 0x7fffffff) - 1) >>> 31
  return words.length - zeros
}

function weights(graph: Graph): Tensor[] {
  const graphs = [graph, ...graph.allNodes().flatMap((node) => node.subgraphs)]
  return graphs.flatMap(({ initializers }) => initializers.map(({ initializer }) => initializer!))
}
