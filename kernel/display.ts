import { inspect, types } from 'node:util'
import { htmlTable, isRows } from './table.ts'

/** MIME type to content: text, JSON, or the base64 text of a binary type. */
export type MimeBundle = Record<string, unknown>

/** An object with this method chooses how it is shown. Deno's kernel honours the same symbol. */
const DISPLAY = Symbol.for('Jupyter.display')

/** How a value shows itself; a promise when the object's own display method is asynchronous. */
export function mimeBundle(value: unknown): MimeBundle | Promise<MimeBundle> {
  const own = (value as { [DISPLAY]?: unknown } | null | undefined)?.[DISPLAY]
  if (typeof own !== 'function') return defaultBundle(value)
  const bundle = Reflect.apply(own, value, []) as MimeBundle | Promise<MimeBundle>
  return bundle instanceof Promise ? bundle.then((made) => complete(made, value)) : complete(bundle, value)
}

/** Every bundle has a plain text, for terminals; binary content goes as base64. */
function complete(bundle: MimeBundle, value: unknown): MimeBundle {
  if (typeof bundle !== 'object' || bundle === null) throw new TypeError('[Symbol.for("Jupyter.display")]() must return an object from MIME type to content.')
  const encoded = Object.entries(bundle).map(([type, content]) => [type, types.isUint8Array(content) ? Buffer.from(content).toString('base64') : content])
  return { 'text/plain': plainText(value), ...Object.fromEntries(encoded) }
}

function defaultBundle(value: unknown): MimeBundle {
  const plain = { 'text/plain': plainText(value) }
  return isRows(value) ? { ...plain, 'text/html': htmlTable(value) } : plain
}

/** A value as text, limited in depth and length. */
export function plainText(value: unknown): string {
  try {
    const text = inspect(value, { depth: 3, maxArrayLength: 100, maxStringLength: 10_000, breakLength: 100 })
    return types.isTypedArray(value) && value.length > 100 ? `${text}\n${rangeOf(value)}` : text
  } catch (error) {
    return `[an object that cannot be shown: ${String((error as Error)?.message)}]`
  }
}

function rangeOf(values: NodeJS.TypedArray): string {
  let least = values[0]
  let greatest = values[0]
  for (const value of values) {
    if (value < least) least = value
    if (value > greatest) greatest = value
  }
  return `from ${least} to ${greatest}`
}
