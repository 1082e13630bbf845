import { progress, type Progress } from '../progress.ts'
import { random } from '../random.ts'
import { disagreement, type Tolerance } from './agree.ts'
import { LEVEL, ratiosOf } from './compare.ts'
import { watchConditions } from './conditions.ts'
import { ContenderError, Entrant, type Contender } from './contender.ts'
import { environment } from './environment.ts'
import { benchResult, requireFree, type BenchResult } from './result.ts'
import { bootstrap, median, type Interval } from './stats.ts'
import { warmUp } from './warm-up.ts'

export interface BenchOptions<Name extends string = string> {
  /** Time to spend on all contenders together, warm-up aside (10 s). At least `minRuns` are made however long they take. */
  readonly seconds?: number
  /** Samples of each contender at least (7, more where there are so many contenders that 7 could tell none apart). With 1 no interval is claimed. */
  readonly minRuns?: number
  /** Samples of each contender at most (1,000, or `minRuns` where that is more). */
  readonly maxRuns?: number
  /** Calls within one sample (as many as take a millisecond together). */
  readonly calls?: number
  /** Enough is measured when every 95 % interval, of medians and of ratios, reaches no further than this share (0.015). */
  readonly precision?: number
  /** Smaller differences than this share count as none (0.02): two sessions of one model differ by up to 1 or 2 %, by where their code and data lie. */
  readonly threshold?: number
  /** Whom the others are compared with (the first). */
  readonly baseline?: Name
  /** Decides the order within each round, intervals and p values (0). */
  readonly seed?: number
  /** Seconds that a call may take (600). */
  readonly timeout?: number
  /** Seconds of rest before each sample (0), so that threads of the contender before, which wait for work awhile before they sleep, disturb nobody. */
  readonly rest?: number
  /** Refuses contenders whose results differ from the baseline's (false): true with usual tolerances of numbers. */
  readonly sameResults?: boolean | Tolerance
}

type Limits = Required<Pick<BenchOptions, 'baseline' | 'seconds' | 'minRuns' | 'maxRuns' | 'precision' | 'seed'>>

/** A contender threw, hung, or told no time. `result` holds what was measured before, where every contender has a sample. */
export class BenchError extends ContenderError {
  readonly result: BenchResult<string> | undefined

  constructor({ contender, reason, cause }: ContenderError, result: BenchResult<string> | undefined) {
    super(contender, reason, { cause })
    this.result = result
  }
}

/**
 * Times contenders side by side. Each is warmed up until its times stay on one level; then every round times each of them once, in an order drawn by
 * chance, so that what disturbs the machine meets all alike, and ratios are taken within rounds. An interrupt takes effect between two calls.
 *
 * @example const speed = await bench({ float32: () => a.run(x), int8: () => b.run(x) }); speed.int8.speedup
 * @throws RangeError where there is nothing to time; BenchError where a contender fails, or answers something else than the baseline does.
 */
export async function bench<Name extends string>(contenders: Readonly<Record<Name, Contender>>, options: BenchOptions<NoInfer<Name>> = {}): Promise<BenchResult<Name>> {
  const names = Object.keys(contenders) as Name[]
  const { minRuns = fewestRounds(names.length - 1), maxRuns = Math.max(1000, minRuns) } = options
  const { seconds = 10, calls, precision = 0.015, threshold = 0.02, seed = 0, timeout = 600, rest = 0, sameResults = false } = options
  const baseline = options.baseline ?? names[0]
  if (!names.includes(baseline)) throw new RangeError(names.length ? `there is no contender "${baseline}" to compare with, only ${names.join(', ')}` : 'there is nothing to time')
  if (!(minRuns >= 1 && maxRuns >= minRuns)) throw new RangeError(`there is 1 run at least, and no fewer at most: not ${minRuns} to ${maxRuns}`)
  if (!(threshold >= 0 && threshold < 1)) throw new RangeError(`the threshold is a share from 0 to 1, not ${threshold}`)

  requireFree(names)
  const entrants = names.map((name) => new Entrant(name, contenders[name], { timeout, calls, rest }))
  const label = names.length > 3 ? `${names.length} variants` : names.join(', ')
  const bar = progress(`Timing ${label}`, seconds, (s) => `${s.toFixed(0)} s`)
  const started = new Date()
  const machine = environment()
  let conditions = watchConditions()
  const result = () => benchResult(entrants, { baseline, seed, threshold, environment: machine, conditions: conditions.end(), started })
  try {
    for (const one of entrants) await warmUp(one, (0.2 * seconds) / entrants.length)
    if (sameResults) checkResults(entrants, baseline, sameResults === true ? {} : sameResults)
    conditions = watchConditions(entrants.flatMap(({ pids }) => pids))
    await rounds(entrants, { baseline, seconds, minRuns, maxRuns, precision, seed }, bar, conditions.look)
    return result()
  } catch (error) {
    if (!(error instanceof ContenderError)) throw error
    throw new BenchError(error, entrants.every(({ samples }) => samples.length) ? result() : undefined)
  } finally {
    bar.done()
    await Promise.all(entrants.map((one) => one.close()))
  }
}

function checkResults(entrants: readonly Entrant[], baseline: string, tolerance: Tolerance): void {
  const expected = entrants.find(({ name }) => name === baseline)!
  for (const { name, result } of entrants) {
    const difference = disagreement(result, expected.result, tolerance)
    if (difference) throw new ContenderError(name, `it answers something else than ${baseline} does: ${difference}`)
  }
}

async function rounds(entrants: readonly Entrant[], limits: Limits, bar: Progress, look: () => void): Promise<void> {
  const { shuffled } = random(limits.seed)
  const start = performance.now()
  let last = 0
  for (let round = 1, check = limits.minRuns; round <= limits.maxRuns; round++) {
    for (const one of shuffled(entrants)) one.samples.push((await one.time()) / one.perCall)
    look()
    const spent = (performance.now() - start) / 1000
    bar.tick(spent - last)
    last = spent
    if (round < limits.minRuns) continue
    if (spent >= limits.seconds) return
    if (round >= check) {
      if (settled(entrants, limits)) return
      check = Math.ceil(1.25 * round)
    }
  }
}

/** One sample has no interval, and none that more samples would not narrow. */
function settled(entrants: readonly Entrant[], { baseline, precision, seed }: Limits): boolean {
  const reference = entrants.find(({ name }) => name === baseline)!.samples
  if (reference.length < 2) return false
  const narrow = ({ low, high }: Interval) => high - low <= 2 * precision
  const quick = { resamples: 500, seed }
  return entrants.every(({ name, samples }) => {
    const own = bootstrap(samples.map(Math.log), median, { ...quick, series: true })
    return narrow(own) && (name === baseline || narrow(bootstrap(ratiosOf(reference, samples), median, quick)))
  })
}

/** With fewer, chance alone could deal out the rounds' times as one-sidedly as they come, too often for the level that so many comparisons share. */
function fewestRounds(comparisons: number): number {
  return Math.max(7, Math.ceil(1 + Math.log2(comparisons / LEVEL)))
}
