import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { afterEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { progress } from '../../lib/progress.ts'

type Shown = { [key: symbol]: () => Record<string, string> }

afterEach(() => Reflect.deleteProperty(globalThis, 'display'))

/** A front end as a notebook kernel provides it; answers what it was given to show. */
function frontEnd() {
  const shown: { id: string; bundle: Record<string, string> }[] = []
  const bundle = (value: unknown) => (value as Shown)[Symbol.for('Jupyter.display')]()
  const display = (value: unknown, { id }: { id: string }) => {
    shown.push({ id, bundle: bundle(value) })
    return { update: (next: unknown) => shown.push({ id, bundle: bundle(next) }) }
  }
  Object.assign(globalThis, { display })
  return shown
}

test('in a notebook one display is updated, rarely, and ends with all done', () => {
  const shown = frontEnd()
  const plates = progress('Plates <1>', 1000)
  for (let i = 0; i < 1000; i++) plates.tick()
  plates.done()
  assert.ok(shown.length >= 2 && shown.length < 20, `${shown.length} updates`)
  assert.equal(new Set(shown.map(({ id }) => id)).size, 1)
  assert.match(shown[0].bundle['text/plain'], /^Plates <1>: 0 % \(1\/1000, 0\.\d s\)$/)
  assert.match(shown.at(-1)!.bundle['text/plain'], /^Plates <1>: 100 % \(1000\/1000, /)
  assert.match(shown[0].bundle['text/html'], /Plates &#60;1&#62;.*<progress value="0.001"/)
  assert.match(shown.at(-1)!.bundle['text/html'], /Plates &#60;1&#62; · 1000\/1000/)
})

test('what comes in a burst is shown though nothing comes after it', async () => {
  const shown = frontEnd()
  const plates = progress('Plates', 3)
  for (let i = 0; i < 3; i++) plates.tick()
  while (!/3\/3/.test(shown.at(-1)!.bundle['text/plain'])) await sleep(5)
  plates.done()
  assert.match(shown.at(-1)!.bundle['text/html'], /Plates · 3\/3/)
})

test('amounts are written as asked, never beyond the total', () => {
  const shown = frontEnd()
  const download = progress('weights.bin', 2e6, (bytes) => `${bytes / 1e6} MB`)
  download.tick(5e6)
  assert.match(shown[0].bundle['text/plain'], /100 % \(2 MB\/2 MB/)
})

test('in a pipe short work leaves no trace', async () => {
  const url = JSON.stringify(new URL('../../lib/progress.js', import.meta.url).href)
  const program = `const { progress } = await import(${url}); const p = progress('quick', 3); p.tick(); p.tick(); p.tick(); p.done()`
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program])
  assert.equal(stdout + stderr, '')
})
