import { types } from 'node:util'
import type { MimeBundle, View } from './display/bundle.ts'
import { element } from './display/element.ts'
import { canvas, image } from './display/image.ts'
import { danfo, map, polars, records } from './display/table.ts'
import { matrix, numbers, tensor } from './display/tensor.ts'
import { plainText } from './display/text.ts'
import { tree } from './display/tree.ts'
import { vega } from './display/vega.ts'

export type { MimeBundle } from './display/bundle.ts'
export { plainText } from './display/text.ts'

/** An object with this method chooses how it is shown. Deno's kernel honours the same symbol. */
export const DISPLAY = Symbol.for('Jupyter.display')

/** The first that knows the value decides. */
const views: View[] = [image, danfo, polars, tensor, numbers, matrix, records, map, vega, element, canvas, tree]

/** How a value shows itself; a promise where its bundle takes time. */
export function mimeBundle(value: unknown): MimeBundle | Promise<MimeBundle> {
  const own = displayMethod(value)
  const bundle = own === undefined ? defaultBundle(value) : own()
  return bundle instanceof Promise ? bundle.then((made) => complete(made, value)) : complete(bundle, value)
}

/** The object's own way to show itself. A proxy may refuse to be asked. */
function displayMethod(value: unknown): (() => MimeBundle | Promise<MimeBundle>) | undefined {
  try {
    const method = (value as { [DISPLAY]?: unknown } | null | undefined)?.[DISPLAY]
    return typeof method === 'function' ? () => Reflect.apply(method, value, []) as MimeBundle : undefined
  } catch {
    return undefined
  }
}

/** Every bundle has a plain text, for terminals; binary content goes as base64. */
function complete(bundle: MimeBundle, value: unknown): MimeBundle {
  if (typeof bundle !== 'object' || bundle === null) throw new TypeError('[Symbol.for("Jupyter.display")]() must return an object from MIME type to content.')
  const encoded = Object.entries(bundle).map(([type, content]) => [type, types.isUint8Array(content) ? Buffer.from(content).toString('base64') : content])
  return 'text/plain' in bundle ? Object.fromEntries(encoded) : { 'text/plain': plainText(value), ...Object.fromEntries(encoded) }
}

/** A value may throw from any getter: it is then plain text. */
function defaultBundle(value: unknown): MimeBundle | Promise<MimeBundle> {
  if (typeof value !== 'object' || value === null) return {}
  for (const view of views) {
    try {
      const bundle = view(value)
      if (bundle !== undefined) return bundle
    } catch {}
  }
  return {}
}
