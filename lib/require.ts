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

/** @throws TypeError where there is an option of another name than these, which are the keys of `known`: `requireKnown('fit', options, { epochs: true, batchSize: true })`. */
export function requireKnown(name: string, options: object, known: Readonly<Record<string, unknown>>): void {
  const unknown = Object.keys(options).find((option) => !Object.hasOwn(known, option))
  if (unknown === undefined) return
  const near = nearest(unknown, Object.keys(known))
  throw new TypeError(`${name} has no option "${unknown}"${near === undefined ? `, but ${Object.keys(known).join(', ')}` : `: did you mean "${near}"?`}`)
}

/** The word that a misspelt one most likely stands for: one that holds it or is part of it, or else of which few letters differ. */
function nearest(misspelt: string, words: readonly string[]): string | undefined {
  const [own, ...others] = [misspelt, ...words].map((word) => word.toLowerCase())
  const distances = others.map((word) => (Math.min(word.length, own!.length) > 2 && (word.includes(own!) || own!.includes(word)) ? 0 : distance(own!, word)))
  const least = Math.min(...distances)
  return least <= Math.max(1, misspelt.length / 3) ? words[distances.indexOf(least)] : undefined
}

/** How many letters are to be inserted, left out or replaced to make one word another (Levenshtein 1966). */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i)
  for (const [i, letter] of [...from].entries())
    row = row.reduce<number[]>((made, above, j) => [...made, j === 0 ? i + 1 : Math.min(above + 1, made[j - 1]! + 1, row[j - 1]! + (letter === to[j - 1] ? 0 : 1))], [])
  return row.at(-1)!
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
