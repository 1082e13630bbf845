import type { Spec } from 'vega'
import type { TopLevelSpec } from 'vega-lite'
import type { MimeBundle } from './bundle.ts'

/** Front ends know Vega-Lite and Vega by these names, later versions too. */
const TYPES = { 'vega-lite': 'application/vnd.vegalite.v5+json', vega: 'application/vnd.vega.v5+json' }
const SCHEMA = /^https:\/\/vega\.github\.io\/schema\/(vega|vega-lite)\/v\d/

/** A Vega or Vega-Lite specification, or an object that makes one; with an SVG for what cannot draw it. */
export function vega(value: object): Promise<MimeBundle> | undefined {
  const spec = 'toSpec' in value && typeof value.toSpec === 'function' ? (value.toSpec() as unknown) : value
  const [, language] = SCHEMA.exec(String((spec as { $schema?: unknown } | null)?.$schema)) ?? []
  return language === undefined ? undefined : bundle(spec as object, language as keyof typeof TYPES)
}

/** Rendered from a copy: Vega marks the rows that it is given. One that it cannot render is left to the front end, which says why. */
async function bundle(spec: object, language: keyof typeof TYPES): Promise<MimeBundle> {
  const copy = JSON.parse(JSON.stringify(spec)) as object
  const svg = await render(copy, language).catch(() => undefined)
  return { [TYPES[language]]: spec, ...(svg !== undefined && { 'image/svg+xml': svg }) }
}

async function render(spec: object, language: keyof typeof TYPES): Promise<string> {
  const { View, parse, Warn, logger } = await import('vega')
  const compiled = language === 'vega' ? spec : (await import('vega-lite')).compile(spec as TopLevelSpec).spec
  const view = new View(parse(compiled as Spec), { renderer: 'none', logger: logger(Warn) })
  try {
    return await view.toSVG()
  } finally {
    view.finalize()
  }
}
