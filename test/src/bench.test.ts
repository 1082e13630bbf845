import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { benchResult } from '../../lib/measure/result.ts'
import { saveBench } from '../../lib/measure/saved.ts'
import { about, timed, times } from '../lib/measure/planted.ts'
import { twoLayers } from '../lib/runtime/models.ts'

const CLI = fileURLToPath(new URL('../../src/cli.js', import.meta.url))

function folder(t: { after(done: () => void): void }): string {
  const path = mkdtempSync(join(tmpdir(), 'hone-bench-'))
  t.after(() => rmSync(path, { recursive: true }))
  return path
}

function hone(cwd: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], { cwd, encoding: 'utf8' })
  return { status, stdout, stderr: stderr.trim() }
}

const peer = `console.log('ready'); require('readline').createInterface({ input: process.stdin }).on('line', (n) => console.log(n > 900 ? 'error: tired' : 0.002 * n))`

test('models and programs are timed side by side, saved, and compared', (t) => {
  const cwd = folder(t)
  writeFileSync(join(cwd, 'small.onnx'), twoLayers(8))
  writeFileSync(join(cwd, 'peer.cjs'), peer)
  const { status, stdout } = hone(cwd, 'bench', 'small.onnx', 'theirs=node peer.cjs', '--batch', '4', '--seconds', '0.5', '--save', 'a.json')
  assert.equal(status, 0)
  assert.match(stdout, /small .*theirs .*slower.*Items per call: small 4, theirs 1\..*Saved in a\.json/s)
  assert.equal(JSON.parse(readFileSync(join(cwd, 'a.json'), 'utf8')).contenders[1].name, 'theirs')
  assert.match(hone(cwd, 'compare', 'a.json', 'a.json').stdout, /Nothing became slower/)
})

test('a contender that fails is named, and what was measured is kept', (t) => {
  const cwd = folder(t)
  writeFileSync(join(cwd, 'peer.cjs'), peer.replace('n > 900', '++globalThis.calls > 40').replace(`console.log('ready')`, `globalThis.calls = 0; console.log('ready')`))
  writeFileSync(join(cwd, 'wild.cjs'), peer.replace('n > 900', 'false').replace('0.002 * n', '0.002 * n * (1 + Math.random())'))
  const { status, stdout, stderr } = hone(cwd, 'bench', 'wild=node wild.cjs', 'theirs=node peer.cjs', '--save', 'a.json')
  assert.equal(status, 1)
  assert.equal(stderr.split('\n').at(-1), 'hone: theirs: tired.')
  assert.match(stdout, /wild +\S+ ms/)
  assert.ok(existsSync(join(cwd, 'a.json')))
})

test('what cannot be timed or compared is refused in one sentence, with exit code 2', (t) => {
  const cwd = folder(t)
  writeFileSync(join(cwd, 'small.onnx'), twoLayers(8))
  writeFileSync(join(cwd, 'bad.onnx'), 'no model')
  const refused = (args: readonly string[], told: RegExp) => {
    const { status, stderr } = hone(cwd, ...args)
    assert.equal(status, 2, stderr)
    assert.match(stderr, told)
    assert.equal(stderr.split('\n').length, 1)
  }
  refused(['bench', 'gone.onnx'], /There is no file gone\.onnx\./)
  refused(['bench', 'bad.onnx'], /not an ONNX model/)
  refused(['bench', 'python peer.py'], /A program needs a name: NAME="python peer\.py"\./)
  refused(['bench', 'small.onnx', 'small.onnx'], /Two contenders are called small/)
  refused(['bench', 'theirs=no-such-command'], /no-such-command was not ready to be timed/)
  refused(['bench', 'small.onnx', '--size', 'M=3'], /--size: there is no dimension "M", only "N"/)
  refused(['bench', 'small.onnx', '--batch', '0'], /A whole number from 1 on is wanted, not 0/)
  refused(['bench', 'small.onnx', '--baseline', 'other'], /--baseline: no contender is called other\./)
  refused(['load', 'small.onnx', '--rates', '10,-1'], /A number above 0 is wanted, not -1/)
  refused(['compare', 'gone.json', 'gone.json'], /gone\.json cannot be read \(ENOENT\)/)
})

test('a contender that hangs is given up after the time that it may take', (t) => {
  const cwd = folder(t)
  writeFileSync(join(cwd, 'stuck.cjs'), `console.log('ready'); require('readline').createInterface({ input: process.stdin }).on('line', () => { for (;;); })`)
  const { status, stderr } = hone(cwd, 'bench', 'stuck=node stuck.cjs', '--timeout', '0.2')
  assert.equal(status, 1)
  assert.equal(stderr.split('\n').at(-1), 'hone: stuck: its call did not end within 0.2 s.')
})

test('a model under load: latency and throughput for clients and for rates', (t) => {
  const cwd = folder(t)
  writeFileSync(join(cwd, 'small.onnx'), twoLayers(8))
  const { status, stdout } = hone(cwd, 'load', 'small.onnx', '--clients', '1,2', '--rates', '50', '--replicas', '2', '--threads', '1', '--batch', '4', '--seconds', '0.3')
  assert.equal(status, 0)
  assert.match(stdout, /load +items\/s +p50 .*\n1 client .*\n2 clients .*\n50\.0 requests\/s .*coordinated omission/s)
})

test('a regression ends hone compare with exit code 1', (t) => {
  const cwd = folder(t)
  const save = (name: string, median: number) => saveBench(benchResult([timed('base', times(median, 0.02, 40, 1))], about), join(cwd, name))
  save('before.json', 0.01)
  save('after.json', 0.0112)
  const slower = hone(cwd, 'compare', 'before.json', 'after.json')
  assert.equal(slower.status, 1)
  assert.match(slower.stdout, /Slower: base\./)
  assert.equal(hone(cwd, 'compare', 'after.json', 'before.json').status, 0)
  assert.equal(hone(cwd, 'compare', 'before.json', 'after.json', '--threshold', '15%').status, 0)
})
