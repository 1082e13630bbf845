import { readFileSync } from 'node:fs'
import { DISPLAY, mimeBundle, type MimeBundle } from './display.ts'
import { imageType } from './display/image.ts'
import { showing } from './display/show.ts'
import type { Executor } from './executor.ts'
import type { Extra } from './threads.ts'

interface DisplayOptions {
  /** The value is a bundle already. */
  raw?: boolean
  /** Replaces the output of the same display_id. */
  update?: boolean
  display_id?: string
}

type Template = (texts: TemplateStringsArray, ...values: unknown[]) => object

/** What Deno's own kernel has as `Deno.jupyter`. https://docs.deno.com/api/deno/~/Deno.jupyter */
export interface DenoJupyter {
  $display: typeof DISPLAY
  html: Template
  md: Template
  svg: Template
  /** A PNG or JPEG, by its content or its path. */
  image(source: string | Uint8Array): object
  format(value: unknown): Promise<MimeBundle>
  display(value: unknown, options?: DisplayOptions): Promise<void>
  broadcast(messageType: string, content: Record<string, unknown>, extra?: Extra): Promise<void>
}

/**
 * The `Deno` that cells see, with `jupyter` alone. It is no property of globalThis: packages that find a `Deno` there take
 * Node.js for Deno and break.
 */
export function denoFor(executor: Executor): { jupyter: DenoJupyter } {
  const format = async (value: unknown) => mimeBundle(value)
  return {
    jupyter: {
      $display: DISPLAY,
      html: template('text/html'),
      md: template('text/markdown'),
      svg: template('image/svg+xml'),
      image,
      format,
      async display(value, { raw = false, update = false, display_id } = {}) {
        const data = raw ? value : await format(value)
        executor.publish(update ? 'update_display_data' : 'display_data', { data, metadata: {}, transient: { display_id } })
      },
      async broadcast(messageType, content, extra) {
        executor.publish(messageType, content, extra)
      },
    },
  }
}

function template(type: string): Template {
  return (texts, ...values) => {
    const text = texts.reduce((before, after, i) => `${before}${values[i - 1] ?? ''}${after}`)
    return showing({ [type]: text, 'text/plain': text })
  }
}

function image(source: string | Uint8Array): object {
  const bytes = typeof source === 'string' ? readFileSync(source) : source
  const type = imageType(bytes)
  if (type !== 'image/png' && type !== 'image/jpeg') throw new TypeError('Deno.jupyter.image takes a PNG or JPEG image, or the path of one.')
  return showing({ [type]: Buffer.from(bytes).toString('base64') })
}
