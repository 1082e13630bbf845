import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { throwIfInterrupted } from '../interrupt.ts'
import type { Tensors } from '../runtime/boundary.ts'
import { structureOf, type ModelSource } from '../runtime/model.ts'
import { Session, type BoundRun, type SessionOptions } from '../runtime/session.ts'
import { ratiosOf } from './compare.ts'
import { operatorTimes } from './operator-times.ts'
import { Profile } from './profile-table.ts'
import { bootstrap, median, type Interval } from './stats.ts'

export interface ProfileOptions extends Omit<SessionOptions, 'profile'> {
  /** Runs that count (10); two more go before. */
  readonly runs?: number
}

const WARM_UP_RUNS = 2

/** A model failed while it was profiled; `profile` holds what ran before. */
export class ProfileError extends Error {
  readonly profile: Profile

  constructor(message: string, profile: Profile, options: ErrorOptions) {
    super(message, options)
    this.profile = profile
  }
}

/**
 * Where a model's time goes, operator by operator, by ONNX Runtime's own profiler. What it names are the operators that really ran: fused ones
 * where the graph optimization fuses. The model is run in turn with and without the profiler, which tells what watching costs.
 * https://onnxruntime.ai/docs/performance/tune-performance/profiling-tools.html
 * @throws ProfileError where the model fails while it runs.
 */
export async function profile(model: ModelSource, feeds: Tensors, options: ProfileOptions = {}): Promise<Profile> {
  const { runs = 10, ...settings } = options
  if (!(Number.isInteger(runs) && runs > 0)) throw new RangeError(`a profile takes 1 run or more, not ${runs}`)
  const folder = await mkdtemp(join(tmpdir(), 'hone-profile-'))
  const sessions: Session[] = []
  const open = async (extra: SessionOptions) => {
    const session = await Session.create(model, { ...settings, ...extra })
    sessions.push(session)
    return session
  }
  try {
    const plain = (await open({})).bind(feeds)
    const watched = await open({ profile: join(folder, 'trace') })
    const summed = async (skip: number) => {
      watched.endProfile()
      const [file] = await readdir(folder)
      return operatorTimes(JSON.parse(await readFile(join(folder, file), 'utf8')), skip, structureOf(model))
    }
    const times = await inTurn(plain, watched.bind(feeds), WARM_UP_RUNS + runs).catch(async (failure: Error) => {
      throwIfInterrupted()
      throw new ProfileError(failure.message, new Profile(await summed(0), { failed: true }), { cause: failure })
    })
    const counted = { plain: times.plain.slice(WARM_UP_RUNS), watched: times.watched.slice(WARM_UP_RUNS) }
    return new Profile(await summed(WARM_UP_RUNS), { stopwatch: sum(counted.watched), cost: costOf(counted) })
  } finally {
    await Promise.all([...sessions.map((session) => session.release()), rm(folder, { recursive: true, force: true })])
  }
}

/** Seconds of each run of both, in turn; the watched one goes first in every other pair, and in the first. */
async function inTurn(plain: BoundRun, watched: BoundRun, runs: number): Promise<{ plain: number[]; watched: number[] }> {
  const times = { plain: [] as number[], watched: [] as number[] }
  for (let i = 0; i < runs; i++) {
    if (i % 2 === 1) times.plain.push(await seconds(plain))
    times.watched.push(await seconds(watched))
    if (i % 2 === 0) times.plain.push(await seconds(plain))
  }
  return times
}

async function seconds(run: BoundRun): Promise<number> {
  const start = performance.now()
  await run()
  return (performance.now() - start) / 1000
}

/** The median of the pairs' ratios: what disturbs a pair as a whole cancels. */
function costOf({ plain, watched }: { plain: readonly number[]; watched: readonly number[] }): Interval {
  const { value, low, high } = bootstrap(ratiosOf(watched, plain), median)
  return plain.length > 1 ? { value: Math.expm1(value), low: Math.expm1(low), high: Math.expm1(high) } : { value: Math.expm1(value), low: -1, high: Infinity }
}

const sum = (times: readonly number[]) => times.reduce((total, time) => total + time, 0)
