import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { throwIfInterrupted, unlessInterrupted } from '../interrupt.ts'

/**
 * What is timed: a function; one that handles `perCall` items (a batch), whose time is told per item; or something with a clock of its own, such as
 * another process.
 */
export type Contender = TimedFunction | FunctionContender | ClockedContender

/** A function; a session's bound run tells its settings. */
export interface TimedFunction {
  (): unknown
  readonly settings?: Settings
}

/** What figures depend on beside the work itself, such as device and threads: where contenders differ in it, the result says so. */
export type Settings = Readonly<Record<string, string | number | boolean>>

interface AnyContender {
  /** Items that one call handles (1). */
  readonly perCall?: number
  readonly settings?: Settings
}

export interface FunctionContender extends AnyContender {
  readonly run: TimedFunction
}

/** Times its own calls. */
export interface ClockedContender extends AnyContender {
  /** Makes so many calls in a row. */
  time(calls: number): Promise<Timing>
  /** Processes whose load is its own, and nobody else's. */
  readonly pids?: readonly number[]
  /** Frees what it holds, when the timing ends. */
  close?(): Promise<void>
}

export interface Timing {
  /** Of all calls together. */
  readonly seconds: number
  /** What the last call answered. */
  readonly result: unknown
}

/** A contender failed; what was measured before is kept. */
export class ContenderError extends Error {
  readonly contender: string
  readonly reason: string

  constructor(contender: string, reason: string, options?: ErrorOptions) {
    super(`${contender}: ${reason}`, options)
    this.contender = contender
    this.reason = reason
  }
}

/** A contender in a race: how it is called, and what was measured of it. */
export class Entrant<Name extends string = string> {
  readonly name: Name
  readonly perCall: number
  readonly settings: Settings
  readonly pids: readonly number[]
  /** Seconds per item. */
  readonly samples: number[] = []
  /** Calls within one sample. */
  repeats: number
  /** Whether more calls may go into a sample that is too short. */
  readonly mayGrow: boolean
  /** Calls made before the first sample. */
  warmup = 0
  /** What its last call answered. */
  result: unknown
  readonly #clocked: ClockedContender
  readonly #timeout: number
  readonly #rest: number

  /** @param how seconds that a call may take, and of rest before a sample; calls within one, where that is settled. */
  constructor(name: Name, contender: Contender, { timeout, calls, rest }: { readonly timeout: number; readonly calls?: number; readonly rest: number }) {
    const given = typeof contender === 'function' ? { run: contender } : contender
    const { perCall = 1 } = given
    if (!(perCall > 0)) throw new RangeError(`${name}: a call handles 1 item or more, not ${perCall}`)
    this.name = name
    if (calls !== undefined && !(Number.isInteger(calls) && calls > 0)) throw new RangeError(`${name}: a sample takes 1 call or more, not ${calls}`)
    this.perCall = perCall
    this.repeats = calls ?? 1
    this.mayGrow = calls === undefined
    this.settings = given.settings ?? ('run' in given ? given.run.settings : undefined) ?? {}
    this.#clocked = 'run' in given ? { time: (calls) => timeCalls(given.run, calls) } : given
    this.pids = this.#clocked.pids ?? []
    this.#timeout = timeout
    this.#rest = rest
  }

  /** Seconds of one call, from `repeats` of them in a row. @throws ContenderError where it throws, hangs, or tells no time. */
  async time(): Promise<number> {
    await (this.#rest > 0 ? unlessInterrupted(sleep(1000 * this.#rest)) : turn())
    throwIfInterrupted()
    const { seconds, result } = await this.#ended(this.#clocked.time(this.repeats))
    if (!(seconds >= 0 && seconds < Infinity)) throw new ContenderError(this.name, `it tells a time of ${seconds} s, and that is none`)
    this.result = result
    return Math.max(seconds, CLOCK_STEP) / this.repeats
  }

  async close(): Promise<void> {
    await this.#clocked.close?.()
  }

  /** A call that never ends is given up; one that never returns to JavaScript's event loop cannot be. */
  async #ended(timing: Promise<Timing>): Promise<Timing> {
    const limit = this.#timeout * this.repeats
    const hangs = new AbortController()
    try {
      return await Promise.race([unlessInterrupted(timing), rejectedAfter(limit, hangs.signal, () => new Error(`its call did not end within ${limit} s`))])
    } catch (error) {
      throwIfInterrupted()
      throw new ContenderError(this.name, (error as Error)?.message ?? String(error), { cause: error })
    } finally {
      hangs.abort()
    }
  }
}

/** What `performance.now` can tell apart, in seconds. */
const CLOCK_STEP = 1e-9

async function timeCalls(run: () => unknown, calls: number): Promise<Timing> {
  let result: unknown
  const start = performance.now()
  for (let i = 0; i < calls; i++) {
    result = run()
    if (isThenable(result)) result = await result
  }
  return { seconds: (performance.now() - start) / 1000, result }
}

/** Awaiting what is no promise would cost more than a short call. */
function isThenable(result: unknown): result is PromiseLike<unknown> {
  return typeof (result as PromiseLike<unknown> | null | undefined)?.then === 'function'
}

function rejectedAfter(seconds: number, signal: AbortSignal, error: () => Error): Promise<never> {
  return new Promise((_, reject) => {
    const timer = setTimeout(() => reject(error()), Math.min(seconds * 1000, 2 ** 31 - 1))
    signal.addEventListener('abort', () => clearTimeout(timer))
  })
}
