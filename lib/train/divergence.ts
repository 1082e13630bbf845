import { median } from '../measure/stats.ts'

/** So many times the first loss (at least 0.1, since it may be near 0) the last ones lie above it where training diverges. */
const FAR = 10
const LEAST = 0.1

/** So many last steps are looked at, and half as many there must be. */
const STEPS = 10

/** The median loss of the last steps where it is far above the first loss; null where training does not diverge, or has just begun. */
export function divergence(losses: readonly number[]): number | null {
  const first = losses.find(Number.isFinite) ?? 0
  const last = losses.slice(Math.max(1, losses.length - STEPS)).filter(Number.isFinite)
  if (last.length < STEPS / 2) return null
  const now = median(last)
  return now > first + FAR * Math.max(Math.abs(first), LEAST) ? now : null
}
