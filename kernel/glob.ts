/**
 * Tells whether a text matches a pattern as SQLite's GLOB has it, which IPython searches its history with: `*` any text, `?` one
 * character, `[a-z]` and `[^a-z]` one of a set; upper and lower case differ. https://sqlite.org/lang_expr.html#glob
 */
export function matches(pattern: string): (text: string) => boolean {
  const parts = [...pattern.matchAll(/\*+|\[\^?\]?[^\]]*\]|[^]/gu)].map(([part]) => part)
  const tests = parts.map((part) => (part.startsWith('*') ? undefined : oneCharacter(part)))
  return (text) => matchesAll(tests, text)
}

/** Takes a code point. */
type Test = (character: number) => boolean

/** An absent test stands for any text. Only the latest of those is tried again, so that no pattern takes long. */
function matchesAll(tests: readonly (Test | undefined)[], text: string): boolean {
  let [at, position] = [0, 0]
  let retry: { at: number; position: number } | undefined
  while (position < text.length || at < tests.length) {
    const character = text.codePointAt(position)
    const test = tests[at]
    if (at < tests.length && test === undefined) {
      if (character !== undefined) retry = { at, position: position + widthOf(character) }
      at++
    } else if (character !== undefined && test?.(character) === true) {
      at++
      position += widthOf(character)
    } else if (character !== undefined && retry !== undefined) {
      ;({ at, position } = retry)
    } else return false
  }
  return true
}

const widthOf = (character: number) => (character > 0xffff ? 2 : 1)

function oneCharacter(part: string): Test {
  if (part === '?') return () => true
  if (part.length < 3 || !part.startsWith('[')) return (character) => character === part.codePointAt(0)
  const isExcluding = part.startsWith('[^')
  const members = Array.from(part.slice(isExcluding ? 2 : 1, -1), (member) => member.codePointAt(0)!)
  const ranges: [first: number, last: number][] = []
  for (let i = 0; i < members.length; i++) {
    const isRange = members[i + 1] === DASH && i + 2 < members.length
    ranges.push([members[i], members[isRange ? i + 2 : i]])
    if (isRange) i += 2
  }
  return (character) => ranges.some(([first, last]) => character >= first && character <= last) !== isExcluding
}

const DASH = '-'.codePointAt(0)
