import assert from 'node:assert/strict'
import { test } from 'node:test'
import { random } from '../../../lib/random.ts'
import { blockLength } from '../../../lib/measure/block-length.ts'
import { bootstrap, bootstrapPairedDifference, bootstrapRatio, mean, median, quantile } from '../../../lib/measure/stats.ts'

/** Standard normal samples by Box and Muller. */
function normal(count: number, seed: number): number[] {
  const { next } = random(seed)
  return Array.from({ length: count }, () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()))
}

test('median, mean and quantile of known samples', () => {
  assert.equal(median([3, 1, 2]), 2)
  assert.equal(median([4, 1, 2, 3]), 2.5)
  assert.equal(mean([1, 2, 6]), 3)
  assert.equal(quantile(Array.from({ length: 101 }, (_, i) => i), 0.9), 90)
  assert.throws(() => median([]), /at least one sample/)
})

test('an interval holds its estimate, repeats by its seed and leaves the samples as they were', () => {
  const samples = normal(50, 1)
  const before = [...samples]
  const interval = bootstrap(samples, median, { seed: 7 })
  assert.ok(interval.low <= interval.value && interval.value <= interval.high)
  assert.deepEqual(bootstrap(samples, median, { seed: 7 }), interval)
  assert.notDeepEqual(bootstrap(samples, median, { seed: 8 }), interval)
  assert.deepEqual(samples, before)
})

test('a 95 % interval of a mean misses the truth about one time in twenty', () => {
  const missed = Array.from({ length: 400 }, (_, seed) => {
    const { low, high } = bootstrap(normal(40, 1000 + seed), mean, { seed, resamples: 400 })
    return low > 0 || high < 0
  }).filter(Boolean).length
  assert.ok(missed > 8 && missed < 40, `${missed} of 400 missed`)
})

test('few samples: the interval is as wide as it must be', () => {
  for (const count of [5, 7, 10]) {
    const missed = Array.from({ length: 400 }, (_, seed) => {
      const { low, high } = bootstrap(normal(count, 3000 + seed), median, { seed, resamples: 400 })
      return low > 0 || high < 0
    }).filter(Boolean).length
    assert.ok(missed < 34, `${missed} of 400 missed at ${count}`)
  }
})

/** Each sample keeps most of the one before. */
function lasting(count: number, kept: number, seed: number): number[] {
  let level = 0
  return normal(count + 50, seed).map((z) => (level = kept * level + z)).slice(50)
}

test('neighbours that are alike are drawn together, and so the interval of a series tells the truth', () => {
  assert.equal(blockLength([1, 1, 1, 1, 1, 1, 1, 1]), 1)
  assert.equal(blockLength([3, 1, 2]), 1)
  const lengths = (kept: number) => Array.from({ length: 50 }, (_, seed) => blockLength(lasting(200, kept, seed)))
  assert.ok(median(lengths(0)) <= 2, `${median(lengths(0))}`)
  assert.ok(median(lengths(0.8)) >= 8, `${median(lengths(0.8))}`)
  const missed = (series: boolean) => Array.from({ length: 200 }, (_, seed) => {
    const { low, high } = bootstrap(lasting(200, 0.8, seed), median, { seed, resamples: 300, series })
    return low > 0 || high < 0
  }).filter(Boolean).length
  const [alone, together] = [missed(false), missed(true)]
  assert.ok(alone > 60 && together < 36, `${alone} and ${together} of 200 missed`)
})

test('a lower level gives a narrower interval', () => {
  const samples = normal(60, 3)
  const wide = bootstrap(samples, mean, { level: 0.99 })
  const narrow = bootstrap(samples, mean, { level: 0.5 })
  assert.ok(narrow.high - narrow.low < wide.high - wide.low)
})

test('the ratio of two sets of times is found, with the right sign', () => {
  const slow = normal(60, 4).map((z) => 2 * Math.exp(0.05 * z))
  const fast = normal(40, 5).map((z) => Math.exp(0.05 * z))
  const { value, low, high } = bootstrapRatio(slow, fast)
  assert.ok(low < Math.log(2) && Math.log(2) < high)
  assert.ok(low > 0.6 && high < 0.8)
  assert.ok(Math.abs(value + bootstrapRatio(fast, slow).value) < 1e-12)
  const alike = bootstrapRatio(fast, normal(40, 6).map((z) => Math.exp(0.05 * z)))
  assert.ok(alike.low < 0 && alike.high > 0)
  assert.throws(() => bootstrapRatio([1, 0], [1]), /samples above 0, not 0/)
})

test('pairing removes what the items share', () => {
  const items = normal(200, 9).map((z) => 10 * z)
  const noise = normal(200, 10)
  const better = items.map((x, i) => x + 0.5 + 0.1 * noise[i])
  const paired = bootstrapPairedDifference(items, better)
  assert.ok(paired.low > 0.45 && paired.high < 0.55)
  assert.deepEqual(bootstrapPairedDifference([1, 0, 1], [1, 0, 1]), { value: 0, low: 0, high: 0 })
  assert.throws(() => bootstrapPairedDifference([1, 2], [1]), /not 2 and 1/)
})

test('the generator is uniform, resumes at a count, and near seeds are unrelated', () => {
  const { below } = random(42)
  const counts = Array.from({ length: 10 }, () => 0)
  for (let i = 0; i < 100_000; i++) counts[below(10)]++
  assert.ok(counts.every((count) => Math.abs(count - 10_000) < 500), counts.join(' '))

  const whole = random(5)
  const first = Array.from({ length: 10 }, () => whole.next())
  assert.equal(random(5, 7).next(), first[7])

  const [a, b] = [random(1), random(2)]
  const pairs = Array.from({ length: 10_000 }, () => [a.next() - 0.5, b.next() - 0.5] as const)
  assert.ok(Math.abs(mean(pairs.map(([x, y]) => 12 * x * y))) < 0.05)
})

test('a shuffle keeps every item and favours no order', () => {
  const { shuffled } = random(3)
  const items = ['a', 'b', 'c']
  const seen = new Map<string, number>()
  for (let i = 0; i < 6000; i++) {
    const order = shuffled(items).join('')
    seen.set(order, (seen.get(order) ?? 0) + 1)
  }
  assert.equal(seen.size, 6)
  assert.ok([...seen.values()].every((count) => Math.abs(count - 1000) < 150), [...seen].join(' '))
  assert.deepEqual(items, ['a', 'b', 'c'])
})
