import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { before, test } from 'node:test'
import { program, ROOT } from '../../src/python.ts'
import { registerKernel, runFile } from './jupyter.ts'

/** The Python that has the tests: of the project's own environment, or of the person. */
const python = [program('python'), 'python3', 'python'].find((candidate) => spawnSync(candidate, ['-c', 'from jupyter_kernel_test import IopubWelcomeTests']).status === 0)
const skip = python === undefined && 'there is no Python with jupyter_kernel_test 0.7 here: npm run test:conformance sets one up'

before(() => (skip === false ? registerKernel() : undefined))

test("jupyter_kernel_test finds every message as Jupyter's protocol has it, and skips none", { skip }, async () => {
  const { code, output } = await runFile(python!, ['-m', 'unittest', '-v', 'messages'], { cwd: path.join(ROOT, 'test', 'conformance') })
  assert.equal(code, 0, output)
  assert.match(output, /^Ran 13 tests/m)
  assert.doesNotMatch(output, /skipped/)
  assert.doesNotMatch(output, /Napi|debugger|hone kernel:/, 'the kernel ends in silence')
})
