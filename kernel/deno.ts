import { readFileSync } from 'node:fs'
import { DISPLAY, mimeBundle } from './display.ts'
import { imageType } from './display/image.ts'
import { showing } from './display/show.ts'
import type { Executor } from './executor.ts'
import type { Deno } from './provided.ts'

/**
 * The `Deno` that cells see, with `jupyter` alone. It is no property of globalThis: packages that find a `Deno` there take
 * Node.js for Deno and break.
 */
export function denoFor(executor: Executor): Deno {
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

function template(type: string): Deno['jupyter']['html'] {
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
