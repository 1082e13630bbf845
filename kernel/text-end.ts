import { tokenizer, tokTypes, type Token } from 'acorn'

/** What a text leaves open at its end. */
export interface TextEnd {
  last: Token | undefined
  /** Every name in the text. */
  names: Set<string>
  /** The brackets and templates that are not closed, from the outermost. */
  open: Token[]
  /** In what the end stands where it stands in no code. */
  inside: 'comment' | 'string' | 'template' | undefined
  /** Whether all of the text could be read. */
  isRead: boolean
}

const OPENING = new Set(['(', '[', '{', '${'])
const CLOSING = new Set([')', ']', '}'])
const TEMPLATE = '`'

/** Reads a text up to its end, or up to what is no JavaScript. TypeScript's tokens are JavaScript's. */
export function readEnd(text: string): TextEnd {
  const end: TextEnd = { last: undefined, names: new Set(), open: [], inside: undefined, isRead: true }
  const innermost = () => end.open.at(-1)?.type.label
  const onComment = (isBlock: boolean, _text: string, _start: number, stop: number) => {
    if (!isBlock && stop === text.length) end.inside = 'comment'
  }
  try {
    for (const token of tokenizer(text, { ecmaVersion: 'latest', onComment })) {
      const { label } = token.type
      end.last = token
      if (token.type === tokTypes.name) end.names.add(text.slice(token.start, token.end))
      else if (label === TEMPLATE && innermost() === TEMPLATE) end.open.pop()
      else if (label === TEMPLATE || OPENING.has(label)) end.open.push(token)
      else if (CLOSING.has(label)) end.open.pop()
    }
  } catch (error) {
    end.isRead = false
    const { message, pos } = error as SyntaxError & { pos: number }
    if (message.startsWith('Unterminated comment')) end.inside = 'comment'
    else if (message.startsWith('Unterminated string') && !text.slice(pos).includes('\n')) end.inside = 'string'
  }
  if (innermost() === TEMPLATE) end.inside = 'template'
  return end
}
