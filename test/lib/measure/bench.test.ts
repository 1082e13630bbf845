import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import { bench, type BenchError } from '../../../lib/measure/bench.ts'
import { lognormal } from './planted.ts'

const spin = (steps: number) => () => {
  let x = 0
  for (let i = 0; i < steps; i++) x += Math.sqrt(i)
  return x
}

test('a function with a thousandth of the work is found faster', async () => {
  const result = await bench({ much: spin(3e6), little: spin(3e3) }, { seconds: 0.5 })
  assert.equal(result.much.verdict, 'baseline')
  assert.equal(result.much.speedup, null)
  assert.equal(result.little.verdict, 'faster')
  assert.ok(result.little.speedup!.low > 20)
  assert.ok(result.little.median < result.much.median)
  for (const { samples, runs, interval, median } of result) {
    assert.equal(samples.length, runs)
    assert.ok(interval.low <= median && median <= interval.high)
  }
})

test('every round calls each contender once, in an order that changes', async () => {
  const calls: string[] = []
  const contender = (name: string) => async () => {
    calls.push(name)
    await sleep(3)
  }
  const result = await bench({ a: contender('a'), b: contender('b'), c: contender('c') }, { seconds: 0.1, minRuns: 12, maxRuns: 12 })
  const warmup = [...result].reduce((sum, one) => sum + one.warmup, 0)
  const rounds = Array.from({ length: 12 }, (_, r) => calls.slice(warmup + 3 * r, warmup + 3 * r + 3).join(''))
  assert.equal(calls.length, warmup + 36)
  assert.ok(rounds.every((round) => [...round].toSorted().join('') === 'abc'), rounds.join(' '))
  assert.ok(new Set(rounds).size > 2, rounds.join(' '))
})

test('warm-up goes on while calls get faster', async () => {
  let calls = 0
  const result = await bench({ lazy: () => sleep(calls++ < 3 ? 40 : 4) }, { seconds: 5, minRuns: 3, maxRuns: 3 })
  assert.ok(result.lazy.warmup >= 7, `${result.lazy.warmup} calls`)
  assert.equal(calls, result.lazy.warmup + 3)
})

test('a short call is repeated within a sample, and a batch is told per item', async () => {
  let calls = 0
  const result = await bench({ one: () => calls++, batch: { run: () => sleep(5), perCall: 100 } }, { seconds: 0.1, minRuns: 5, maxRuns: 5 })
  assert.ok(calls > 1000)
  assert.equal(result.batch.perCall, 100)
  assert.ok(result.batch.median < 0.005)
  assert.match(String(result), /median per item.*Items per call: one 1, batch 100\./s)
})

test('another baseline can be named; an unknown one and an empty set are refused', async () => {
  const limits = { seconds: 0.05, minRuns: 3, maxRuns: 3 } as const
  const result = await bench({ a: spin(1e5), b: spin(1e5) }, { ...limits, baseline: 'b' })
  assert.equal(result.b.verdict, 'baseline')
  await assert.rejects(bench({ a: spin(1) }, { baseline: 'z' as 'a' }), /there is no contender "z" to compare with, only a/)
  await assert.rejects(bench({}), /nothing to time/)
  await assert.rejects(bench({ about: () => assert.fail('it is called') }), /a contender cannot be called "about"/)
  await assert.rejects(bench({ a: { run: spin(1), perCall: 0 } }), /a: a call handles 1 item or more/)
})

test('a contender that throws is named, and what was measured before is kept', async () => {
  await assert.rejects(bench({ a: () => Promise.reject(new Error('out of plates')) }), (error: BenchError) => error.message === 'a: out of plates' && error.result === undefined)
  let calls = 0
  const failing = () => {
    if (++calls > 40) throw new Error('out of plates')
    return sleep(2)
  }
  await assert.rejects(bench({ steady: () => sleep(2), failing }, { minRuns: 60 }), ({ message, contender, result }: BenchError) => {
    assert.deepEqual([message, contender], ['failing: out of plates', 'failing'])
    assert.ok(result!.steady.runs > 0 && result!.failing.runs > 0)
    return true
  })
})

test('a contender that hangs is given up, and one whose clock tells no time is refused', async () => {
  await assert.rejects(bench({ stuck: () => new Promise(() => {}) }, { timeout: 0.05 }), /^Error: stuck: its call did not end within 0.05 s$/)
  const broken = { time: async () => ({ seconds: NaN, result: undefined }) }
  await assert.rejects(bench({ broken }), /broken: it tells a time of NaN s, and that is none/)
})

