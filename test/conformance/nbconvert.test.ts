import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { cellsOf, notebook, type Output } from './notebook.ts'
import { registerKernel, run, skip } from './jupyter.ts'

/** Far from the project, so that `honejs` comes from the kernel. */
const folder = mkdtempSync(path.join(tmpdir(), 'hone-nbconvert-'))
before(() => (skip ? undefined : registerKernel()))
after(() => rmSync(folder, { recursive: true }))

const convert = (name: string, ...args: string[]) => run('jupyter', ['nbconvert', '--execute', '--log-level=WARN', ...args, name], { cwd: folder })
const write = (name: string, ...sources: string[]) => writeFileSync(path.join(folder, name), notebook(sources))

test('nbconvert executes a notebook: values, text, a table, a plot in every form that readers know', { skip }, async () => {
  write(
    'study.ipynb',
    "import { plot, Tensor } from 'honejs'\nimport { double } from './double.ts'\nenum Size { Small = 1, Large = 2 }",
    'double(Size.Large)',
    "console.log('out')\nconsole.error('err')",
    "[{ layer: 'conv1', parameters: 1792 }, { layer: 'conv2', parameters: 73856 }]",
    'plot.accuracyOverAmount([{ amount: 0, accuracy: 0.9 }, { amount: 0.5, accuracy: 0.8 }])',
  )
  writeFileSync(path.join(folder, 'double.ts'), 'export const double = (n: number): number => n * 2\n')
  const { code, output } = await convert('study.ipynb', '--to', 'notebook', '--output', 'executed.ipynb')
  assert.equal(code, 0, output)

  const cells = cellsOf(readFileSync(path.join(folder, 'executed.ipynb'), 'utf8'))
  assert.deepEqual(cells.map((cell) => cell.execution_count), [1, 2, 3, 4, 5])
  assert.deepEqual(cells[0].outputs, [])
  assert.equal(text(cells[1].outputs[0]), '4')
  assert.deepEqual(cells[2].outputs.map((output) => [output.name, output.text]).sort(), [
    ['stderr', ['err\n']],
    ['stdout', ['out\n']],
  ])
  assert.match(text(cells[3].outputs[0], 'text/html'), /<th[^>]*>layer<\/th>[^]*73856/)
  assert.deepEqual(Object.keys(cells[4].outputs[0].data!).sort(), ['application/vnd.vegalite.v5+json', 'image/png', 'image/svg+xml', 'text/plain'])
})

test('a page that nbconvert makes shows the plot and the table', { skip }, async () => {
  write('page.ipynb', "import { plot } from 'honejs'", 'plot.accuracyOverAmount([{ amount: 0, accuracy: 0.9 }, { amount: 0.5, accuracy: 0.8 }])', '[{ a: 1 }]')
  const { code, output } = await convert('page.ipynb', '--to', 'html')
  assert.equal(code, 0, output)
  const html = readFileSync(path.join(folder, 'page.html'), 'utf8')
  const [, plot] = /src="data:image\/svg\+xml;base64,([^"]+)"/.exec(html) ?? []
  assert.match(Buffer.from(plot ?? '', 'base64').toString(), /^<svg[^]*Accuracy over pruning amount/)
  assert.ok(html.includes('<table><thead><tr><th style="text-align: right">a</th>'), 'the table is there')
  assert.ok(html.includes('class="highlight hl-typescript"'), 'cells are highlighted as TypeScript')
})

test('nbconvert stops at an error and shows the line that was typed; asked to, it goes on', { skip }, async () => {
  write('failing.ipynb', 'interface Point { x: number }\nconst origin: Point = { x: 0 }\nthrow new RangeError(`x is ${origin.x}`)', "'after'")
  const stopped = await convert('failing.ipynb', '--to', 'notebook', '--output', 'stopped.ipynb')
  assert.equal(stopped.code, 1)
  assert.match(stopped.output, /RangeError: x is 0/)
  assert.match(stopped.output, /cell 1, line 3/)

  const allowed = await convert('failing.ipynb', '--allow-errors', '--to', 'notebook', '--output', 'allowed.ipynb')
  assert.equal(allowed.code, 0, allowed.output)
  const [failed, next] = cellsOf(readFileSync(path.join(folder, 'allowed.ipynb'), 'utf8'))
  assert.deepEqual(failed.outputs.map(({ output_type, ename, evalue }) => [output_type, ename, evalue]), [['error', 'RangeError', 'x is 0']])
  assert.equal(text(next.outputs[0]), "'after'")
})

function text(output: Output, type = 'text/plain'): string {
  return [output.data?.[type]].flat().join('')
}
