import { inspect } from 'node:util'
import { limits } from './limits.ts'

/** Any value as text, limited in depth and length. Never throws. */
export function plainText(value: unknown): string {
  try {
    const { depth, items, characters } = limits
    const options = { depth, maxArrayLength: items, maxStringLength: characters, breakLength: 100 }
    return cut(value instanceof Date ? dateText(value) : inspect(value, options))
  } catch (error) {
    return `[an object that cannot be shown: ${String((error as Error)?.message)}]`
  }
}

function cut(text: string): string {
  const longest = 2 * limits.characters
  return text.length <= longest ? text : `${text.slice(0, longest)}\n... ${(text.length - longest).toLocaleString('en')} more characters`
}

/** The moment, and what it is on this machine's clock. */
function dateText(date: Date): string {
  return Number.isNaN(date.getTime()) ? 'Invalid Date' : `${date.toISOString()} (${date.toString().replace(/ \(.*\)$/, '')})`
}
