import type { TEXT_TYPES } from '../display/show.ts'
import type { Display } from '../provided.ts'
import type { Magic } from './magic.ts'

/** A cell magic that shows its body as what it is. */
function textMagic(name: keyof typeof TEXT_TYPES, title: string): Magic {
  return {
    name,
    summary: `show the cell as ${title}`,
    cell(_argument, body, { display }) {
      const show: Display[typeof name] = display[name]
      show(body)
    },
  }
}

export const html = textMagic('html', 'HTML')
export const markdown = textMagic('markdown', 'Markdown')
export const svg = textMagic('svg', 'an SVG drawing')
export const latex = textMagic('latex', 'LaTeX')
export const javascript = textMagic('javascript', "JavaScript that runs in the front end's page")
