import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import type { Settings } from '../../../lib/measure/contender.ts'
import { benchResult, outliers } from '../../../lib/measure/result.ts'
import { about, timed, times } from './planted.ts'

function bundle(value: object): Promise<Record<string, string>> {
  return (value as Record<symbol, () => Promise<Record<string, string>>>)[Symbol.for('Jupyter.display')]()
}

test('planted times: twice as fast, slower, and no difference seen, as a table and a plot', async () => {
  const sets = [timed('base', times(0.01, 0.01, 40, 1)), timed('half', times(0.005, 0.01, 40, 2)), timed('more', times(0.012, 0.01, 40, 3)), timed('same', times(0.01, 0.01, 40, 4))]
  const result = benchResult(sets, about)
  assert.equal(result.half.verdict, 'faster')
  assert.ok(result.half.speedup!.low < 2 && 2 < result.half.speedup!.high)
  assert.deepEqual([result.half.comparison!.effect.value, result.half.comparison!.effect.size], [1, 'large'])
  assert.ok(result.half.comparison!.p < 1e-3)
  assert.equal(result.more.verdict, 'slower')
  assert.equal(result.more.comparison!.effect.value, -1)
  assert.equal(result.same.verdict, 'no difference seen')
  assert.deepEqual(Object.keys(result), ['base', 'half', 'more', 'same'])
  assert.deepEqual(result.about.warnings, [])
  const { 'text/plain': plain, 'text/html': html } = await bundle(result)
  assert.match(plain, /half +(4\.9|5\.0)\d ms .*faster +< 0\.001 +large/)
  assert.match(html, /<td[^>]*>same<\/td>.*no difference seen.*<img src="data:image\/svg\+xml;base64,/s)
  assert.equal(String(result), plain)
  assert.equal(inspect(result), plain)
})

test('outliers are counted by class, and every sample is kept', () => {
  const samples = [...times(1, 0.01, 40, 5), 1.045, 3, 0.2]
  assert.deepEqual(outliers(samples), { lowSevere: 1, lowMild: 0, highMild: 1, highSevere: 1 })
  const { base } = benchResult([timed('base', samples)], about)
  assert.equal(base.samples.length, 43)
  assert.match(String(benchResult([timed('base', samples)], about)), /1 far below, 1 above, 1 far above/)
})

test('load, a moving clock, noise and drift are told', () => {
  const conditions = { otherLoad: 1.34, clock: { low: 2100, high: 3400 }, pace: [...times(4e-5, 0.01, 20, 4), ...times(5e-5, 0.01, 20, 5)] }
  const drifting = [...times(0.01, 0.005, 20, 1), ...times(0.011, 0.005, 20, 2)]
  const result = benchResult([timed('base', drifting), timed('wild', times(0.01, 0.4, 40, 3))], { ...about, conditions })
  assert.deepEqual(result.about.warnings.map(({ kind }) => kind), ['load', 'clock', 'pace', 'drift', 'noise'])
  assert.ok(result.about.noisy)
  for (const told of [/kept 1\.3 of 4 cores busy/, /between 2100 and 3400 MHz/, /processor itself slowed down by 2\d\.\d % at times/, /base: from run 21 on it takes (9|10|11)\.\d % longer/, /wild: noisy/]) assert.match(String(result), told)
  assert.equal(benchResult([timed('base', drifting)], { ...about, conditions: { otherLoad: null, clock: null, pace: [] } }).about.noisy, false)
})

test('settings in which contenders differ are told', () => {
  const told = (first: object, second: object) => {
    const [base, other] = [timed('base', times(0.01, 0.01, 20, 1)), timed('other', times(0.01, 0.01, 20, 2))]
    return benchResult([{ ...base, settings: first as Settings }, { ...other, settings: second as Settings }], about).about.warnings.map(({ text }) => text)
  }
  assert.deepEqual(told({ threads: 1, device: 'cpu' }, { threads: 2, device: 'cpu' }), ['Not all alike: threads (base 1, other 2).'])
  assert.deepEqual(told({ threads: 1 }, { device: 'cpu' }), [])
})

test('a contender may not take the name of a part of the result', () => {
  assert.throws(() => benchResult([timed('about', [1])], { ...about, baseline: 'about' }), /cannot be called "about"/)
})
