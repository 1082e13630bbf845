import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { fQuantile, studentQuantile } from '../../../lib/measure/distributions.ts'
import { repeat } from '../../../lib/measure/repeat.ts'
import { spreadOf, spreadRatio } from '../../../lib/measure/repeat-result.ts'
import { lognormal, times } from './planted.ts'

function file(t: { after(done: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'hone-repeat-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return join(folder, 'runs.json')
}

test('quantiles of t and F agree with printed tables', () => {
  const near = (value: number, expected: number) => assert.ok(Math.abs(value / expected - 1) < 1e-5, `${value} for ${expected}`)
  near(studentQuantile(0.975, 4), 2.776445)
  near(studentQuantile(0.025, 4), -2.776445)
  near(studentQuantile(0.975, 1), 12.706205)
  near(studentQuantile(0.95, 30), 1.697261)
  near(fQuantile(0.975, 4, 4), 9.60453)
  near(fQuantile(0.95, 3, 10), 3.708265)
  near(fQuantile(0.025, 5, 8), 1 / fQuantile(0.975, 8, 5))
})

test('runs differ by their seeds, and their spread is told', async () => {
  const seeds: number[] = []
  const result = await repeat(5, async (seed) => {
    seeds.push(seed)
    return { accuracy: 0.9 + 0.01 * seed, seconds: 10 }
  }, { firstSeed: 1 })
  assert.deepEqual(seeds, [1, 2, 3, 4, 5])
  const { mean, deviation, min, q1, median, q3, p90, max, interval } = result.of('accuracy')
  assert.deepEqual([mean, deviation!, min, q1, median, q3, p90, max].map((x) => Number(x.toFixed(5))), [0.93, 0.01581, 0.91, 0.92, 0.93, 0.94, 0.946, 0.95])
  assert.ok(Math.abs(interval.high - (0.93 + (2.776445 * 0.0158114) / Math.sqrt(5))) < 1e-6)
  assert.throws(() => result.of('loss'), /the runs have no "loss", only accuracy, seconds/)
  assert.match(inspect(result), /accuracy +0\.930 .*5 runs: seeds 1, 2, 3, 4, 5\./s)
})

test('a result shows itself as a table, and each value as a box with every run as a dot', async () => {
  const result = await repeat(5, (seed) => ({ accuracy: 0.9 + 0.01 * seed, seconds: 10 + seed }))
  const { 'text/html': html, 'text/plain': plain } = await (result as unknown as Record<symbol, () => Promise<Record<string, string>>>)[Symbol.for('Jupyter.display')]()
  assert.match(plain, /accuracy .*seconds /s)
  assert.deepEqual([...html.matchAll(/<img src="data:image\/svg\+xml;base64,([^"]+)"/g)].map(([, svg]) => /accuracy, 5 runs|seconds, 5 runs/.exec(Buffer.from(svg, 'base64').toString())?.[0]), ['accuracy, 5 runs', 'seconds, 5 runs'])
  const { spec } = result.plot('accuracy') as unknown as { spec: { layer: { data?: { values: unknown[] } }[] } }
  assert.equal(spec.layer.at(-1)!.data!.values.length, 5)
  assert.throws(() => result.plot('loss'), /no "loss"/)
})

test('runs go on from where they stopped, with a file of finished ones', async (t) => {
  const path = file(t)
  const made: number[] = []
  const run = (limit: number) => (seed: number) => {
    if (seed >= limit) throw new Error('the power went')
    made.push(seed)
    return 10 * seed
  }
  await assert.rejects(repeat(4, run(2), { file: path, of: { epochs: 3 } }), /^Error: The run with seed 2 failed: the power went\. The runs before it are kept in .*runs\.json\.$/)
  const result = await repeat(4, run(9), { file: path, of: { epochs: 3 } })
  assert.deepEqual(made, [0, 1, 2, 3])
  assert.deepEqual(result.of().samples, [0, 10, 20, 30])
  assert.deepEqual((await repeat(2, run(0), { file: path, of: { epochs: 3 } })).of().samples, [0, 10])
  await assert.rejects(repeat(4, run(9), { file: path, of: { epochs: 4 } }), /holds runs of \{"epochs":3\}, not of \{"epochs":4\}/)
})

test('files that are none, answers that are none, and one run', async (t) => {
  const path = file(t)
  writeFileSync(path, '{"format": "hone rep')
  await assert.rejects(repeat(2, () => 1, { file: path }), /runs\.json is no JSON/)
  writeFileSync(path, '[]')
  await assert.rejects(repeat(2, () => 1, { file: path }), /holds no repeated runs/)
  writeFileSync(path, '{"format": "hone repeat", "version": 9, "of": null, "runs": []}')
  await assert.rejects(repeat(2, () => 1, { file: path }), /version 9 .* reads version 1/)
  assert.match(readFileSync(path, 'utf8'), /version": 9/)
  await assert.rejects(repeat(2, () => ({ loss: NaN })), /The run with seed 0 answered loss = NaN, and that is no measurement\.$/)
  await assert.rejects(repeat(2, () => 'much' as never), /neither a number nor numbers by name/)
  await assert.rejects(repeat(0, () => 1), /1 time or more, not 0/)
  const single = await repeat(1, () => 3)
  assert.deepEqual([single.of().deviation, single.of().interval.low, single.of().interval.high], [null, -Infinity, Infinity])
  assert.match(inspect(single), /1 run, so no interval is claimed/)
})

test('95 % intervals of five runs miss the truth about one time in twenty', () => {
  const missed = Array.from({ length: 400 }, (_, seed) => {
    const { interval } = spreadOf(times(1, 0.05, 5, seed))
    return interval.low > 1.00125 || interval.high < 1.00125
  }).filter(Boolean).length
  assert.ok(missed > 8 && missed < 36, `${missed} of 400 missed`)
  const wrong = Array.from({ length: 400 }, (_, seed) => {
    const [a, b] = [lognormal(1, 0.05, seed), lognormal(1, 0.05, 5000 + seed)].map((draw) => Array.from({ length: 5 }, draw))
    const { low, high } = spreadRatio(a, b)
    return low > 1 || high < 1
  }).filter(Boolean).length
  assert.ok(wrong > 8 && wrong < 36, `${wrong} of 400 wrong`)
  assert.throws(() => spreadRatio([1], [1, 2]), /two samples or more, not 1/)
})
