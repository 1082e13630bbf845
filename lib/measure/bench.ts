import { setImmediate as turn } from 'node:timers/promises'
import { progress, type Progress } from '../progress.ts'
import { throwIfInterrupted } from '../interrupt.ts'
import { random } from '../random.ts'
import { benchResult, type BenchResult } from './result.ts'
import { bootstrap, median } from './stats.ts'

/** What is timed: a function, or one that handles `perCall` items (a batch), whose time is told per item. */
export type Contender = (() => unknown) | { readonly run: () => unknown; readonly perCall?: number }

export interface BenchOptions<Name extends string = string> {
  /** Time to spend on all contenders together, warm-up aside (10 s). At least `minRuns` are made however long they take. */
  readonly seconds?: number
  /** Samples of each contender at least (7). */
  readonly minRuns?: number
  /** Samples of each contender at most (200). */
  readonly maxRuns?: number
  /** Enough is measured when every 95 % interval reaches no further than this share of its median (0.02). */
  readonly precision?: number
  /** Whom the others are compared with (the first). */
  readonly baseline?: Name
  /** Decides the order within each round, and the intervals (0). */
  readonly seed?: number
}

/** A sample lasts this long at least, so that the clock's steps and a call's own cost do not show: short calls are repeated within it. */
const SHORTEST_SAMPLE = 1e-3

/**
 * Times contenders side by side. Each is warmed up until it is no longer getting faster; then every round times each of them once, in an order
 * that changes, so that what disturbs the machine meets all alike. An interrupt takes effect between two calls.
 *
 * @example const speed = await bench({ float32: () => a.run(x), int8: () => b.run(x) }); speed.int8.speedup
 * @throws RangeError where there is nothing to time.
 */
export async function bench<Name extends string>(contenders: Readonly<Record<Name, Contender>>, options: BenchOptions<NoInfer<Name>> = {}): Promise<BenchResult<Name>> {
  const { seconds = 10, minRuns = 7, maxRuns = 200, precision = 0.02, seed = 0 } = options
  const names = Object.keys(contenders) as Name[]
  const baseline = options.baseline ?? names[0]
  if (!names.includes(baseline)) throw new RangeError(names.length ? `there is no contender "${baseline}" to compare with, only ${names.join(', ')}` : 'there is nothing to time')

  const label = names.length > 3 ? `${names.length} variants` : names.join(', ')
  const bar = progress(`Timing ${label}`, seconds, (s) => `${s.toFixed(0)} s`)
  try {
    const entrants = names.map((name) => entrant(name, contenders[name]))
    for (const one of entrants) await warmUp(one, (0.2 * seconds) / entrants.length)
    await rounds(entrants, { seconds, minRuns, maxRuns, precision, seed }, bar)
    return benchResult(entrants, baseline, seed)
  } finally {
    bar.done()
  }
}

interface Entrant<Name extends string = string> {
  readonly name: Name
  readonly run: () => unknown
  readonly perCall: number
  /** Calls within one sample. */
  repeats: number
  /** Calls made before the first sample. */
  warmup: number
  /** Seconds per item. */
  readonly samples: number[]
}

function entrant<Name extends string>(name: Name, contender: Contender): Entrant<Name> {
  const { run, perCall = 1 } = typeof contender === 'function' ? { run: contender } : contender
  if (!(perCall > 0)) throw new RangeError(`${name}: a call handles 1 item or more, not ${perCall}`)
  return { name, run, perCall, repeats: 1, warmup: 0, samples: [] }
}

/** Seconds for one call, from `repeats` of them in a row. */
async function timed({ run, repeats }: Entrant): Promise<number> {
  await turn()
  throwIfInterrupted()
  const start = performance.now()
  for (let i = 0; i < repeats; i++) {
    const result = run()
    if (isThenable(result)) await result
  }
  return (performance.now() - start) / 1000 / repeats
}

/** Awaiting what is no promise would cost more than a short call. */
function isThenable(result: unknown): result is PromiseLike<unknown> {
  return typeof (result as PromiseLike<unknown> | null | undefined)?.then === 'function'
}

/** Warm is whom three samples in a row do not show faster, by more than 1 %, than the best before. */
async function warmUp(one: Entrant, budget: number): Promise<void> {
  let best = Infinity
  let spent = 0
  for (let since = 0; since < 3 && spent < budget; ) {
    const time = await timed(one)
    one.warmup += one.repeats
    spent += time * one.repeats
    since = time < 0.99 * best ? 0 : since + 1
    best = Math.min(best, time)
    const repeats = Math.ceil(SHORTEST_SAMPLE / best)
    if (repeats > 2 * one.repeats) {
      one.repeats = repeats
      since = 0
    }
  }
}

async function rounds(entrants: readonly Entrant[], limits: Required<Omit<BenchOptions, 'baseline'>>, bar: Progress): Promise<void> {
  const { shuffled } = random(limits.seed)
  const start = performance.now()
  let last = 0
  for (let round = 1, check = limits.minRuns; round <= limits.maxRuns; round++) {
    for (const one of shuffled(entrants)) one.samples.push((await timed(one)) / one.perCall)
    const spent = (performance.now() - start) / 1000
    bar.tick(spent - last)
    last = spent
    if (round < limits.minRuns) continue
    if (spent >= limits.seconds) return
    if (round >= check) {
      if (entrants.every((one) => settled(one.samples, limits))) return
      check = Math.ceil(1.25 * round)
    }
  }
}

function settled(samples: readonly number[], { precision, seed }: { precision: number; seed: number }): boolean {
  const { value, low, high } = bootstrap(samples, median, { resamples: 500, seed })
  return high - low <= 2 * precision * value
}
