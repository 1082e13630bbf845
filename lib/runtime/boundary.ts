import type * as Ort from 'onnxruntime-node'
import { Tensor, type DataType } from '../graph/tensor.ts'

/** An input or output of a model. A dimension is a number or the name of a symbol. */
export interface Port {
  readonly name: string
  readonly dtype: DataType
  readonly shape: readonly (number | string)[]
}

export type Tensors = Readonly<Record<string, Tensor>>

/** Fetching a tensor of any other type ends the process (int4), or no kernel takes it (bfloat16, the 8-bit floats). */
const CROSSING: ReadonlySet<string> = new Set<DataType>([
  'float32', 'float64', 'float16', 'int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64', 'bool', 'string',
])

/** @throws Error naming an input or output that cannot cross the boundary between ONNX Runtime and JavaScript. */
export function ports(model: string, kind: 'input' | 'output', metadata: readonly Ort.InferenceSession.ValueMetadata[]): Port[] {
  return metadata.map((port) => {
    if (!port.isTensor) throw new Error(`${model}: its ${kind} "${port.name}" is not a tensor, and a session passes tensors only`)
    if (!CROSSING.has(port.type)) throw new Error(`${model}: its ${kind} "${port.name}" is ${port.type}, which cannot cross ONNX Runtime's boundary. Cast it inside the graph.`)
    return { name: port.name, dtype: port.type, shape: port.shape }
  })
}

/**
 * Tensors under the names of a model's inputs. A model's only input takes the only tensor that there is, whatever either is called: exported files name theirs
 * "input", "x" or "serving_default", and a data set cannot know.
 * @throws Error naming what is missing or unknown.
 */
export function named({ name: model, inputs }: { readonly name: string; readonly inputs: readonly { readonly name: string }[] }, tensors: Tensors): Tensors {
  const names = inputs.map(({ name }) => name)
  const given = Object.keys(tensors)
  if (names.length === 1 && given.length === 1) return { [names[0]!]: tensors[given[0]!]! }
  const missing = names.find((name) => !tensors[name])
  if (missing !== undefined) throw new Error(`${model}: the input "${missing}" is missing: ${list(names)} is wanted, and there is ${list(given)}`)
  const unknown = given.find((name) => !names.includes(name))
  if (unknown !== undefined) throw new Error(`${model}: there is no input "${unknown}", only ${list(names)}`)
  return tensors
}

/** Tensors as a model takes them, under its inputs' names (see `named`). @throws Error naming what is missing, unknown, or of another type or shape than the model's inputs. */
export function checkedFeeds(model: { readonly name: string; readonly inputs: readonly Port[] }, tensors: Tensors): Tensors {
  const feeds = named(model, tensors)
  for (const port of model.inputs) {
    const { dtype, shape } = feeds[port.name]!
    if (dtype === undefined) throw new TypeError(`${model.name}: the input "${port.name}" is no tensor. Write Tensor.${port.dtype}(shape, numbers).`)
    if (dtype !== port.dtype || !fits(shape, port.shape))
      throw new Error(`${model.name}: the input "${port.name}" is ${dtype}[${shape}], and ${port.dtype}[${port.shape.map((d) => d || '?')}] is wanted`)
  }
  return feeds
}

/** ONNX Runtime tells an input of unknown rank like a scalar, so a declared scalar fits everything. */
function fits(shape: readonly number[], declared: Port['shape']): boolean {
  if (declared.length === 0) return true
  return shape.length === declared.length && declared.every((d, axis) => typeof d === 'string' || d === shape[axis])
}

export function toNative(ort: typeof Ort, tensor: Tensor): Ort.Tensor {
  if (tensor.dtype === 'string') return new ort.Tensor('string', [...tensor.strings], tensor.shape)
  const native = new ort.Tensor(tensor.dtype as 'float32', tensor.data as Float32Array, tensor.shape)
  // Where Node has Float16Array, onnxruntime-common wraps the bits in one, and its own binding then cannot read them (1.30, Node 24).
  if (tensor.dtype === 'float16') Object.defineProperty(native, 'data', { value: tensor.data })
  return native
}

/** Over the same memory, not a copy. */
export function fromNative({ type, dims, data }: Ort.Tensor): Tensor {
  if (type === 'string') return Tensor.of('string', dims, data as string[])
  const { buffer, byteOffset, byteLength } = data as Float32Array
  return Tensor.raw(type, dims, new Uint8Array(buffer, byteOffset, byteLength))
}

function list(names: readonly string[]): string {
  return names.length ? names.map((name) => `"${name}"`).join(', ') : 'nothing'
}
