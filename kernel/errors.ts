import { types } from 'node:util'
import { plainText } from './display.ts'
import { asTyped } from './names.ts'

/** Whether something is an error, of this realm or another. A proxy may refuse to be asked. */
export function isError(value: unknown): value is Error {
  try {
    return types.isNativeError(value) || value instanceof Error
  } catch {
    return false
  }
}

/** The name and the message of anything that can be thrown. */
export function describeError(error: unknown): { ename: string; evalue: string } {
  if (!isError(error)) return { ename: 'Thrown', evalue: plainText(error) }
  return { ename: textOf(() => error.name), evalue: asTyped(textOf(() => error.message)) }
}

/** An error may have getters that throw. */
function textOf(read: () => unknown): string {
  try {
    return String(read())
  } catch {
    return ''
  }
}

const TOLD_ELSEWHERE = new Set(['name', 'message', 'stack', 'cause', 'errors', 'error', 'suppressed'])

/** What an error says beside its message, as `{ code: 'ENOENT' }`. */
export function propertiesOf(error: Error): object | undefined {
  const told = Object.entries(Object.getOwnPropertyDescriptors(error)).filter(([name, { enumerable, value }]) => enumerable && value !== undefined && !TOLD_ELSEWHERE.has(name))
  return told.length === 0 ? undefined : Object.fromEntries(told.map(([name, { value }]) => [name, value as unknown]))
}

/** What an error is made of, each part with what it is called by. */
export function partsOf(error: Error): [name: string, part: unknown][] {
  const valueOf = (name: string) => Object.getOwnPropertyDescriptor(error, name)?.value as unknown
  const errors = valueOf('errors')
  const parts: [string, unknown][] = Array.isArray(errors) ? errors.map((part, index) => [`[${index}] `, part]) : []
  if (Object.hasOwn(error, 'suppressed')) parts.push(['Thrown last: ', valueOf('error')], ['Suppressed: ', valueOf('suppressed')])
  if (valueOf('cause') !== undefined) parts.push(['Caused by: ', valueOf('cause')])
  return parts
}
