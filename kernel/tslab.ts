import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import type { CellRuntime } from './runtime.ts'
import { RUNTIME } from './rewrite.ts'

/** The module `tslab` of tslab's kernel, for notebooks written there. https://github.com/yunabe/tslab */

export interface Display {
  javascript(s: string): void
  html(s: string): void
  markdown(s: string): void
  latex(s: string): void
  svg(s: string): void
  png(b: Uint8Array): void
  jpeg(b: Uint8Array): void
  gif(b: Uint8Array): void
  pdf(b: Uint8Array): void
  text(s: string): void
  raw(contentType: string, b: string | Uint8Array): void
}

const typescript = createRequire(import.meta.url)('typescript/package.json') as { version: string }

/** `tslab` is the version whose interface this is. */
export const versions = { tslab: '1.0.22', typescript: typescript.version, node: process.version }

/** Shows content below the cell. */
export const display = createDisplay()

/** A display whose every call replaces the output of the one before. */
export function newDisplay(): Display {
  return createDisplay(randomBytes(8).toString('hex'))
}

function createDisplay(id?: string): Display {
  let isShown = false
  function raw(contentType: string, content: string | Uint8Array): void {
    const data = { [contentType]: content instanceof Uint8Array ? Buffer.from(content).toString('base64') : content }
    runtime().publish(isShown ? 'update_display_data' : 'display_data', { data, metadata: {}, transient: { display_id: id } })
    isShown = id !== undefined
  }
  const typed = (contentType: string) => (content: string | Uint8Array) => raw(contentType, content)
  return {
    javascript: typed('text/javascript'),
    html: typed('text/html'),
    markdown: typed('text/markdown'),
    latex: typed('text/latex'),
    svg: typed('image/svg+xml'),
    png: typed('image/png'),
    jpeg: typed('image/jpeg'),
    gif: typed('image/gif'),
    pdf: typed('application/pdf'),
    text: typed('text/plain'),
    raw,
  }
}

function runtime(): CellRuntime {
  return (globalThis as unknown as Record<typeof RUNTIME, CellRuntime>)[RUNTIME]
}
