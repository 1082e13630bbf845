import type { Scale } from './scale.ts'

export const VERDICTS = ['reproduced', 'same direction', 'undecided', 'contradicted', 'not tested here', 'not judged'] as const
export type Verdict = (typeof VERDICTS)[number]

/** What a document says of a quantity, in the unit of its scale. */
export type Rule =
  | { readonly kind: 'count'; readonly document: number }
  | { readonly kind: 'no change'; readonly document: number; readonly margin: number }
  | { readonly kind: 'threshold'; readonly side: 'above' | 'below'; readonly threshold: number }
  | { readonly kind: 'number'; readonly document: number; readonly tolerance: number }
  /** Which of several settings does best: the effect is the best one, its interval reaches over those that it is not significantly better than. */
  | { readonly kind: 'best'; readonly document: number }
  /** Absolute seconds: they say more of the machine than of the method. */
  | { readonly kind: 'shown'; readonly document: number }

export type Profile = 'quick' | 'standard' | 'full'

/** What a claim needs before it can be tested at all. */
export interface Needs {
  readonly gpu?: boolean
  /** The only devices that can show it. */
  readonly devices?: readonly string[]
  /** Name of the data set. */
  readonly data?: string
  readonly cores?: number
  readonly profiles?: readonly Profile[]
}

/** A data set as a run had it: perhaps a part of it, or another one in its place. */
export interface DataUsed {
  readonly name: string
  /** Whether every sample of the official data set was there. */
  readonly complete: boolean
}

/** What a run had. */
export interface Conditions {
  readonly device: string
  readonly cores: number
  readonly profile: Profile
  /** By the name of the data set that the document used. */
  readonly data: Readonly<Record<string, DataUsed>>
}

/** An effect with its 95 % interval. An exact quantity (`random: false`) has the interval `[value, value]`. */
export interface Effect {
  readonly value: number
  readonly low: number
  readonly high: number
  readonly repeats: number
  readonly random: boolean
}

export interface Evidence {
  readonly rule: Rule
  readonly scale: Scale
  readonly needs: Needs
  readonly conditions: Conditions
  /** Absent where nothing was measured. */
  readonly effect?: Effect
}

export interface Judgement {
  readonly verdict: Verdict
  readonly reason: string
  /** In the scale's effects: logarithms for ratios. */
  readonly effect: number | null
  readonly interval: readonly [low: number, high: number] | null
}

/** A software adapter of WebGPU has a name of its own and is not among them. */
const GPU_DEVICES = new Set(['cuda', 'tensorrt', 'webgpu'])

/** Distances between effects that differ by rounding alone count as equal. */
const ROUNDING = 1e-9

/**
 * Compares what a run measured with what a document reports. The same rule for every claim, in this order: what cannot be tested here is not; an exact
 * count is equal or not; one repeat of a random quantity decides nothing; then by kind of claim: no change, a threshold, a number, the best of several.
 */
export function verdict(evidence: Evidence): Judgement {
  const { effect } = evidence
  const [decided, reason] = judge(evidence)
  return { verdict: decided, reason, effect: effect?.value ?? null, interval: effect ? [effect.low, effect.high] : null }
}

type Decision = readonly [Verdict, reason: string]

function judge({ rule, scale, needs, conditions, effect }: Evidence): Decision {
  const obstacle = obstacleTo(needs, conditions)
  if (obstacle) return ['not tested here', obstacle]
  if (!effect) return ['undecided', 'nothing was measured']
  if (rule.kind === 'shown') return ['not judged', 'absolute seconds are shown, never judged']
  if (effect.random && effect.repeats < 2) return ['undecided', 'one repeat of a random quantity tells nothing of its spread']
  switch (rule.kind) {
    case 'count': return exactCount(rule.document, scale, effect)
    case 'best': return best(rule.document, scale, effect)
    case 'no change': return noChange(rule.margin, scale, effect)
    case 'threshold': return threshold(rule.side, rule.threshold, scale, effect)
    case 'number': return number(rule.document, rule.tolerance, scale, effect)
  }
}

function obstacleTo(needs: Needs, { device, cores, profile, data }: Conditions): string | undefined {
  if (needs.gpu && !GPU_DEVICES.has(device)) return `it needs a GPU, this ran on the device ${device}`
  if (needs.devices && !needs.devices.includes(device)) return `it needs the device ${needs.devices.join(' or ')}, this ran on ${device}`
  if (needs.data && !data[needs.data]?.complete) return `it needs the complete ${needs.data}, this ran on ${data[needs.data]?.name ?? 'none of it'}`
  if (needs.cores && cores < needs.cores) return `it needs ${needs.cores} cores, this machine has ${cores}`
  if (needs.profiles && !needs.profiles.includes(profile)) return `the profile ${profile} is too small to say; run with --profile ${needs.profiles[0]}`
  return undefined
}

function exactCount(document: number, scale: Scale, { value }: Effect): Decision {
  if (value === document) return ['reproduced', 'equal']
  return ['contradicted', `${scale.format(value)} is not ${scale.format(document)}`]
}

function best(document: number, scale: Scale, { value, low, high }: Effect): Decision {
  if (low !== high) return ['undecided', `tied: none from ${scale.format(low)} to ${scale.format(high)} is better than every other`]
  if (value === document) return ['reproduced', 'better than every other']
  return ['contradicted', `${scale.format(value)} is better than every other`]
}

function noChange(margin: number, scale: Scale, effect: Effect): Decision {
  const m = scale.distance(margin) + ROUNDING
  const within = `±${scale.formatDistance(margin)}`
  if (effect.low >= -m && effect.high <= m) return ['reproduced', `the interval lies within ${within}`]
  if (effect.low > m || effect.high < -m) return ['contradicted', `the interval lies outside ${within}`]
  return ['undecided', `the interval reaches beyond ${within}`]
}

function threshold(side: 'above' | 'below', value: number, scale: Scale, effect: Effect): Decision {
  const border = scale.effect(value)
  const asked = `${side} ${scale.format(value)}`
  const [beyond, opposite] = side === 'above' ? [effect.low > border, effect.high < border] : [effect.high < border, effect.low > border]
  if (beyond) return ['reproduced', `the interval lies ${asked}`]
  if (opposite) return ['contradicted', `no part of the interval lies ${asked}`]
  return ['undecided', `the interval lies only partly ${asked}`]
}

function number(document: number, tolerance: number, scale: Scale, effect: Effect): Decision {
  const d = scale.effect(document)
  const t = scale.distance(tolerance) + ROUNDING
  const theirs = `${scale.formatDistance(tolerance)} of the document's ${scale.format(document)}`
  if (d > 0 ? effect.low > 0 : effect.high < 0)
    return Math.abs(effect.value - d) <= t ? ['reproduced', `within ${theirs}`] : ['same direction', `not within ${theirs}`]
  if (effect.low > 0 || effect.high < 0) return ['contradicted', 'the effect goes the other way']
  if (effect.low <= d + t && effect.high >= d - t) return ['undecided', `the interval holds both no effect and values within ${theirs}`]
  return ['contradicted', `no effect is seen, and no value within ${theirs}`]
}
