import type { TopLevelSpec } from 'vega-lite'
import { rasterized } from './raster.ts'
import { CHARACTER_WIDTH, THEME } from './theme.ts'

/**
 * JupyterLab and VS Code render Vega-Lite under version 5's MIME type and know no later one; these charts use what versions 5 and 6 share.
 */
const MIME = 'application/vnd.vegalite.v5+json'
const SCHEMA = 'https://vega.github.io/schema/vega-lite/v5.json'

/** What a notebook shows; each front end takes what it knows best. HTML is not among them: JupyterLab would prefer it. */
export type ChartBundle = Readonly<Record<typeof MIME | 'image/svg+xml' | 'image/png' | 'text/plain', unknown>>

/** A chart: a Vega-Lite specification that shows itself. */
export class Chart {
  /** The specification, for any tool that reads Vega-Lite. */
  readonly spec: TopLevelSpec
  /** What it shows, in words and numbers. */
  readonly text: string
  #svg: Promise<string> | undefined

  constructor(spec: object, text: string) {
    this.spec = { $schema: SCHEMA, config: THEME, ...spec } as unknown as TopLevelSpec
    this.text = text
  }

  svg(): Promise<string> {
    return (this.#svg ??= rendered(this.spec))
  }

  /** `scale` 2 is sharp on today's screens. */
  async png(scale = 2): Promise<Uint8Array> {
    return rasterized(await this.svg(), scale)
  }

  async [Symbol.for('Jupyter.display')](): Promise<ChartBundle> {
    const [svg, png] = await Promise.all([this.svg(), this.png()])
    return { [MIME]: this.spec, 'image/svg+xml': svg, 'image/png': Buffer.from(png).toString('base64'), 'text/plain': this.text }
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.text
  }
}

/** From a copy: Vega marks the rows that it is given. */
async function rendered(spec: TopLevelSpec): Promise<string> {
  const [{ compile }, vega] = await Promise.all([import('vega-lite'), import('vega')])
  measureText(vega)
  const view = new vega.View(vega.parse(compile(structuredClone(spec)).spec), { renderer: 'none' })
  const svg = await view.toSVG()
  view.finalize()
  return svg
}

interface TextItem {
  readonly fontSize?: number
  readonly limit?: number
}

/** Without a canvas Vega takes every character for 0.8 of its height wide, which leaves wide margins. */
function measureText(vega: object): void {
  const { textMetrics } = vega as { textMetrics: { width: (item: TextItem, text: unknown) => number } }
  textMetrics.width = ({ fontSize = 11, limit = 0 }, text) => Math.min(CHARACTER_WIDTH * fontSize * String(text ?? '').length, limit || Infinity)
}
