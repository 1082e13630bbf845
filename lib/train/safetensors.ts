import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { byteLength, sizeOf, Tensor, type DataType } from '../graph/tensor.ts'
import { writeWhole } from '../files.ts'

/** Hugging Face's names of element types. https://huggingface.co/docs/safetensors */
const TYPES: Partial<Record<DataType, string>> = {
  float64: 'F64', float32: 'F32', float16: 'F16', bfloat16: 'BF16', int64: 'I64', int32: 'I32', int16: 'I16', int8: 'I8', uint8: 'U8', bool: 'BOOL',
}

export interface TensorFile {
  readonly tensors: Readonly<Record<string, Tensor>>
  readonly metadata: Readonly<Record<string, string>>
}

interface Entry {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly data_offsets: readonly [number, number]
}

/** Under this name the metadata hold the SHA-256 of all else. */
const DIGEST = 'hone.sha256'

type Header = Record<string, Entry> & { __metadata__?: Record<string, string> }

function digest(header: Header, values: readonly Uint8Array[]): string {
  const hash = createHash('sha256').update(JSON.stringify(header))
  for (const value of values) hash.update(value)
  return hash.digest('hex')
}

/** Writes tensors by name and a digest of them, beside their place first: the former file stays until the new one is whole. */
export async function writeSafetensors(path: string, { tensors, metadata }: TensorFile): Promise<void> {
  let end = 0
  const entries = Object.entries(tensors).map(([name, { dtype, shape, bytes }]): [string, Entry] => {
    const type = TYPES[dtype]
    if (!type) throw new Error(`${path}: safetensors knows no ${dtype}, and "${name}" is one`)
    return [name, { dtype: type, shape, data_offsets: [end, (end += bytes.byteLength)] }]
  })
  const values = Object.values(tensors).map(({ bytes }) => bytes)
  const described = Object.fromEntries(entries)
  const sum = digest({ __metadata__: metadata, ...described } as Header, values)
  const header = Buffer.from(JSON.stringify({ __metadata__: { ...metadata, [DIGEST]: sum }, ...described }))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.length))
  await writeWhole(path, [length, header, ...values])
}

/** @throws Error naming the file where it is missing, truncated or damaged; a file of others' making may have no digest. */
export async function readSafetensors(path: string): Promise<TensorFile> {
  const file = await readFile(path).catch((error: Error) => {
    throw new Error(`${path} cannot be read: ${error.message}`, { cause: error })
  })
  const size = file.length >= 8 ? Number(file.readBigUInt64LE()) : Infinity
  if (8 + size > file.length) throw new Error(`${path} is truncated, or no safetensors file: it has ${file.length.toLocaleString('en')} bytes`)
  const { __metadata__: { [DIGEST]: sum, ...metadata } = {}, ...entries } = parsed(path, file.toString('utf8', 8, 8 + size))
  const values = file.subarray(8 + size)
  const tensors = Object.fromEntries(Object.entries(entries).map(([name, entry]) => [name, tensorOf(path, name, entry, values)]))
  if (sum !== undefined && sum !== digest({ __metadata__: metadata, ...entries } as Header, [values])) throw new Error(`${path} is damaged: its content is not what was written (SHA-256)`)
  return { metadata, tensors }
}

function parsed(path: string, header: string): Header {
  try {
    return JSON.parse(header)
  } catch (error) {
    throw new Error(`${path} is damaged: its header is not JSON (${(error as Error).message})`, { cause: error })
  }
}

function tensorOf(path: string, name: string, { dtype, shape, data_offsets: [from, to] = [0, -1] }: Entry, values: Buffer): Tensor {
  const type = (Object.keys(TYPES) as DataType[]).find((key) => TYPES[key] === dtype)
  if (!type || !Array.isArray(shape)) throw new Error(`${path} is damaged: the type or shape of "${name}" is none`)
  if (to - from !== byteLength(type, sizeOf(shape)) || from < 0 || to > values.length)
    throw new Error(`${path} is truncated or damaged: "${name}" ends at byte ${to.toLocaleString('en')} of ${values.length.toLocaleString('en')}`)
  return Tensor.raw(type, shape, new Uint8Array(values.subarray(from, to)))
}
