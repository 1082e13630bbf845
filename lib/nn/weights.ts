import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { dataFolders, readVerified } from '../files.ts'
import { byteLength, DATA_TYPES, sizeOf, Tensor, type DataType } from '../graph/tensor.ts'
import type { Weights } from './scope.ts'

const INDEX = 'weights.json'
const VALUES = 'weights.bin'

/** Where a tensor stands in the file of values. */
interface Entry {
  readonly name: string
  readonly dtype: DataType
  readonly shape: readonly number[]
  readonly byteOffset: number
}

/**
 * The weights that a network's authors published, by the names they gave them: from `$HONE_DATA/NETWORK` where it holds them, else those that ship
 * with hone.
 * @throws Error naming the file that is missing or damaged.
 */
export function publishedWeights(network: 'lprnet'): Weights {
  const folders = dataFolders(network)
  return readWeights(folders.find((folder) => existsSync(join(folder, INDEX))) ?? folders.at(-1)!)
}

/**
 * Reads a folder's `weights.bin` (little-endian, row-major) by its `weights.json`: `{ tensors: [{ name, dtype, shape, byteOffset }] }`.
 * The tensors are views of one buffer.
 * @throws Error naming the file that is missing or damaged, and the tensor that it lacks.
 */
export function readWeights(folder: string): Weights {
  const index = join(folder, INDEX)
  const entries = parsed(index, new TextDecoder().decode(readVerified(index)))
  const path = join(folder, VALUES)
  const values = readVerified(path)
  return new Map(entries.map((entry) => [entry.name, tensorAt(entry, path, values)]))
}

function tensorAt({ name, dtype, shape, byteOffset }: Entry, path: string, values: Uint8Array): Tensor {
  const end = byteOffset + byteLength(dtype, sizeOf(shape))
  if (end > values.length)
    throw new Error(`${path} is truncated: it has ${values.length.toLocaleString('en')} bytes, and ${name} ends at byte ${end.toLocaleString('en')}. Fetch it again.`)
  return Tensor.raw(dtype, shape, values.subarray(byteOffset, end))
}

function parsed(path: string, text: string): readonly Entry[] {
  let tensors: unknown
  try {
    tensors = (JSON.parse(text) as { tensors?: unknown } | null)?.tensors
  } catch (error) {
    throw new Error(`${path} is not JSON (${(error as Error).message}). Fetch it again.`, { cause: error })
  }
  if (!Array.isArray(tensors)) throw new Error(`${path} has no list "tensors". Fetch it again.`)
  const bad = tensors.findIndex((entry) => !isEntry(entry))
  if (bad >= 0) throw new Error(`${path}: tensors[${bad}] lacks a sound name, dtype, shape or byteOffset. Fetch it again.`)
  return tensors as Entry[]
}

function isEntry(entry: unknown): entry is Entry {
  const { name, dtype, shape, byteOffset } = (entry ?? {}) as Partial<Record<keyof Entry, unknown>>
  return typeof name === 'string' && DATA_TYPES.includes(dtype as DataType) && Array.isArray(shape) && [...shape, byteOffset].every(isCount)
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0
