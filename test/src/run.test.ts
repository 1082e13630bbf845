import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { textOf, type Cell, type CodeCell, type Notebook } from '../../lib/report/notebook.ts'
import { codeCell } from '../../src/notebook.ts'

const CLI = fileURLToPath(new URL('../../src/cli.js', import.meta.url))
const PARAMETERS = "const profile: 'quick' | 'full' = 'quick'\nlet amount = 0.2"

/** A folder with a notebook of these cells: Markdown where a cell begins with #. */
function folderWith(...sources: (string | Cell)[]): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'hone-run-'))
  const cells = sources.map((source): Cell => {
    if (typeof source !== 'string') return source
    return source.startsWith('#') ? { cell_type: 'markdown', id: 'text', metadata: {}, source } : codeCell(source)
  })
  writeFileSync(path.join(folder, 'study.ipynb'), JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells }))
  return folder
}

function hone(folder: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], { cwd: folder, encoding: 'utf8', maxBuffer: 1e8 })
  return { status, stdout, stderr, lastLine: stderr.trim().split('\n').at(-1) ?? '' }
}

const report = (folder: string, extension: string) => readFileSync(path.join(folder, 'reports', `study.${extension}`), 'utf8')

function executed(folder: string): CodeCell[] {
  const notebook = JSON.parse(report(folder, 'ipynb')) as Notebook
  return notebook.cells.filter((cell) => cell.cell_type === 'code')
}

const streams = (cell: CodeCell) => cell.outputs.map((output) => ('text' in output ? textOf(output.text) : '')).join('')

