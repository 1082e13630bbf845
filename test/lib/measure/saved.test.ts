import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { compareBenches } from '../../../lib/measure/regression.ts'
import { benchResult } from '../../../lib/measure/result.ts'
import { readBench, saveBench } from '../../../lib/measure/saved.ts'
import { about, timed, times } from './planted.ts'

const result = (median: number, seed: number, environment = about.environment) =>
  benchResult([timed('base', times(median, 0.02, 40, seed)), timed('other', times(0.02, 0.02, 40, seed + 1))], { ...about, environment })

function file(t: { after(done: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'hone-saved-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return join(folder, 'a.json')
}

test('a result read back shows what the written one showed', (t) => {
  const path = file(t)
  const written = result(0.01, 1)
  saveBench(written, path)
  const read = readBench(path)
  assert.equal(String(read), String(written))
  assert.deepEqual(read.base.samples, written.base.samples)
  assert.deepEqual(read.about, written.about)
})

test('files that are none, of another version, or damaged are refused in one sentence', (t) => {
  const path = file(t)
  const refused = (text: string, told: RegExp) => {
    writeFileSync(path, text)
    assert.throws(() => readBench(path), told)
  }
  assert.throws(() => readBench(path), /a\.json cannot be read \(ENOENT\)/)
  refused('{"format": "hone be', /a\.json is no JSON: /)
  refused('{"claims": []}', /holds no result of hone bench/)
  refused('null', /holds no result of hone bench/)
  const saved = result(0.01, 1).toJSON()
  refused(JSON.stringify({ ...saved, version: 2 }), /version 2 of the format, and this hone reads version 1.*the hone that wrote it \(0\.1\.0\)/)
  refused(JSON.stringify({ ...saved, contenders: [timed('base', [1, NaN])] }), /damaged: sample 2 of base is null, not a time/)
  refused(JSON.stringify({ ...saved, baseline: 'gone' }), /damaged: its baseline gone is not among/)
  refused(JSON.stringify({ ...saved, conditions: {} }), /damaged: it does not say where it was measured/)
  refused(JSON.stringify({ ...saved, contenders: [] }), /damaged: it holds no contenders/)
})

test('a regression is flagged; what did not change, and what changed by less than the threshold, is not', () => {
  const slower = compareBenches(result(0.01, 1), result(0.0115, 3))
  assert.deepEqual(slower.regressions.map(({ name }) => name), ['base'])
  assert.match(slower.table()['text/plain'], /base +\S+ ms +\S+ ms .*slower.*Slower: base\./s)
  const busy = benchResult([timed('base', times(0.01, 0.02, 40, 1))], { ...about, conditions: { ...about.conditions, otherLoad: 1.5 } })
  assert.match(compareBenches(result(0.01, 1), busy).table()['text/plain'], /busy or noisy machine: after\./)
  const same = compareBenches(result(0.01, 1), result(0.01, 3))
  assert.deepEqual(same.regressions, [])
  assert.match(same.table()['text/plain'], /Nothing became slower by more than 2\.0 %/)
  assert.deepEqual(compareBenches(result(0.01, 1), result(0.0115, 3), { threshold: 0.2 }).regressions, [])
  assert.deepEqual(compareBenches(result(0.0115, 1), result(0.01, 3)).changes.map(({ verdict }) => verdict), ['faster', 'no difference seen'])
  assert.throws(() => compareBenches(result(0.01, 1), result(0.01, 1), { threshold: 2 }), /a share from 0 to 1, not 2/)
})

test('a slower processor is no slower program', () => {
  const at = (slower: number, pace: number, seed: number) => benchResult([timed('base', times(0.01 * slower, 0.02, 40, seed))], { ...about, conditions: { ...about.conditions, pace: times(4e-5 * pace, 0.01, 40, seed + 50) } })
  const throttled = compareBenches(at(1, 1, 1), at(1.15, 1.15, 2))
  assert.deepEqual(throttled.regressions, [])
  assert.match(throttled.table()['text/plain'], /The processor itself was 0\.8\d+ times as fast in the second: a change counts where it goes beyond that\./)
  assert.equal(compareBenches(at(1, 1, 1), at(1.4, 1.15, 2)).regressions.length, 1)
  assert.equal(compareBenches(at(1, 1, 1), at(1, 1.15, 2)).changes[0].verdict, 'no difference seen', 'nor is an equal time on it faster')
})

test('no file of many equal contenders cries wolf', () => {
  const many = (seed: number) => benchResult(Array.from({ length: 8 }, (_, i) => timed(i ? `c${i}` : 'base', times(0.01, 0.05, 30, 100 * seed + i))), about)
  const alarms = Array.from({ length: 8 }, (_, seed) => compareBenches(many(2 * seed), many(2 * seed + 1), { threshold: 0 }).regressions.length).filter(Boolean)
  assert.ok(alarms.length <= 1, `${alarms.length} of 8`)
})

test('other machines, versions and contenders are named', () => {
  const other = { ...about.environment, processor: 'another', versions: { ...about.environment.versions, node: '24.1.0' } }
  const alone = benchResult([timed('base', [1, 2])], { ...about, environment: other })
  const found = compareBenches(result(0.01, 1), alone)
  assert.deepEqual(found.differences, ['processor: planted and another', 'Node: 20.20.2 and 24.1.0'])
  assert.deepEqual(found.unmatched, ['other'])
  assert.match(found.table()['text/plain'], /In one file only: other\.\nNot measured under the same conditions \(processor/)
})
