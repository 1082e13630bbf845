import assert from 'node:assert/strict'
import path from 'node:path'
import { before, test } from 'node:test'
import { ROOT } from '../../src/python.ts'
import { registerKernel, run, skip } from './jupyter.ts'

/** What the kernel does not offer yet. */
const NOT_OFFERED = ['test_clear_output', 'test_pager']

before(() => (skip ? undefined : registerKernel()))

test("jupyter_kernel_test finds every message as Jupyter's protocol has it", { skip }, async () => {
  const { code, output } = await run('python', ['-m', 'unittest', '-v', 'messages'], { cwd: path.join(ROOT, 'test', 'conformance') })
  assert.equal(code, 0, output)
  const skipped = [...output.matchAll(/^\s*(test_\w+) .*skipped/gm)].map(([, name]) => name)
  assert.deepEqual(skipped, NOT_OFFERED, output)
  assert.match(output, /^Ran 12 tests/m)
  assert.doesNotMatch(output, /Napi|debugger/, 'the kernel ends in silence')
})
