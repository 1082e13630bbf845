import { judged, rawSamples, type ClaimRecord, type Samples } from './claim.ts'
import type { Claim, StudyDefinition } from './definition.ts'
import { environment, type RunEnvironment, type RunOptions } from './environment.ts'
import type { SampleSets } from './quantity.ts'
import { studies, type StudyName } from './studies/index.ts'
import { ClaimTable } from './table.ts'

/** What a run leaves as `reports/STUDY.claims.json`. */
export interface ClaimsReport {
  readonly environment: RunEnvironment
  readonly claims: readonly ClaimRecord[]
}

/**
 * Begins a study: its claims are known, its clock runs.
 * @example
 * const claims = study('lprnet', { profile, device: 'cpu', data: { 'LPRNet plates': plates }, seed: 1, threads: 2 })
 * claims.record('lpr.quant', { accuracy: [base, int8], speed: [speed.base, speed.int8], size: [base.bytes, int8.bytes] })
 * @throws RangeError where there is no study of that name.
 */
export function study(name: StudyName, options: RunOptions): Study {
  return new Study(name, options)
}

export class Study {
  readonly #definition: StudyDefinition
  readonly #environment: Omit<RunEnvironment, 'seconds'>
  readonly #start = performance.now()
  readonly #records = new Map<string, ClaimRecord>()

  constructor(name: StudyName, options: RunOptions) {
    this.#definition = named<StudyDefinition>(studies, name, 'study')
    const data = Object.fromEntries(Object.entries(options.data).map(([role, used]) => [role, { name: used.name, complete: used.complete }]))
    this.#environment = { study: name, started: new Date().toISOString(), ...options, data, ...environment() }
    for (const [id, claim] of Object.entries(this.#definition.claims)) for (const metric of Object.keys(claim.metrics)) this.#judge(id, claim, metric, [])
  }

  /**
   * Takes the raw samples of a claim's metrics: `[base, variant]` where the document compares, one set where it does not, a set for each setting where
   * several are compared. Recording again replaces.
   * @returns the rows of this claim.
   * @throws RangeError where the id or a metric is unknown, or the samples cannot be the metric's.
   */
  record(id: string, metrics: Readonly<Record<string, Samples | readonly Samples[]>>): ClaimTable {
    const claim = named(this.#definition.claims, id, 'claim')
    for (const [metric, samples] of Object.entries(metrics)) {
      const { sets } = named(claim.metrics, metric, `metric of ${id}`).quantity
      try {
        this.#judge(id, claim, metric, sets > 1 ? Array.from(samples as readonly Samples[], rawSamples) : [rawSamples(samples as Samples)])
      } catch (error) {
        throw new RangeError(`${id}, ${metric}: ${(error as Error).message}.`, { cause: error })
      }
    }
    return new ClaimTable(this.report(), (record) => record.id === id)
  }

  /** The rows of the claims whose ids begin so: `claims.of('vgg.workers')`. @throws RangeError where there are none. */
  of(start: string): ClaimTable {
    const rows = new ClaimTable(this.report(), ({ id }) => `${id}.`.startsWith(`${start}.`))
    if (!rows.records.length) throw new RangeError(`no claim begins with ${start}; there is ${Object.keys(this.#definition.claims).join(', ')}.`)
    return rows
  }

  /** Every claim of the study, measured or not, with the environment. */
  report(): ClaimsReport {
    const elapsed = Math.round((performance.now() - this.#start) / 100) / 10
    return { environment: { ...this.#environment, seconds: elapsed }, claims: [...this.#records.values()] }
  }

  [Symbol.for('Jupyter.display')](): Record<string, unknown> {
    return new ClaimTable(this.report()).bundle()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return new ClaimTable(this.report()).text()
  }

  #judge(id: string, claim: Claim, metric: string, samples: SampleSets): void {
    this.#records.set(`${id} ${metric}`, judged(id, claim, metric, samples, this.#environment))
  }
}

/** Judges every claim of a report anew from its stored samples. */
export function recompute({ environment: conditions, claims }: ClaimsReport): ClaimRecord[] {
  const definition = named<StudyDefinition>(studies, conditions.study, 'study')
  return claims.map(({ id, metric, samples }) => judged(id, named(definition.claims, id, 'claim'), metric, samples, conditions))
}

function named<T>(table: Readonly<Record<string, T>>, name: string, kind: string): T {
  if (Object.hasOwn(table, name)) return table[name]
  throw new RangeError(`There is no ${kind} named ${name}; there is ${Object.keys(table).join(', ')}.`)
}