test('a notebook runs through the kernel and leaves its page and its outputs', () => {
  const folder = folderWith('# Answers', codeCell(PARAMETERS, ['parameters']), 'enum Unit { Percent = 100 }\nconsole.log(profile, amount * Unit.Percent)', 'new Map([[1, 2]])')
  const { status, stdout, stderr } = hone(folder, 'run', 'study.ipynb', '--set', 'amount=0.5', '--profile', 'full')
  assert.equal(status, 0, stderr)
  assert.match(stderr, /\[1\/4\] Answers\n(.*\n)*\[4\/4\] cell 4 \(new Map/)
  assert.match(stdout, /Report after .* s:\n {2}reports\/study\.html\n {2}reports\/study\.ipynb\n/)

  const [parameters, injected, third, last] = executed(folder)
  assert.deepEqual(parameters.metadata.tags, ['parameters'])
  assert.deepEqual([injected.metadata.tags, textOf(injected.source)], [['injected-parameters'], 'const amount = 0.5\nconst profile = "full"'])
  assert.equal(streams(third), 'full 50\n')
  assert.equal(last.outputs[0].output_type, 'execute_result')
  assert.deepEqual([injected.execution_count, last.execution_count], [2, 4])
  assert.equal(JSON.parse(report(folder, 'ipynb')).metadata.kernelspec.name, 'hone')
  assert.match(report(folder, 'html'), /<title>Answers<\/title>.*full 50/s)
  assert.deepEqual(readdirSync(path.join(folder, 'reports')).sort(), ['study.html', 'study.ipynb'], 'nothing half-written is left')
})

test('a TypeScript file runs the same way, and finds its neighbours', () => {
  const folder = folderWith()
  writeFileSync(path.join(folder, 'near.ts'), 'export const near: number = 41')
  writeFileSync(path.join(folder, 'study.ts'), "import { near } from './near.ts'\nconsole.log(near + 1)")
  assert.equal(hone(os.tmpdir(), 'run', path.join(folder, 'study.ts'), '--out', path.join(folder, 'reports')).status, 0)
  assert.equal(streams(executed(folder)[0]), '42\n')
})

test('claims that a notebook shows become a file, a table and the head of the page', () => {
  const study = new URL('../../lib/report/study.js', import.meta.url).href
  const begin = `import { study } from ${JSON.stringify(study)}\nconst claims = study('lprnet', { profile: 'quick', device: 'cpu', data: { 'LPRNet plates': { name: 'planted', complete: true } }, seed: 1, threads: 1 })`
  const folder = folderWith(begin, "claims.record('lpr.prune', { size: [100, 84] })", "claims.record('lpr.block', { size: [100, 100] })")
  const { status, stdout } = hone(folder, 'run', 'study.ipynb')
  assert.equal(status, 0)
  assert.match(stdout, /lpr\.prune +size .* reproduced\n/)
  assert.match(stdout, /lpr\.block +size .* contradicted\n/)
  assert.match(stdout, /reports\/study\.claims\.json/)
  const { environment, claims } = JSON.parse(report(folder, 'claims.json'))
  assert.equal(environment.data['LPRNet plates'].name, 'planted')
  assert.deepEqual(claims.find(({ id, metric }: Record<string, string>) => id === 'lpr.prune' && metric === 'size').samples, [[100], [84]])
  assert.match(report(folder, 'html'), /id="claims".*lpr\.prune/s)
})

test('a cell that throws ends the run with its name, and what was computed is kept', () => {
  const folder = folderWith('console.log("computed")', '\nfunction f(x: number) {\n  throw new TypeError("bad thing")\n}\nf(1)', 'console.log("never")')
  const { status, stdout, stderr, lastLine } = hone(folder, 'run', 'study.ipynb')
  assert.equal(status, 1)
  assert.equal(lastLine, 'Cell 2 (function f(x: number) {) failed: TypeError: bad thing.')
  assert.match(stderr, /at f \(cell 2:3:9\)/)
  assert.match(stdout, /Partial report .*\n {2}reports\/study\.html/)
  const [first, second, third] = executed(folder)
  assert.deepEqual([streams(first), second.outputs[0].output_type, third.outputs.length], ['computed\n', 'error', 0])
  assert.match(report(folder, 'html'), /The run stopped at .*cell 2/)
})

test('a cell that spins is stopped after --timeout', () => {
  const folder = folderWith('console.log("computed")', 'for (;;);')
  const { status, lastLine } = hone(folder, 'run', 'study.ipynb', '--timeout', '4')
  assert.deepEqual([status, lastLine], [1, 'Cell 2 (for (;;);) took longer than 4 s (--timeout) and was interrupted.'])
  assert.equal(streams(executed(folder)[0]), 'computed\n')
  assert.equal(executed(folder)[1].outputs.filter((output) => output.output_type === 'error').length, 1)
})

test('a hundred megabytes of output neither stall the run nor fill the report', () => {
  const folder = folderWith('const line = "x".repeat(9_999) + "\\n"\nfor (let i = 0; i < 10_000; i++) process.stdout.write(line)', 'console.log("after")')
  assert.equal(hone(folder, 'run', 'study.ipynb').status, 0)
  assert.equal(streams(executed(folder)[1]), 'after\n')
  assert.ok(report(folder, 'ipynb').length < 2e7)
  assert.ok(report(folder, 'html').length < 1e6)
})

test('process.exit in a cell is an error of that cell', () => {
  const { status, lastLine } = hone(folderWith('process.exit(0)'), 'run', 'study.ipynb')
  assert.equal(status, 1)
  assert.match(lastLine, /^Cell 1 \(process\.exit\(0\)\) failed: .*process\.exit/)
})

test('a kernel that runs out of memory, or is killed, is named with its cell', () => {
  const folder = folderWith('console.log("computed")', 'const all: unknown[] = []; for (;;) all.push(new Array(1e5).fill(Math.random()))')
  const args = [CLI, 'run', 'study.ipynb']
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '--max-old-space-size=100' } })
  assert.equal(status, 1)
  assert.match(stderr, /Cell 2 \(const all: .*\) ended the kernel: out of memory\.\n$/)
  assert.equal(streams(executed(folder)[0]), 'computed\n')

  const killed = hone(folderWith("import { execFileSync } from 'node:child_process'\nexecFileSync('kill', ['-9', String(process.pid)])"), 'run', 'study.ipynb')
  assert.equal(killed.status, 1)
  assert.match(killed.lastLine, /^Cell 1 \(.*\) ended the kernel: killed/)
})

test('Ctrl-C stops the cell and writes what there is', async () => {
  const folder = folderWith('console.log("computed")', 'await new Promise(() => {})')
  const child = spawn(process.execPath, [CLI, 'run', 'study.ipynb'], { cwd: folder })
  let stderr = ''
  for await (const chunk of child.stderr.setEncoding('utf8')) {
    stderr += chunk
    if (chunk.includes('[2/2]')) child.kill('SIGINT')
  }
  const [status] = child.exitCode === null ? await once(child, 'exit') : [child.exitCode]
  assert.equal(status, 130)
  assert.match(stderr, /Cell 2 \(await new Promise.*\) was interrupted\.\n$/)
  assert.equal(streams(executed(folder)[0]), 'computed\n')
})

