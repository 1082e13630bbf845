import type { Quantity } from './quantity.ts'
import type { Needs, Rule } from './verdict.ts'

/** One quantity that a document speaks of. */
export interface Metric {
  readonly quantity: Quantity
  readonly rule: Rule
  /** The document's own figures, one a set of samples, in the unit of the quantity's `figureScale`. */
  readonly reported?: readonly number[]
}

export interface Claim {
  readonly title: string
  readonly needs?: Needs
  readonly metrics: Readonly<Record<string, Metric>>
}

/** What one document claims: data, written down once a study. */
export interface StudyDefinition {
  readonly title: string
  readonly claims: Readonly<Record<string, Claim>>
}

/** How near a number counts as the same: shares of a ratio, or points. */
export const TOLERANCE = { time: 0.2, size: 0.05, accuracy: 1, share: 5 } as const

/** The figures that a document reports: of each thing that it compares, or of the comparison alone. */
type Reported = readonly number[] | number

/** The document gives a number. */
export function number(quantity: Quantity, reported: Reported, tolerance: number): Metric {
  return { quantity, ...figures(reported), rule: { kind: 'number', document: compared(quantity, reported), tolerance } }
}

/** The document says that nothing changes by more than a margin. */
export function noChange(quantity: Quantity, reported: Reported, margin: number): Metric {
  return { quantity, ...figures(reported), rule: { kind: 'no change', document: compared(quantity, reported), margin } }
}

/** The document names a side of a threshold, and no number. */
export function threshold(quantity: Quantity, side: 'above' | 'below', value: number): Metric {
  return { quantity, rule: { kind: 'threshold', side, threshold: value } }
}

/** The document counts exactly. */
export function count(quantity: Quantity, reported: number): Metric {
  return { quantity, reported: [reported], rule: { kind: 'count', document: reported } }
}

/** The document names the best of several settings. */
export function best(quantity: Quantity, reported: number): Metric {
  return { quantity, rule: { kind: 'best', document: reported } }
}

/** The document's figure is set beside ours, without a verdict. */
export function shown(quantity: Quantity, reported: number): Metric {
  return { quantity, reported: [reported], rule: { kind: 'shown', document: reported } }
}

/** Without the noise of decimal fractions in binary: 90.0 - 89.9 is 0.1. */
function compared(quantity: Quantity, reported: Reported): number {
  return typeof reported === 'number' ? reported : Number(quantity.compare(reported).toPrecision(6))
}

function figures(reported: Reported): Pick<Metric, 'reported'> {
  return typeof reported === 'number' ? {} : { reported }
}
