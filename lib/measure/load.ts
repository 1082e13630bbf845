import { setTimeout as sleep } from 'node:timers/promises'
import { throwIfInterrupted } from '../interrupt.ts'
import { progress } from '../progress.ts'
import { random } from '../random.ts'
import { table, type TableBundle } from '../table.ts'
import { digits, timeText } from '../units.ts'
import { quantile } from './stats.ts'

export interface LoadOptions {
  /** Closed loop: so many clients, each of which asks again as soon as it is answered ([1]). */
  readonly clients?: readonly number[]
  /**
   * Open loop: so many requests arrive a second, at random moments, whether the earlier ones are answered or not. A request's latency counts from the
   * moment at which it arrived, its wait included.
   */
  readonly rates?: readonly number[]
  /** Seconds at each level (3). */
  readonly seconds?: number
  /** Items that one request handles (1). */
  readonly perCall?: number
  /** Decides the arrivals (0). */
  readonly seed?: number
}

/** What came of one level of load. */
export interface LoadLevel {
  readonly kind: 'clients' | 'rate'
  /** Clients, or requests a second. */
  readonly level: number
  /** Items answered a second. */
  readonly throughput: number
  /** Seconds of each answered request, in the order of the answers. */
  readonly latencies: readonly number[]
  /** Requests that failed. */
  readonly failed: number
  /** What the first failure said. */
  readonly failure: string | null
}

/**
 * Latency and throughput of a function under load, level by level, after one request that does not count. In one thread a synchronous function, or a
 * session, answers one request at a time: what more clients add is waiting. `replicas` serves several at once.
 * @throws RangeError where a level is none.
 */
export async function load(request: () => unknown, options: LoadOptions = {}): Promise<LoadResult> {
  const { rates = [], clients = rates.length ? [] : [1], seconds = 3, perCall = 1, seed = 0 } = options
  const bad = [...clients, ...rates].find((level) => !(level > 0 && level < Infinity)) ?? clients.find((level) => !Number.isInteger(level))
  if (bad !== undefined) throw new RangeError(`a level of load is a number of clients, or a rate above 0, not ${bad}`)
  await request()
  const bar = progress('Load', clients.length + rates.length)
  const levels: LoadLevel[] = []
  try {
    for (const level of clients) {
      levels.push(await measured('clients', level, perCall, (serve) => closed(level, seconds, serve), request))
      bar.tick()
    }
    for (const level of rates) {
      levels.push(await measured('rate', level, perCall, (serve) => open(level, seconds, seed, serve), request))
      bar.tick()
    }
  } finally {
    bar.done()
  }
  return new LoadResult(levels)
}

/** Makes one request, which arrived at the given moment. */
type Serve = (arrival: number) => Promise<void>

async function measured(kind: LoadLevel['kind'], level: number, perCall: number, generate: (serve: Serve) => Promise<void>, request: () => unknown): Promise<LoadLevel> {
  const latencies: number[] = []
  const failures: unknown[] = []
  const start = performance.now()
  await generate(async (arrival) => {
    try {
      await request()
      latencies.push((performance.now() - arrival) / 1000)
    } catch (error) {
      failures.push(error)
    }
  })
  throwIfInterrupted()
  const elapsed = (performance.now() - start) / 1000
  const [first] = failures
  return { kind, level, throughput: (latencies.length * perCall) / elapsed, latencies, failed: failures.length, failure: failures.length ? ((first as Error)?.message ?? String(first)) : null }
}

async function closed(clients: number, seconds: number, serve: Serve): Promise<void> {
  const end = performance.now() + seconds * 1000
  const client = async () => {
    do {
      await new Promise(setImmediate)
      throwIfInterrupted()
      await serve(performance.now())
    } while (performance.now() < end)
  }
  await Promise.all(Array.from({ length: clients }, client))
}

/** Arrivals as a Poisson process, planned ahead: a slow answer does not hold later arrivals back (no "coordinated omission"). */
async function open(rate: number, seconds: number, seed: number, serve: Serve): Promise<void> {
  const { next } = random(seed)
  const start = performance.now()
  const pending = new Set<Promise<void>>()
  for (let arrival = 0; ; ) {
    arrival += -Math.log(1 - next()) / rate
    if (arrival > seconds) break
    const due = start + arrival * 1000
    await sleep(Math.max(0, due - performance.now()))
    throwIfInterrupted()
    const answer = serve(due).finally(() => pending.delete(answer))
    pending.add(answer)
  }
  await Promise.all(pending)
}

const PERCENTILES = [0.5, 0.9, 0.95, 0.99] as const

/** Latency and throughput by level of load. Shows itself as a table. */
export class LoadResult {
  readonly levels: readonly LoadLevel[]

  constructor(levels: readonly LoadLevel[]) {
    this.levels = levels
  }

  table(): TableBundle {
    const latency = (level: LoadLevel, p: number) => (level.latencies.length ? timeText(quantile(level.latencies, p)) : 'none')
    const failed = this.levels.filter(({ failure }) => failure !== null).map(({ kind, level, failed: count, failure }) => `${count} requests failed at ${kind} ${level}: ${failure}.`)
    return table(this.levels, [
      { heading: 'load', cell: ({ kind, level }) => (kind === 'rate' ? `${digits(level)} requests/s` : `${level} ${level === 1 ? 'client' : 'clients'}`) },
      { heading: 'items/s', cell: ({ throughput }) => digits(throughput) },
      ...PERCENTILES.map((p) => ({ heading: `p${100 * p}`, cell: (level: LoadLevel) => latency(level, p) })),
      { heading: 'longest', cell: (level) => latency(level, 1) },
      { heading: 'requests', cell: ({ latencies }) => String(latencies.length) },
    ], [...this.#notes(), ...failed].join('\n'))
  }

  #notes(): string[] {
    const has = (kind: LoadLevel['kind']) => this.levels.some((level) => level.kind === kind)
    return [
      ...(has('clients') ? ['Clients ask again as soon as they are answered: while one answer is late, the requests that would have come meanwhile are not made, and not counted.'] : []),
      ...(has('rate') ? ['Requests at a rate come whether earlier ones are answered or not, and count from the moment they were due: nothing is left out (no coordinated omission).'] : []),
    ]
  }

  [Symbol.for('Jupyter.display')](): TableBundle {
    return this.table()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.table()['text/plain']
  }
}
