import { createRequire } from 'node:module'

/**
 * A machine may have no font at all (containers), and text would vanish. KaTeX, which formulas in reports need anyway, comes with fonts that
 * have all of ASCII and, in its italics, the Greek mu.
 */
const FALLBACK = { family: 'KaTeX_SansSerif', files: ['SansSerif-Regular', 'SansSerif-Bold', 'Main-Regular', 'Math-Italic'] }

/** SVG to PNG at `scale` times its size, with the machine's fonts where it has any. */
export async function rasterized(svg: string, scale: number, loadSystemFonts = true): Promise<Uint8Array> {
  const { Resvg } = await import('@resvg/resvg-js')
  const { resolve } = createRequire(import.meta.url)
  const fontFiles = FALLBACK.files.map((name) => resolve(`katex/dist/fonts/KaTeX_${name}.ttf`))
  const font = { loadSystemFonts, fontFiles, defaultFontFamily: FALLBACK.family }
  return new Resvg(svg.replaceAll('\u00b5', '\u03bc'), { fitTo: { mode: 'zoom', value: scale }, font }).render().asPng()
}
