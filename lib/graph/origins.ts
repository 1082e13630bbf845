import type { Value } from './graph.ts'

/** Operators through which a stored tensor is the same parameter still, or a part of it. */
export const FORMS: ReadonlySet<string> = new Set(['Concat', 'Identity', 'Reshape', 'Slice', 'Squeeze', 'Transpose', 'Unsqueeze'])

/** The stored tensors that a value is a form of, or is made of; none where anything else goes into it. */
export function origins(value: Value | null | undefined): readonly Value[] {
  if (!value) return []
  if (!value.producer) return [value]
  const { type, inputs } = value.producer
  if (!FORMS.has(type)) return []
  const parts = (type === 'Concat' ? inputs : inputs.slice(0, 1)).map(origins)
  return parts.every((part) => part.length) ? parts.flat() : []
}
