import assert from 'node:assert/strict'
import { mkdtempSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { Cell, Notebook, Output } from '../../../lib/report/notebook.ts'
import { renderNotebook } from '../../../lib/report/render.ts'
import { study } from '../../../lib/report/study.ts'

const notebook = (...cells: Cell[]): Notebook => ({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells })
const markdown = (source: string, more: object = {}): Cell => ({ cell_type: 'markdown', id: 'm', source, metadata: {}, ...more })
const code = (source: string, ...outputs: Output[]): Cell => ({ cell_type: 'code', id: 'c', source, metadata: {}, execution_count: 1, outputs })
const shown = (data: Record<string, unknown>): Output => ({ output_type: 'display_data', metadata: {}, data })
const page = (...cells: Cell[]) => renderNotebook(notebook(...cells), { title: 'study' })

/** What a browser would fetch or run. */
function assertSelfContained(html: string) {
  assert.doesNotMatch(html, /<(?:script|link|iframe|object|embed)/i)
  assert.doesNotMatch(html, /<[^>]*\ssrc\s*=(?!"data:)/i)
  assert.doesNotMatch(html, /url\((?!data:)/i)
  assert.doesNotMatch(html, /@import/i)
  assert.doesNotMatch(html, /<[^>]*\son\w+\s*=/i)
  assert.doesNotMatch(html, /<[^>]*\shref\s*=\s*"?javascript:/i)
}

test('a page fetches nothing and runs nothing, whatever the outputs hold', () => {
  const html = page(
    markdown('# Title\n\n<script>alert(1)</script><img src="http://example.org/a.png"><img src=x onerror=alert(1)> ![](https://example.org/b.png) [bad](javascript:alert(1)) $x^2$'),
    code('1', shown({ 'text/html': '<b onclick="alert(1)" style="background:url(http://e.org)">bold</b><iframe src="http://e.org"></iframe><link rel=stylesheet href=http://e.org>' })),
    code('2', shown({ 'image/svg+xml': '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', 'text/plain': '"><script>alert(1)</script>' })),
    code('3', { output_type: 'stream', name: 'stdout', text: '<script>alert(1)</script>\u001b]8;;javascript:alert(1)\u0007x\u001b]8;;\u0007' }),
    code('4', { output_type: 'error', ename: 'Error', evalue: '<img src=http://e.org>', traceback: ['<script>'] }),
    code('5', shown({ 'image/png': 'aGk=" onerror="alert(1)' })),
    code('6', shown({ 'text/latex': '$\\href{javascript:alert(1)}{x}$' })),
  )
  assertSelfContained(html)
  assert.match(html, /<b>bold<\/b>/)
})

test('text is set: headings with contents, formulas, tables, highlighted code', () => {
  const html = page(
    markdown('# Plates\n\nInline $a_i$ costs $5 and $6.\n\n$$\n- x\n= y\n$$\n\n```ts\nconst x = 1\n```'),
    markdown('## First part\n\n|a|b|\n|-|-|\n|1|2|'),
    markdown('## Second & last'),
    code('const answer: number = 42'),
  )
  assert.match(html, /<title>Plates<\/title>/)
  assert.match(html, /<a href="#First-part">First part<\/a>.*<a href="#Second-%26-last">Second &#38; last<\/a>/)
  assert.match(html, /<h2 id="First-part">First part<\/h2>/)
  assert.equal(html.match(/<span class="katex">/g)?.length, 2)
  assert.match(html, /costs \$5 and \$6\./)
  assert.match(html, /font\/woff2;base64/)
  assert.match(html, /<td>1<\/td>/)
  assert.match(html, /<span style="--shiki-light:#D73A49[^>]*>const<\/span>/)
})

test('no two elements have one id: headings alike, and those named as parts of the page', () => {
  const claims = study('lprnet', { profile: 'quick', device: 'cpu', data: {}, seed: 7, threads: 1 }).report()
  const html = renderNotebook(notebook(markdown('# Intro'), code('x'), markdown('## Claims\n\n## cell 1\n\n## Twice'), markdown('## Twice')), { title: 't', claims })
  const ids = Array.from(html.matchAll(/ id="([^"]*)"/g), ([, id]) => id)
  assert.deepEqual(ids, ['Intro', 'claims', 'cell-1', 'Claims-2', 'cell-1-2', 'Twice', 'Twice-2'])
  assert.match(html, /<a href="#Claims-2">Claims<\/a>/)
})

test('a page without formulas does not carry their fonts', () => {
  assert.ok(page(markdown('plain')).length < 20_000)
})

test('the richest form of an output is shown', () => {
  assert.match(page(code('x', shown({ 'text/plain': 'pl41n', 'text/html': '<i>rich</i>' }))), /<i>rich<\/i>/)
  const picture = page(code('x', shown({ 'image/png': 'AAAA', 'image/svg+xml': '<svg/>', 'text/plain': 'a chart', 'application/vnd.vegalite.v5+json': {} })))
  assert.match(picture, /<img src="data:image\/svg\+xml;base64,PHN2Zy8\+" alt="a chart">/)
  assert.match(page(code('x', shown({ 'application/json': { deep: [1] } }))), /deep/)
  assert.match(page(code('x', shown({ 'application/vnd.unknown': 1 }))), /application\/vnd\.unknown shows in JupyterLab only/)
  assert.match(page(code('x', shown({ 'text/markdown': ['**bo', 'ld**'] }))), /<strong>bold<\/strong>/)
})

test('an error is named at the top, and its traceback keeps its colours', () => {
  const html = page(markdown('# T'), code('ok'), code('\nthrow x', { output_type: 'error', ename: 'Error', evalue: 'boom', traceback: ['\u001b[31mError\u001b[39m: boom'] }))
  assert.match(html, /The run stopped at <a href="#cell-2">cell 2 \(throw x\)<\/a>: Error: boom/)
  assert.match(html, /<span class="ansi-red-fg">Error<\/span>: boom/)
  assert.match(html, /id="cell-2"/)
})

test('a hundred megabytes of output make a page that a browser opens', () => {
  const html = page(code('x', { output_type: 'stream', name: 'stdout', text: `first${'x'.repeat(100_000_000)}last` }))
  assert.ok(html.length < 300_000)
  assert.match(html, /first.*99,900,009 characters left out.*last/s)
})

test('pictures beside the notebook and pasted into it are taken in', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'hone-render-'))
  writeFileSync(path.join(folder, 'a b.png'), 'png')
  const cells = [markdown('![one](a%20b.png) ![two](attachment:p.png) ![three](gone.png)', { attachments: { 'p.png': { 'image/png': 'cGFzdGVk' } } })]
  const html = renderNotebook(notebook(...cells), { title: 't', folder })
  assert.match(html, /<img src="data:image\/png;base64,cG5n" alt="one" \/>.*<img src="data:image\/png;base64,cGFzdGVk" alt="two" \/>.*\[three\]/)
})

test('claims stand after the introduction, with the machine they were measured on', () => {
  const claims = study('lprnet', { profile: 'quick', device: 'cpu', data: { 'LPRNet plates': { name: 'LPRNet plates', complete: true } }, seed: 7, threads: 1 })
  claims.record('lpr.prune', { size: [1_890_000, 1_587_100] })
  const html = renderNotebook(notebook(markdown('# Intro'), code('x')), { title: 't', claims: claims.report() })
  assert.match(html, /<h1[^>]*>Intro.*id="claims".*lpr\.prune.*reproduced.*Processor.*LPRNet plates, complete.*seed 7.*id="cell-1"/s)
  assertSelfContained(html)
})
