/**
 * Tells whether a text matches a pattern as SQLite's GLOB has it, which IPython searches its history with: `*` any text, `?` one
 * character, `[a-z]` and `[^a-z]` one of a set; upper and lower case differ. https://sqlite.org/lang_expr.html#glob
 */
export function matches(pattern: string): (text: string) => boolean {
  const expression = new RegExp(`^${expressionOf(pattern)}$`, 'u')
  return (text) => expression.test(text)
}

/**
 * What stands between two stars matches where it first can, once and for all: a lookahead with a reference to what it found is not
 * tried again, so that no pattern takes long.
 */
function expressionOf(pattern: string): string {
  const pieces = ['']
  for (const [part] of pattern.matchAll(/\*+|\[\^?\]?[^\]]*\]|[^]/gu)) {
    if (part.startsWith('*')) pieces.push('')
    else pieces.push(pieces.pop()! + oneCharacter(part))
  }
  const [first, ...between] = pieces
  const last = between.pop()
  if (last === undefined) return first
  return `${first}${between.map((piece, i) => `(?=([^]*?${piece}))\\${i + 1}`).join('')}[^]*${last}`
}

function oneCharacter(part: string): string {
  if (part === '?') return '[^]'
  if (part.length < 3 || !part.startsWith('[')) return escape(part)
  const isExcluding = part.startsWith('[^')
  const members = part.slice(isExcluding ? 2 : 1, -1).replace(/([^])-([^])|[^]/gu, (member, first?: string, last?: string) => {
    if (first === undefined || last === undefined) return escape(member)
    return first.codePointAt(0)! <= last.codePointAt(0)! ? `${escape(first)}-${escape(last)}` : ''
  })
  return `[${isExcluding ? '^' : ''}${members}]`
}

const escape = (character: string) => `\\u{${character.codePointAt(0)!.toString(16)}}`
