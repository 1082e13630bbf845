import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { registerKernel, run, skip } from './jupyter.ts'

before(() => (skip ? undefined : registerKernel()))

test('jupyter console runs TypeScript from a pipe, shows values and errors, and goes on after one', { skip }, async () => {
  const lines = ['const layers: number[] = [64, 128]', 'layers.map((n) => n * 2)', 'console.log(`${layers.length} layers`)', 'layers.nothing()', 'layers.length + 40']
  const { code, output } = await run('jupyter', ['console', '--kernel', 'hone', '--simple-prompt'], { input: `${lines.join('\n')}\n` })
  assert.equal(code, 0, output)
  assert.match(output, /^hone \d.*TypeScript/m)
  assert.match(output, /Out\[2\]: \[ 128, 256 \]/)
  assert.match(output, /^In \[3\]: 2 layers$/m)
  assert.match(output, /TypeError: layers\.nothing is not a function.*\n {4}at cell 4:1:8/)
  assert.match(output, /Out\[5\]: 42/)
})
