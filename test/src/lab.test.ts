import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { ROOT } from '../../src/python.ts'

/** A copy of the command in which nothing is set up. */
const copy = mkdtempSync(path.join(tmpdir(), 'hone-lab-'))
for (const part of ['package.json', 'dist/src', 'dist/kernel']) cpSync(path.join(ROOT, part), path.join(copy, part), { recursive: true })
for (const part of ['node_modules', 'dist/lib']) symlinkSync(path.join(ROOT, part), path.join(copy, part), 'dir')
after(() => rmSync(copy, { recursive: true }))

/** Runs `hone lab` where `python3` is a program that prints and ends so, or where there is none. */
function lab(python: { prints: string; code: number } | undefined, ...args: string[]) {
  const PATH = mkdtempSync(path.join(copy, 'path-'))
  if (python !== undefined) {
    writeFileSync(path.join(PATH, 'python3'), `#!/bin/sh\necho ${python.prints}\nexit ${python.code}\n`)
    chmodSync(path.join(PATH, 'python3'), 0o755)
  }
  const { status, stderr } = spawnSync(process.execPath, [path.join(copy, 'dist/src/cli.js'), 'lab', ...args], { env: { PATH }, encoding: 'utf8', timeout: 30_000 })
  return { status, stderr }
}

test('without a Python that can be used, hone lab says what is missing and how to get it', { skip: process.platform === 'win32' }, () => {
  const absent = lab(undefined, copy)
  assert.match(absent.stderr, /needs Python 3\.10 or newer, and none was found.*python\.org/)
  assert.equal(absent.status, 2)
  assert.match(lab({ prints: '3 9', code: 0 }, copy).stderr, /needs Python 3\.10 or newer, and only 3\.9 was found/)
  assert.match(lab({ prints: '3 12', code: 1 }, copy).stderr, /Python 3\.12 is here without its venv module.*apt-get install python3-venv/)
})

test('hone lab names a folder that is not there and a port that is none', () => {
  assert.match(lab(undefined, path.join(copy, 'nowhere')).stderr, /There is no folder .*nowhere/)
  assert.match(lab(undefined, copy, '--port', 'high').stderr, /--port takes a number from 0 to 65535, not "high"/)
})
