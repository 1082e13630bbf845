import { inspect } from 'node:util'

/** Bounds of a number. */
export interface Bounds {
  readonly from?: number
  readonly above?: number
  readonly to?: number
  readonly below?: number
}

/** @throws RangeError where an option is not a number within its bounds: `requireNumber('adam: eps', eps, { from: 0 })`. */
export function requireNumber(name: string, value: unknown, bounds: Bounds): void {
  const { from = -Infinity, above = -Infinity, to = Infinity, below = Infinity } = bounds
  if (typeof value === 'number' && Number.isFinite(value) && value >= from && value > above && value <= to && value < below) return
  throw new RangeError(`${name} is a number${inWords(bounds)}, not ${told(value)}`)
}

/** @throws RangeError where an option is not a whole number, or less than `least`. */
export function requireWhole(name: string, value: unknown, least = -Infinity): void {
  if (Number.isInteger(value) && (value as number) >= least) return
  throw new RangeError(`${name} is a whole number${least === -Infinity ? '' : inWords({ from: least })}, not ${told(value)}`)
}

/** @throws RangeError where an option is none of some words. */
export function requireOneOf(name: string, value: unknown, words: readonly string[]): void {
  if (!words.includes(value as string)) throw new RangeError(`${name} is ${words.map((word) => `'${word}'`).join(' or ')}, not ${told(value)}`)
}

/** A value as an error tells of it: short, and on one line. */
export function told(value: unknown): string {
  if (typeof value === 'function') return value.name ? `the function ${value.name}` : 'a function'
  const text = inspect(value, { depth: 0, breakLength: Infinity }).replace(/\s+/g, ' ')
  return text.length > 60 ? `${text.slice(0, 60)} ...` : text
}

function inWords({ from, above, to, below }: Bounds): string {
  const low = from !== undefined ? ` from ${from}` : above !== undefined ? ` above ${above}` : ''
  const high = to !== undefined ? ` to ${to}` : below !== undefined ? ` to less than ${below}` : from !== undefined ? ' on' : ''
  return low + high
}
