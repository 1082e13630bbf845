import sanitizeHtml from 'sanitize-html'

const TABLE = ['colspan', 'rowspan', 'scope', 'title', 'style', 'class']
const ANY_VALUE = [/^[^;:{}<>\\]*$/]
const STYLES = [
  'text-align', 'vertical-align', 'white-space', 'font-weight', 'font-size', 'font-style', 'font-family', 'color', 'background-color', 'opacity',
  'padding', 'padding-left', 'padding-right', 'margin', 'margin-left', 'border', 'border-left', 'border-bottom', 'border-radius', 'border-collapse',
  'width', 'max-width', 'min-width', 'height', 'display', 'flex', 'gap', 'align-items', 'font-variant-numeric',
]

/** HTML without scripts, handlers, frames, and without anything that a page would fetch: pictures must be data. */
export function sanitized(html: string): string {
  return sanitizeHtml(html, {
    allowedTags: [
      ...sanitizeHtml.defaults.allowedTags, 'img', 'details', 'summary', 'del', 'ins', 'progress', 'meter', 'caption', 'colgroup', 'col',
    ],
    allowedAttributes: {
      '*': ['id', 'class', 'style', 'title', 'dir', 'lang', 'align'],
      a: ['href', 'name', 'title'],
      img: ['src', 'alt', 'width', 'height', 'style', 'title'],
      td: TABLE,
      th: TABLE,
      ol: ['start'],
      details: ['open'],
      progress: ['value', 'max'],
      meter: ['value', 'min', 'max', 'low', 'high', 'optimum'],
    },
    allowedSchemesByTag: { img: ['data'] },
    allowedStyles: { '*': Object.fromEntries(STYLES.map((name) => [name, ANY_VALUE])) },
    exclusiveFilter: ({ tag, attribs }) => tag === 'img' && !attribs.src?.startsWith('data:image/'),
  })
}