test('what cannot be done as asked is refused in one sentence before anything runs', () => {
  const folder = folderWith(codeCell(`${PARAMETERS}\nconst device: 'auto' | 'cpu' | 'cuda' = 'auto'`, ['parameters']), 'console.log("ran")')
  writeFileSync(path.join(folder, 'broken.ipynb'), '{"nbformat": 4, "cells": [')
  writeFileSync(path.join(folder, 'other.ipynb'), '{"a": 1}')
  writeFileSync(path.join(folder, 'old.ipynb'), '{"nbformat": 3, "worksheets": []}')
  writeFileSync(path.join(folder, 'odd.ipynb'), '{"nbformat": 4, "cells": [{"cell_type": "code"}]}')
  const cases: [args: string[], sentence: RegExp][] = [
    [['run', 'gone.ipynb'], /gone\.ipynb cannot be read: there is no such file\./],
    [['run', '.'], /cannot be read: /],
    [['run', 'broken.ipynb'], /broken\.ipynb is not a notebook: /],
    [['run', 'other.ipynb'], /other\.ipynb is not a notebook: it is JSON without/],
    [['run', 'old.ipynb'], /old\.ipynb has notebook format 3; hone reads format 4\./],
    [['run', 'odd.ipynb'], /odd\.ipynb is not a notebook: its cell 1 has no type or no source\./],
    [['run', 'study.ipynb', '--set', 'amuont=1'], /There is no parameter amuont; this notebook has profile, amount, device\./],
    [['run', 'study.ipynb', '--set', 'amount=much'], /amount cannot be much: it is a number/],
    [['run', 'study.ipynb', '--set', 'amount'], /--set takes name=value, not amount\./],
    [['run', 'study.ipynb', '--profile', 'standard'], /profile cannot be standard: it is one of quick, full\./],
    [['run', 'study.ipynb', '--profile', 'huge'], /'huge' is invalid\. Allowed choices are quick, standard, full\./],
    [['run', 'study.ipynb', '--device', 'tpu'], /'tpu' is invalid\. Allowed choices are auto, cpu, cuda, webgpu\./],
    [['run', 'study.ipynb', '--timeout', '-1'], /--timeout takes seconds above 0, not -1\./],
    [['run', 'study.ipynb', '--out', 'old.ipynb/reports'], /No report can be written to old\.ipynb\/reports: .* Name another folder with --out\./],
    [['run', 'study.ipynb', '--bogus'], /unknown option '--bogus'/],
    [['polish'], /unknown command 'polish'/],
  ]
  for (const [args, sentence] of cases) {
    const { status, stderr } = hone(folder, ...args)
    assert.equal(status, 2, args.join(' '))
    assert.match(stderr, sentence)
    assert.equal(stderr.trim().split('\n').length, 1, stderr)
  }
  assert.ok(!existsSync(path.join(folder, 'reports')))
})

test('doctor says what is there, what is not, and how to get it', () => {
  const { status, stdout } = hone(os.tmpdir(), 'doctor')
  assert.equal(status, 0, stdout)
  for (const name of ['Node', 'onnxruntime-node', 'zeromq', 'vega-lite', 'danfojs-node', 'tslab', '@tensorflow/tfjs-node-gpu', 'device cuda', 'device webgpu', 'Jupyter', 'data', 'Chromium'])
    assert.ok(stdout.includes(` ${name} `), name)
  assert.match(stdout, /✓ device cpu/)
})

test('install registers the kernel under a prefix', () => {
  const folder = folderWith()
  const { status, stdout } = hone(folder, 'install', '--prefix', folder)
  assert.equal(status, 0)
  assert.match(stdout, /registered in .*share\/jupyter\/kernels\/hone/)
  const spec = JSON.parse(readFileSync(path.join(folder, 'share/jupyter/kernels/hone/kernel.json'), 'utf8'))
  assert.equal(spec.display_name, 'TypeScript (hone)')
})
