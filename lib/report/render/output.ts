import { AnsiUp } from 'ansi_up'
import { escaped } from '../escape.ts'
import { textOf, type MimeBundle, type MultilineText, type Output } from '../notebook.ts'
import { highlighted } from './highlight.ts'
import { formula, type Markdown } from './markdown.ts'
import { sanitized } from './sanitize.ts'

/** More text than this of one output is cut in the middle: nobody reads it, and a browser must open it. */
const LIMIT = 100_000

/** An output of a cell as safe HTML. */
export function renderedOutput(output: Output, markdown: Markdown): string {
  switch (output.output_type) {
    case 'stream': return `<pre class="stream ${output.name === 'stderr' ? 'stderr' : 'stdout'}">${ansi(textOf(output.text))}</pre>`
    case 'error': return `<pre class="error">${ansi(output.traceback.join('\n') || `${output.ename}: ${output.evalue}`)}</pre>`
    default: return `<div class="display">${display(output.data, markdown)}</div>`
  }
}

type Renderer = (content: string, markdown: Markdown, bundle: MimeBundle) => string

/** What a page shows best comes first; a picture without loss before one of pixels. */
const RENDERERS: readonly (readonly [mime: string, Renderer])[] = [
  ['text/html', (html) => sanitized(html)],
  ['image/svg+xml', (svg, _, bundle) => picture('image/svg+xml', Buffer.from(svg).toString('base64'), bundle)],
  ['image/png', (data, _, bundle) => picture('image/png', data, bundle)],
  ['image/jpeg', (data, _, bundle) => picture('image/jpeg', data, bundle)],
  ['image/gif', (data, _, bundle) => picture('image/gif', data, bundle)],
  ['text/markdown', (text, markdown) => markdown.render(text)],
  ['text/latex', (latex) => formula(latex.trim().replace(/^(\${1,2})([^]*)\1$/, '$2'), true)],
  ['application/json', (json) => highlighted(shortened(json), 'json')],
  ['text/plain', (text) => `<pre>${ansi(text)}</pre>`],
]

function display(bundle: MimeBundle, markdown: Markdown): string {
  for (const [mime, render] of RENDERERS) if (bundle[mime] !== undefined) return render(contentOf(bundle[mime]), markdown, bundle)
  return `<p class="note">An output of type ${escaped(Object.keys(bundle).join(', '))} shows in JupyterLab only.</p>`
}

function contentOf(content: unknown): string {
  const isText = typeof content === 'string' || (Array.isArray(content) && content.every((line) => typeof line === 'string'))
  return isText ? textOf(content as MultilineText) : JSON.stringify(content, null, 2)
}

/** As an image an SVG can neither run scripts nor fetch. */
function picture(type: string, base64: string, bundle: MimeBundle): string {
  const alt = bundle['text/plain'] === undefined ? '' : contentOf(bundle['text/plain']).slice(0, 200)
  return `<img src="data:${type};base64,${base64.replaceAll(/[^\w+/=]/g, '')}" alt="${escaped(alt)}">`
}

function ansi(text: string): string {
  const colours = new AnsiUp()
  colours.use_classes = true
  colours.url_allowlist = {}
  return colours.ansi_to_html(shortened(text))
}

function shortened(text: string): string {
  if (text.length <= LIMIT) return text
  const half = LIMIT / 2
  return `${text.slice(0, half)}\n\n… ${(text.length - LIMIT).toLocaleString('en')} characters left out …\n\n${text.slice(-half)}`
}
