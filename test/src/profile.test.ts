import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { twoLayers } from '../lib/runtime/models.ts'

const CLI = fileURLToPath(new URL('../../src/cli.js', import.meta.url))

test('hone profile shows the nodes and the types of a model, and refuses what is none', (t) => {
  const cwd = mkdtempSync(join(tmpdir(), 'hone-profile-command-'))
  t.after(() => rmSync(cwd, { recursive: true }))
  const hone = (...args: string[]) => spawnSync(process.execPath, [CLI, 'profile', ...args], { cwd, encoding: 'utf8' })
  writeFileSync(join(cwd, 'small.onnx'), twoLayers(64))
  writeFileSync(join(cwd, 'bad.onnx'), twoLayers(64).subarray(0, 99))

  const { status, stdout } = hone('small.onnx', '--batch', '16', '--runs', '3', '--no-optimize', '--nodes', '2')
  assert.equal(status, 0)
  assert.match(stdout, /node +operator +output .*(first|second) +MatMul +\[16, 64\].*operator +calls per run.*MatMul +2 .*Relu +1 .*3 runs/s)

  assert.match(hone('small.onnx', '--runs', '1', '--memory').stdout, /operator +in use +of the peak.*first +MatMul.*stage +resident.*In the first run /s)

  writeFileSync(join(cwd, 'wide.onnx'), twoLayers(128))
  assert.match(hone('small.onnx', 'wide.onnx', '--runs', '1').stdout, /layer +first +second +time of the first.*\n(first|second) .*A whole run: /s)

  for (const [args, told] of [[['gone.onnx'], /There is no file gone\.onnx/], [['bad.onnx'], /not an ONNX model/], [['small.onnx', '--runs', '0'], /whole number from 1 on/]] as const) {
    const refused = hone(...args)
    assert.equal(refused.status, 2)
    assert.match(refused.stderr, told)
  }
})
