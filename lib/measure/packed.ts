import { Tensor, type DataType } from '../graph/tensor.ts'
import type { Tensors } from '../runtime/boundary.ts'

/** A tensor as it crosses to another thread or process. */
export interface PackedTensor {
  readonly name: string
  readonly dtype: DataType
  readonly shape: readonly number[]
  readonly bytes: Uint8Array
  readonly strings: readonly string[]
}

export function packed(tensors: Tensors): PackedTensor[] {
  return Object.entries(tensors).map(([name, { dtype, shape, bytes, strings }]) => ({ name, dtype, shape, bytes, strings }))
}

export function unpacked(tensors: readonly PackedTensor[]): Record<string, Tensor> {
  return Object.fromEntries(tensors.map(({ name, dtype, shape, bytes, strings }) => [name, dtype === 'string' ? Tensor.of(dtype, shape, strings) : Tensor.raw(dtype, shape, bytes)]))
}