test('contenders that answer differently are refused on request', async () => {
  const limits = { seconds: 0.05, minRuns: 3, maxRuns: 3 } as const
  const answers = { a: () => [1, 0.5], b: () => [1, 0.50001], c: () => [1, 0.6] }
  await assert.rejects(bench(answers, { ...limits, sameResults: true }), /c: it answers something else than a does: the result\.1 is 0\.6, not 0\.5/)
  await bench(answers, { ...limits, sameResults: { relative: 0.5 } })
  await bench(answers, limits)
})

test('calls within a sample can be settled, and contenders that differ in their settings are told', async () => {
  let calls = 0
  const counted = Object.assign(() => calls++, { settings: { threads: 1 } })
  const result = await bench({ a: counted, b: { run: spin(10), settings: { threads: 2 } } }, { seconds: 0.05, minRuns: 5, maxRuns: 5, calls: 3 })
  assert.equal(calls, result.a.warmup + 15)
  assert.match(String(result), /Not all alike: threads \(a 1, b 2\)\./)
  await assert.rejects(bench({ a: counted }, { calls: 0 }), /a: a sample takes 1 call or more, not 0/)
})

test('many contenders are timed often enough for one of them to be told apart', async () => {
  const many = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`c${i}`, i === 5 ? 0.02 : 0.01]))
  const result = await bench(planted(many, 0.001, 1))
  assert.equal(result.c5.verdict, 'slower')
  await assert.rejects(bench(planted(many, 0.001, 1), { threshold: 1 }), /the threshold is a share from 0 to 1, not 1/)
})

test('one run claims no interval', async () => {
  const result = await bench({ a: spin(1e4), b: spin(1e6) }, { seconds: 0.05, minRuns: 1, maxRuns: 1 })
  assert.deepEqual([result.a.interval.low, result.a.interval.high], [0, Infinity])
  assert.equal(result.b.verdict, 'too few runs')
  assert.match(String(result), /a: one run only, so no interval is claimed\./)
  assert.match(String(result), /a +\S+ \S+ +none /)
  await assert.rejects(bench({ a: spin(1) }, { minRuns: 0 }), /1 run at least/)
})

test('an interrupt stops the timing between two calls', async () => {
  const interrupt = new AbortController()
  Object.assign(globalThis, { [Symbol.for('hone.cell')]: { id: 'a', signal: interrupt.signal } })
  let calls = 0
  try {
    const count = async () => {
      await sleep(2)
      if (++calls === 5) interrupt.abort(new Error('Interrupted'))
    }
    await assert.rejects(bench({ count }, { seconds: 60 }), /^Error: Interrupted$/)
  } finally {
    Reflect.deleteProperty(globalThis, Symbol.for('hone.cell'))
  }
  assert.equal(calls, 5)
})

/** Contenders with a clock of their own, whose times are planted. */
const planted = (medians: Readonly<Record<string, number>>, noise: number, seed: number) =>
  Object.fromEntries(Object.entries(medians).map(([name, median], i) => {
    const draw = lognormal(median, noise, 1000 * seed + i)
    return [name, { time: async (calls: number) => ({ seconds: calls * draw(), result: undefined }) }]
  }))

async function differing(medians: Readonly<Record<string, number>>, noise: number, trials: number): Promise<number> {
  let found = 0
  for (let seed = 0; seed < trials; seed++) {
    const result = await bench(planted(medians, noise, seed), { seed })
    if (result.b.verdict === 'faster' || result.b.verdict === 'slower') found++
  }
  return found / trials
}

test('two equal contenders are told apart in at most 5 % of trials', async () => {
  const found = await differing({ a: 0.01, b: 0.01 }, 0.03, 60)
  assert.ok(found <= 0.05, `${found}`)
})

test('a difference of 5 % is found in at least 95 % of trials', async () => {
  const found = await differing({ a: 0.01, b: 0.0105 }, 0.04, 20)
  assert.ok(found >= 0.95, `${found}`)
})

test('a difference of 20 % is found under heavy noise, and flagged as noisy', async () => {
  const result = await bench(planted({ a: 0.01, b: 0.012 }, 0.3, 1))
  assert.equal(result.b.verdict, 'slower')
  assert.ok(result.about.noisy)
  assert.match(String(result), /b: noisy, the middle half of its runs spreads over \d\d\.\d % of the median/)
})
