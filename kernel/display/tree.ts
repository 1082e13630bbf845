import type { MimeBundle } from './bundle.ts'
import { limits } from './limits.ts'

/** Larger arrays and longer JSON than this are left to plain text. */
const MOST_ITEMS = 10_000
const LONGEST = 2_000_000

/** Plain data that is nested too deeply for text, as a tree to unfold. */
export function tree(value: object): MimeBundle | undefined {
  if (!isContainer(value) || !isDeep(value, 0) || !isData(value, new Set())) return undefined
  return JSON.stringify(value).length <= LONGEST ? { 'application/json': value } : undefined
}

function isContainer(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return Array.isArray(value) || prototype === Object.prototype || prototype === null
}

function isDeep(value: object, depth: number): boolean {
  if (depth > limits.depth) return true
  const parts = Object.values(value)
  return parts.length <= MOST_ITEMS && parts.some((part) => isContainer(part) && isDeep(part, depth + 1))
}

/** Whether JSON can say it: no functions, no class instances, no cycles. */
function isData(value: unknown, around: Set<object>): boolean {
  if (typeof value !== 'object' || value === null) return ['string', 'number', 'boolean', 'object'].includes(typeof value)
  if (!isContainer(value) || around.has(value)) return false
  around.add(value)
  const answer = Object.values(value).every((part) => isData(part, around))
  around.delete(value)
  return answer
}
