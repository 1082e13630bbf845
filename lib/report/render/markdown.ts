import { readFileSync } from 'node:fs'
import path from 'node:path'
import { renderToString } from 'katex'
import MarkdownIt from 'markdown-it'
import { highlighted } from './highlight.ts'
import { math } from './math.ts'
import { sanitized } from './sanitize.ts'

export interface Heading {
  readonly level: number
  readonly id: string
  readonly text: string
}

/** Where a text's images lie: MIME bundles pasted into its cell, or files beside the notebook. */
export interface ImageSources {
  readonly attachments?: Record<string, Record<string, string | string[]>>
  readonly folder?: string
}

/** Turns Markdown into safe HTML with highlighted code, set formulas and images taken in; headings are collected in the order of the text. */
export class Markdown {
  readonly headings: Heading[] = []
  readonly #markdown = new MarkdownIt({ html: true, linkify: false }).use(math)
  /** Trusted HTML that waits for the untrusted rest to be sanitized. */
  #kept: string[] = []
  #images: ImageSources = {}

  /** @param taken ids that the page has for itself. */
  constructor(taken: readonly string[] = []) {
    const { rules } = this.#markdown.renderer
    const { headings } = this
    const ids = new Set(taken)
    rules.math_inline = (tokens, i) => this.#keep(formula(tokens[i].content, false))
    rules.math_block = (tokens, i) => this.#keep(formula(tokens[i].content, true))
    rules.fence = (tokens, i) => this.#keep(highlighted(tokens[i].content, tokens[i].info.trim()))
    rules.heading_open = (tokens, i, options, _env, renderer) => {
      const text = tokens[i + 1].children?.map((child) => child.content).join('') ?? ''
      const id = unused(text.replaceAll(' ', '-'), ids)
      tokens[i].attrSet('id', id)
      headings.push({ level: Number(tokens[i].tag.slice(1)), id, text })
      return renderer.renderToken(tokens, i, options)
    }
    rules.image = (tokens, i) => {
      const [source, alt] = [String(tokens[i].attrGet('src')), tokens[i].content]
      const inlined = inlinedImage(decodeURI(source), this.#images)
      return inlined ? `<img src="${inlined}" alt="${this.#markdown.utils.escapeHtml(alt)}">` : this.#markdown.utils.escapeHtml(`[${alt || source}]`)
    }
  }

  render(text: string, images: ImageSources = {}): string {
    this.#kept = []
    this.#images = images
    const html = sanitized(this.#markdown.render(text.replaceAll(/[\uE000\uE001]/g, '')))
    return html.replaceAll(/\uE000(\d+)\uE001/g, (_, index) => this.#kept[Number(index)])
  }

  /** A placeholder in characters of private use, which the text itself has lost before. */
  #keep(html: string): string {
    return `\uE000${this.#kept.push(html) - 1}\uE001`
  }
}

/** The id, or the id and a number where another element has it, in letters of any case. */
function unused(id: string, ids: Set<string>): string {
  let free = id
  for (let n = 2; ids.has(free.toLowerCase()); n++) free = `${id}-${n}`
  ids.add(free.toLowerCase())
  return free
}

/** LaTeX as HTML; what KaTeX cannot set is shown in red. */
export function formula(latex: string, displayMode: boolean): string {
  return renderToString(latex, { displayMode, throwOnError: false })
}

const IMAGE_TYPES: Record<string, string> = {
  '.png': 'image/png', '.jpg': 'image/jpeg', '.jpeg': 'image/jpeg', '.gif': 'image/gif', '.svg': 'image/svg+xml', '.webp': 'image/webp',
}

/** A page that opens offline holds its pictures itself: what lies elsewhere is left out. */
function inlinedImage(source: string, { attachments, folder }: ImageSources): string | undefined {
  if (source.startsWith('data:image/')) return source
  if (source.startsWith('attachment:')) {
    const [[type, data] = []] = Object.entries(attachments?.[source.slice('attachment:'.length)] ?? {})
    return type && `data:${type};base64,${String(data)}`
  }
  const type = IMAGE_TYPES[path.extname(source).toLowerCase()]
  if (!type || !folder || /^\w+:|^\/\//.test(source)) return undefined
  try {
    return `data:${type};base64,${readFileSync(path.resolve(folder, source), 'base64')}`
  } catch {
    return undefined
  }
}
