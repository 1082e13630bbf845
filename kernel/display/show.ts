import { randomUUID } from 'node:crypto'
import { DISPLAY, mimeBundle, type MimeBundle } from '../display.ts'
import type { Executor } from '../executor.ts'
import type { Display, DisplayHandle, DisplayOptions } from '../provided.ts'
import { imageType } from './image.ts'

/** As the value of a cell it is not shown again. */
export class ShownDisplay implements DisplayHandle {
  readonly id: string
  readonly update: (value: unknown) => void

  constructor(id: string, update: (value: unknown) => void) {
    this.id = id
    this.update = update
  }
}

/** MIME types of what is text already. */
export const TEXT_TYPES = {
  html: 'text/html',
  markdown: 'text/markdown',
  latex: 'text/latex',
  svg: 'image/svg+xml',
  javascript: 'application/javascript',
} as const

export function displayFor(executor: Executor): Display {
  const display = (value: unknown, { id = randomUUID() as string }: DisplayOptions = {}): DisplayHandle => {
    show(executor, 'display_data', id, value)
    return new ShownDisplay(id, (newValue) => show(executor, 'update_display_data', id, newValue))
  }
  const typed = (type: string) => (content: unknown, options?: DisplayOptions) => display(showing({ 'text/plain': plainOf(content), [type]: content }), options)
  const texts = Object.fromEntries(Object.entries(TEXT_TYPES).map(([name, type]) => [name, typed(type)])) as Pick<Display, keyof typeof TEXT_TYPES>
  return Object.assign(display, texts, {
    json: typed('application/json'),
    image: (bytes: Uint8Array, options?: DisplayOptions) => {
      if (imageType(bytes) === undefined) throw new TypeError('display.image takes the bytes of a PNG, JPEG, GIF, WebP, SVG or PDF file, and these are none. Read one with fs.readFileSync.')
      return display(bytes, options)
    },
    bundle: (bundle: MimeBundle, options?: DisplayOptions) => display(showing(bundle), options),
  })
}

/** A value that shows itself as the bundle. */
export function showing(bundle: MimeBundle): object {
  return { [DISPLAY]: () => bundle }
}

function plainOf(content: unknown): string {
  return typeof content === 'string' ? content : JSON.stringify(content, null, 2)
}

function show(executor: Executor, messageType: string, id: string, value: unknown): void {
  const { cell } = executor
  const publish = (data: MimeBundle) => executor.publish(messageType, { data, metadata: {}, transient: { display_id: id } })
  const bundle = mimeBundle(value)
  if (!(bundle instanceof Promise)) return publish(bundle)
  const shown = bundle.then(publish).finally(() => cell?.displays.delete(shown))
  cell?.displays.add(shown)
}
