import { createHash } from 'node:crypto'
import type { Graph } from './graph.ts'
import { Tensor } from './tensor.ts'

/** An operator's attribute. Integers beyond 2^53 stay bigints; what hone does not model (sparse tensors, types) is kept as the file had it. */
export type Attribute =
  | { readonly type: 'int'; readonly value: number | bigint }
  | { readonly type: 'ints'; readonly value: readonly (number | bigint)[] }
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'floats'; readonly value: readonly number[] }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'strings'; readonly value: readonly string[] }
  | { readonly type: 'tensor'; readonly value: Tensor }
  | { readonly type: 'graph'; readonly value: Graph }
  | { readonly type: 'graphs'; readonly value: readonly Graph[] }
  | { readonly type: 'other'; readonly value: unknown }

/** What a person writes for an attribute: whole numbers are ints, others floats. `float(1)` says that a whole number is meant as a float. */
export type AttributeInput = number | bigint | string | readonly number[] | readonly bigint[] | readonly string[] | Tensor | Graph | Attribute

export const float = (value: number): Attribute => ({ type: 'float', value })
export const floats = (value: readonly number[]): Attribute => ({ type: 'floats', value })

export function attribute(input: AttributeInput): Attribute {
  if (typeof input === 'bigint') return { type: 'int', value: input }
  if (typeof input === 'number') return { type: Number.isInteger(input) ? 'int' : 'float', value: input }
  if (typeof input === 'string') return { type: 'string', value: input }
  if (input instanceof Tensor) return { type: 'tensor', value: input }
  if (Array.isArray(input)) {
    if (input.some((x) => typeof x === 'string')) return { type: 'strings', value: input as readonly string[] }
    return { type: input.every((x) => typeof x === 'bigint' || Number.isInteger(x)) ? 'ints' : 'floats', value: input as readonly number[] }
  }
  return 'type' in input ? input : { type: 'graph', value: input as Graph }
}

/** Text that is equal for equal attributes; graphs are equal only to themselves. */
export function attributeText(a: Attribute): string {
  switch (a.type) {
    case 'tensor': return `${a.value} ${createHash('sha256').update(a.value.bytes).digest('hex')}`
    case 'graph': return `graph ${a.value.name}`
    case 'graphs': return `graphs ${a.value.map((g) => g.name)}`
    case 'other': return 'other'
    default: return `${a.value}`
  }
}
