import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { locate } from '../../../kernel/modules/resolution.ts'
import { packageFolder } from '../../../lib/files.ts'
import { tensorflowState } from '../../../src/addons/tensorflow.ts'

const CLI = fileURLToPath(new URL('../../../src/cli.js', import.meta.url))

/** hone where nothing but Node, the shell and some programs can be found. */
function hone(args: readonly string[], ...programs: string[]) {
  const [bin, cache] = [mkdtempSync(join(tmpdir(), 'hone-bin-')), mkdtempSync(join(tmpdir(), 'hone-cache-'))]
  for (const [name, text] of programs.map((program) => [program, '#!/bin/sh\nexit 0\n'] as const)) writeFileSync(join(bin, name), text, { mode: 0o755 })
  symlinkSync(process.execPath, join(bin, 'node'))
  const { status, stderr } = spawnSync(process.execPath, [CLI, ...args], { encoding: 'utf8', env: { PATH: bin, HOME: cache, XDG_CACHE_HOME: cache } })
  return { status, stderr: stderr.trim(), cache }
}

const onLinux = { skip: process.platform === 'linux' && process.arch === 'x64' ? false : 'known for Linux on x64 alone' }

test('without a compiler TensorFlow.js is not built: the message says how to get one, and nothing is left behind', onLinux, () => {
  const { status, stderr, cache } = hone(['tfjs', 'install'])
  assert.equal(status, 2)
  assert.match(stderr, /^hone: @tensorflow\/tfjs-node is compiled from its sources, and there is no g\+\+ here\. On Debian: apt-get install g\+\+/)
  assert.deepEqual(readdirSync(cache), [])
})

test('without Python the CUDA provider is not fetched, and the message says what it is needed for', onLinux, () => {
  const { status, stderr } = hone(['gpu', 'install'])
  assert.equal(status, 2)
  assert.match(stderr, /^hone: This needs Python 3 with pip, which fetches the files/)
})

const skip = tensorflowState('cpu') === 'linked' ? false : 'TensorFlow.js is not built on TensorFlow here (hone tfjs install)'

test("TensorFlow's own library computes in what a person runs with hone", { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'hone-tfjs-'))
  writeFileSync(join(folder, 'sum.ts'), "import * as tf from '@tensorflow/tfjs-node'\nconsole.log('on', tf.getBackend(), tf.matMul(tf.ones([2, 3]), tf.ones([3, 2])).sum().dataSync()[0])\n")
  const { status, stderr } = spawnSync(process.execPath, [CLI, 'run', 'sum.ts'], { cwd: folder, encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  assert.match(readFileSync(join(folder, 'reports', 'sum.ipynb'), 'utf8'), /on tensorflow 12/)
  const program = `import { bridge } from ${JSON.stringify(new URL('../../../lib/index.js', import.meta.url).href)}; console.log(bridge.tensorflow({ backend: 'node' }).getBackend())`
  assert.equal(spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' }).stdout.trim(), 'tensorflow')
  const within = pathToFileURL(join(packageFolder(), 'notebooks', 'study.ts')).href
  assert.notEqual(locate('@tensorflow/tfjs-node', within).parentURL, within, "npm's plain copy for danfo.js does not come first in hone's own notebooks")
})
