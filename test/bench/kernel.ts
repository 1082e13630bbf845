import { setTimeout as sleep } from 'node:timers/promises'
import { KernelClient } from '../../kernel/client.ts'
import { quantile } from '../../lib/measure/stats.ts'
import { figures } from './figures.ts'
import { cases, type Case, type Measured } from './kernel/cases.ts'
import { contenders, type Contender } from './kernel/contenders.ts'
import type { BenchOptions, Row } from './main.ts'

/** Runs after which a 95th percentile means something, and the parts of them that tell its spread. */
const MANY = 100
const PARTS = 5

/** Every case on each kernel, in turn; a kernel that does not manage a case has a row that says why. */
export async function bench(print: (row: Row) => void, { peers }: BenchOptions): Promise<void> {
  for (const one of cases) {
    const series = contenders(peers).map((contender) => new Series(contender, one))
    for (let run = 0; run < one.runs + (one.warmUp ?? 0); run++) for (const each of series) await each.run()
    for (const each of series) {
      await each.end()
      for (const row of each.rows()) print({ bench: 'kernel', ...row })
    }
  }
}

/** The runs of one case on one kernel. */
class Series {
  readonly #contender: Contender
  readonly #case: Case
  readonly #measured: Measured[] = []
  #kernel: KernelClient | undefined
  #startTime = 0
  #unanswered = 0
  #failure: string | undefined

  constructor(contender: Contender, one: Case) {
    this.#contender = contender
    this.#case = one
  }

  /**
   * A run without an answer is counted, and the next one has another kernel. After a tenth of them, or any other failure, it is given up.
   * tslab loses answers on a busy machine: it does not wait for its sends, and a socket takes one at a time. https://zeromq.github.io/zeromq.js/classes/Writable.html#send
   */
  async run(): Promise<void> {
    if (this.#failure !== undefined) return
    const { limit, runs, fresh } = this.#case
    const timer = new AbortController()
    const late = sleep(limit * 1000, 'late' as const, { signal: timer.signal }).catch(() => 'late' as const)
    const outcome = await Promise.race([this.#measure().catch((error: Error) => error), late])
    timer.abort()
    if (outcome === 'late') this.#unanswered++
    else if (outcome instanceof Error) this.#failure = outcome.message
    else this.#measured.push(outcome)
    if (this.#unanswered > runs / 10) this.#failure = `no answer within ${limit} s`
    if (fresh || outcome === 'late' || outcome instanceof Error) await this.end()
  }

  async #measure(): Promise<Measured> {
    const start = performance.now()
    if (this.#kernel === undefined) {
      this.#kernel = await KernelClient.start(this.#contender.options)
      this.#startTime = (performance.now() - start) / 1000
      if (!this.#case.fresh) await this.#kernel.execute(this.#contender.says.declare)
    }
    return this.#case.measure(this.#kernel, this.#contender, this.#startTime)
  }

  async end(): Promise<void> {
    const kernel = this.#kernel
    this.#kernel = undefined
    await kernel?.shutdown()
  }

  /** A failed series has rows for what it measured before it failed, too. */
  rows(): Omit<Row, 'bench'>[] {
    const { who } = this.#contender
    const kept = this.#measured.slice(this.#case.warmUp ?? 0)
    const problem = { ...(this.#failure !== undefined && { failed: this.#failure }), ...(this.#unanswered > 0 && { unanswered: this.#unanswered }) }
    if (kept.length === 0) return [{ case: this.#case.name, who, metric: 'time', unit: 's', median: null, p25: null, p75: null, runs: 0, ...problem }]
    return Object.keys(kept[0]).flatMap((name) => {
      const samples = kept.map((measured) => measured[name])
      const [metric, unit] = name.includes('memory') ? ['resident memory', 'MB'] : ['time', 's']
      const row = { case: name, who, metric, unit, ...figures(samples), ...problem }
      return samples.length < MANY ? [row] : [row, { ...row, metric: `${metric}, 95th percentile`, ...figures(parts(samples).map((part) => quantile(part, 0.95))) }]
    })
  }
}

function parts(samples: readonly number[]): number[][] {
  const size = samples.length / PARTS
  return Array.from({ length: PARTS }, (_, i) => samples.slice(Math.round(i * size), Math.round((i + 1) * size)))
}
