import { Tensor } from '../graph/tensor.ts'

/** How far numbers of two results may lie apart: |a - b| <= absolute + relative * |b|. */
export interface Tolerance {
  /** 1e-3 */
  readonly relative?: number
  /** 1e-5 */
  readonly absolute?: number
}

/** Where two results differ, in words; undefined where they agree. Numbers, strings, tensors, and arrays and plain objects of them are compared by value. */
export function disagreement(result: unknown, expected: unknown, tolerance: Tolerance = {}, place = 'the result'): string | undefined {
  if (typeof result === 'number' && typeof expected === 'number') return near(result, expected, tolerance) ? undefined : `${place} is ${result}, not ${expected}`
  const [a, b] = [listed(result), listed(expected)]
  if (!a || !b) return Object.is(result, expected) ? undefined : `${place} is ${String(result)}, not ${String(expected)}`
  if (a.size !== b.size) return `${place} has ${a.size} parts, not ${b.size}`
  for (const [key, value] of b) {
    const found = a.has(key) ? disagreement(a.get(key), value, tolerance, `${place}.${key}`) : `${place}.${key} is missing`
    if (found) return found
  }
  return undefined
}

function near(a: number, b: number, { relative = 1e-3, absolute = 1e-5 }: Tolerance): boolean {
  return Object.is(a, b) || Math.abs(a - b) <= absolute + relative * Math.abs(b)
}

/** The parts of what has parts. */
function listed(value: unknown): ReadonlyMap<string | number, unknown> | undefined {
  if (value instanceof Tensor) return new Map<string | number, unknown>([['type', `${value}`], ...(value.dtype === 'string' ? value.strings : value.toNumbers()).entries()])
  if (ArrayBuffer.isView(value)) return new Map([...(value as Float32Array)].entries())
  if (Array.isArray(value)) return new Map(value.entries())
  return typeof value === 'object' && value !== null ? new Map(Object.entries(value)) : undefined
}
