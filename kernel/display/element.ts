import type { MimeBundle } from './bundle.ts'

/** An element of a document, as jsdom and linkedom make them. */
export function element(value: object): MimeBundle | undefined {
  if (!('outerHTML' in value && typeof value.outerHTML === 'string')) return undefined
  const { outerHTML } = value
  return { 'text/plain': outerHTML, [outerHTML.startsWith('<svg') ? 'image/svg+xml' : 'text/html']: outerHTML }
}
