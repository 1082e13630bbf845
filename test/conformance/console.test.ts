import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { registerKernel, run, skip } from './jupyter.ts'

before(() => (skip ? undefined : registerKernel()))

/** What jupyter console writes when these lines are piped into it. */
const typed = (...lines: string[]) => run('jupyter', ['console', '--kernel', 'hone', '--simple-prompt'], { input: `${lines.join('\n')}\n` })

test('jupyter console runs TypeScript from a pipe, shows values and errors, and goes on after one', { skip }, async () => {
  const { code, output } = await typed('const layers: number[] = [64, 128]', 'layers.map((n) => n * 2)', 'console.log(`${layers.length} layers`)', 'layers.nothing()', 'layers.length + 40')
  assert.equal(code, 0, output)
  assert.match(output, /^hone \d.*TypeScript/m)
  assert.match(output, /Out\[2\]: \[ 128, 256 \]/)
  assert.match(output, /^In \[3\]: 2 layers$/m)
  assert.match(output, /TypeError: layers\.nothing is not a function.*\n {4}at cell 4:1:8/)
  assert.match(output, /Out\[5\]: 42/)
})

test('jupyter console answers questions and runs magics and commands', { skip }, async () => {
  const { output } = await typed('function twice(n: number) { return 2 * n }', 'twice?', '%who', '%nothing', '!echo from the shell')
  assert.match(output, /^In \[2\]: function twice\(n: number\): number$/m)
  assert.match(output, /^In \[3\]: twice\t/m)
  assert.match(output, /UsageError: %nothing is not a magic/)
  assert.match(output, /^In \[5\]: from the shell$/m)
})
