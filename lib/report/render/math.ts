import type { MarkdownIt } from 'markdown-it'

/** Formulas as Jupyter has them: `$inline$`, and `$$` display, alone on its lines or within them. */
export function math(markdown: MarkdownIt): void {
  markdown.inline.ruler.after('escape', 'math_inline', (state, silent) => {
    const found = /^(\${1,2})(?![\s$])([^$]*?(?:\\\$[^$]*?)*[^\s\\$])\1(?![\d$])/.exec(state.src.slice(state.pos))
    if (!found) return false
    if (!silent) state.push(found[1] === '$$' ? 'math_block' : 'math_inline', 'math', 0).content = found[2]
    state.pos += found[0].length
    return true
  })

  markdown.block.ruler.before('fence', 'math_block', (state, startLine, endLine, silent) => {
    const line = (number: number) => state.src.slice(state.bMarks[number] + state.tShift[number], state.eMarks[number])
    if (!line(startLine).startsWith('$$')) return false
    let last = startLine
    while (last < endLine && !(last === startLine ? line(last).slice(2) : line(last)).trimEnd().endsWith('$$')) last++
    if (last === endLine) return false
    if (silent) return true
    const text = state.getLines(startLine, last + 1, state.blkIndent, false).trim()
    state.push('math_block', 'math', 0).content = text.slice(2, -2)
    state.line = last + 1
    return true
  }, { alt: ['paragraph', 'reference', 'blockquote', 'list'] })
}
