import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const CHECK = fileURLToPath(new URL('./check.js', import.meta.url))

function check(args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
  const folder = mkdtempSync(join(tmpdir(), 'hone-gpu-'))
  const { status, stdout } = spawnSync(process.execPath, [CHECK, ...args], { cwd: folder, env, encoding: 'utf8' })
  return { status, stdout: stdout.trim(), result: () => JSON.parse(readFileSync(join(folder, 'reports', 'gpu-check.json'), 'utf8')) }
}

test('without a GPU the check says in one line why there is none, and ends with exit code 2', () => {
  const { status, stdout } = check([], { PATH: '/nonexistent', VK_ICD_FILENAMES: '/nonexistent', VK_DRIVER_FILES: '/nonexistent' })
  assert.equal(status, 2)
  assert.match(stdout, /^No GPU to check: cuda: no NVIDIA GPU answers \(nvidia-smi\); webgpu: .+$/)
})

test('on the processor it compares a network in each precision, and says which the device refuses', () => {
  const { status, stdout, result } = check(['--device', 'cpu', '--models', 'the CTC loss', '--minutes', '2'])
  assert.equal(status, 0, stdout)
  const { device, isGpu, rows } = result()
  assert.deepEqual([device, isGpu], ['cpu', false])
  assert.deepEqual(rows.map(({ precision, verdict }: { precision: string; verdict: string }) => [precision, verdict]), [['float32', 'right'], ['float16', 'right'], ['bfloat16', 'refused']])
  assert.ok(rows[1].distance > 0 && rows[1].distance < 5e-2)
  assert.match(stdout, /network\s+precision\s+gradients\s+distance/)
})

test('a network that it does not have is named', () => {
  const { status, stdout } = check(['--device', 'cpu', '--models', 'alexnet'])
  assert.equal(status, 2)
  assert.match(stdout, /^There is no network "alexnet": choose among mnist-cnn; vgg11;/)
})
