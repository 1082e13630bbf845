import type { Claim } from './definition.ts'
import { effectOf, type SampleSets } from './quantity.ts'
import { verdict, type Conditions, type Rule, type Verdict } from './verdict.ts'

/** One id and metric: what the document reports beside what this run measured. Figures stand in `unit`. */
export interface ClaimRecord {
  readonly id: string
  readonly metric: string
  readonly document: number
  readonly measured: number | null
  readonly interval: readonly [low: number, high: number] | null
  /** Samples a set: items of a test set, runs of a timing. */
  readonly repeats: number
  readonly unit: string
  /** `[value]`, `[base, variant]`, or a set for each setting; empty where nothing was measured. */
  readonly samples: SampleSets
  readonly verdict: Verdict
  readonly reason: string
}

/** What is handed to `record`: raw samples in any of the forms that measurements come in. */
export type Samples = number | readonly (number | boolean)[] | { readonly samples: readonly (number | boolean)[] }

/** Judges one metric of a claim by its samples. @throws RangeError where the samples cannot be this metric's. */
export function judged(id: string, claim: Claim, metric: string, samples: SampleSets, conditions: Conditions): ClaimRecord {
  const { quantity, rule } = claim.metrics[metric]
  const { scale } = quantity
  const effect = samples.length > 0 ? effectOf(quantity, samples) : undefined
  const judgement = verdict({ rule, scale, needs: claim.needs ?? {}, conditions, effect })
  return {
    id,
    metric,
    document: documentValue(rule),
    measured: effect ? scale.value(effect.value) : null,
    interval: effect ? [scale.value(effect.low), scale.value(effect.high)] : null,
    repeats: effect?.repeats ?? 0,
    unit: scale.unit,
    samples,
    verdict: judgement.verdict,
    reason: judgement.reason,
  }
}

/** The samples as plain numbers; right and wrong become 1 and 0. */
export function rawSamples(samples: Samples): number[] {
  if (typeof samples === 'number') return [samples]
  const list = 'samples' in samples ? samples.samples : samples
  return Array.from(list, Number)
}

function documentValue(rule: Rule): number {
  return rule.kind === 'threshold' ? rule.threshold : rule.document
}
