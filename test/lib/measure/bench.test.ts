import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { bench } from '../../../lib/measure/bench.ts'
import { random } from '../../../lib/random.ts'
import { benchResult, outliers } from '../../../lib/measure/result.ts'

const spin = (steps: number) => () => {
  let x = 0
  for (let i = 0; i < steps; i++) x += Math.sqrt(i)
  return x
}

function bundle(value: object): Record<string, string> {
  return (value as Record<symbol, () => Record<string, string>>)[Symbol.for('Jupyter.display')]()
}

/** Times round `center` with 2 % of noise. */
function times(center: number, count: number, seed: number): number[] {
  const { next } = random(seed)
  return Array.from({ length: count }, () => center * (1 + 0.04 * (next() - 0.5)))
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
  assert.match(bundle(result)['text/plain'], /median per item.*Items per call: one 1, batch 100\./s)
})

test('another baseline can be named; an unknown one and an empty set are refused', async () => {
  const limits = { seconds: 0.05, minRuns: 3, maxRuns: 3 } as const
  const result = await bench({ a: spin(1e5), b: spin(1e5) }, { ...limits, baseline: 'b' })
  assert.equal(result.b.verdict, 'baseline')
  await assert.rejects(bench({ a: spin(1) }, { baseline: 'z' as 'a' }), /there is no contender "z" to compare with, only a/)
  await assert.rejects(bench({}), /nothing to time/)
  await assert.rejects(bench({ a: { run: spin(1), perCall: 0 } }), /a: a call handles 1 item or more/)
})

test('what a contender throws is thrown', async () => {
  await assert.rejects(bench({ a: () => Promise.reject(new Error('out of plates')) }), /out of plates/)
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

test('planted times: twice as fast, slower, and no difference seen', () => {
  const timed = (name: string, samples: number[]) => ({ name, perCall: 1, warmup: 3, samples })
  const result = benchResult([timed('base', times(0.01, 40, 1)), timed('half', times(0.005, 40, 2)), timed('more', times(0.012, 40, 3)), timed('same', times(0.01, 40, 4))], 'base', 0)
  assert.equal(result.half.verdict, 'faster')
  assert.ok(result.half.speedup!.low < 2 && 2 < result.half.speedup!.high)
  assert.equal(result.more.verdict, 'slower')
  assert.equal(result.same.verdict, 'no difference seen')
  assert.deepEqual(Object.keys(result), ['base', 'half', 'more', 'same'])
  const { 'text/plain': plain, 'text/html': html } = bundle(result)
  assert.match(plain, /half +5\.0\d ms .*faster/)
  assert.match(html, /<td[^>]*>same<\/td>.*no difference seen/)
  assert.equal(String(result), plain)
  assert.equal(inspect(result), plain)
})

test('outliers are counted, and every sample is kept', () => {
  const samples = [...times(1, 40, 5), 1.06, 3]
  assert.deepEqual(outliers(samples), { mild: 1, severe: 1 })
  const { a } = benchResult([{ name: 'a', perCall: 1, warmup: 0, samples }], 'a', 0)
  assert.equal(a.samples.length, 42)
})
