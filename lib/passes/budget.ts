import { sizeText, timeText } from '../units.ts'

/** What may be lost, and what must be reached, beside the network as it was. */
export interface Budget {
  /** Accuracy that may be lost, as a share: 0.005 is half a point. */
  readonly loss?: number
  /** Seconds that a run may take. */
  readonly latency?: number
  /** Bytes that the file may have. */
  readonly bytes?: number
}

/** What a budget is compared with. */
export interface Figures {
  /** Null without data. */
  readonly accuracy: number | null
  /** Seconds a run. */
  readonly latency: number
  readonly bytes: number
}

/** One thing in which a network goes beyond a budget. */
export interface Excess {
  /** As the rest of a sentence. */
  readonly text: string
  /** By what share of what is allowed. */
  readonly by: number
}

/** A loss of accuracy counts as far beyond the budget as a latency or a size does by shares of at least this. */
const SMALLEST_LOSS = 0.01

/** @param data what accuracy is judged by. @throws RangeError where a budget asks for what is none, or for what nothing could judge. */
export function checkBudget(name: string, budget: Budget, data: { readonly name: string; readonly hasAccuracy: boolean } | undefined): void {
  for (const [key, value] of Object.entries(budget) as [keyof Budget, unknown][]) {
    if (!['loss', 'latency', 'bytes'].includes(key)) throw new RangeError(`${name}: a budget has loss, latency (seconds) and bytes, not "${key}"`)
    if (value === undefined) continue
    if (typeof value !== 'number' || Number.isNaN(value)) throw new RangeError(`${name}: budget.${key} is a number, not ${String(value)}`)
    if (key === 'loss' ? !(value >= 0 && value <= 1) : !(value > 0)) throw new RangeError(`${name}: budget.${key} is ${key === 'loss' ? 'a share from 0 to 1 (0.01: one point)' : 'above 0'}, not ${value}`)
  }
  if (budget.loss === undefined || data?.hasAccuracy) return
  throw new RangeError(`${name}: budget.loss is judged by data, and ${data ? `there is no accuracy of ${data.name}` : 'there is none'}. Give data, or leave loss out.`)
}

/** All in which a network goes beyond a budget, given the network as it was. */
export function excesses({ loss, latency, bytes }: Budget, base: Figures, it: Figures): readonly Excess[] {
  const found: Excess[] = []
  const lost = base.accuracy !== null && it.accuracy !== null ? base.accuracy - it.accuracy : 0
  // a share of samples is rarely a round number of points
  if (loss !== undefined && lost > loss + 1e-9) found.push({ text: `${pointsText(lost)} of accuracy are lost, and ${pointsText(loss)} were allowed`, by: (lost - loss) / Math.max(loss, SMALLEST_LOSS) })
  if (latency !== undefined && it.latency > latency) found.push({ text: `a run takes ${timeText(it.latency)}, and ${timeText(latency)} were allowed`, by: it.latency / latency - 1 })
  if (bytes !== undefined && it.bytes > bytes) found.push({ text: `the file has ${sizeText(it.bytes)}, and ${sizeText(bytes)} were allowed`, by: it.bytes / bytes - 1 })
  return found
}

/** A share of accuracy as people count it: 0.012 is 1.2 points. */
export const pointsText = (share: number): string => `${(100 * share).toFixed(1)} points`

/** The text as a sentence of its own. */
export const sentence = (text: string): string => `${text[0]!.toUpperCase()}${text.slice(1)}.`
