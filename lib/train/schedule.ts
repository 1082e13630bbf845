import { requireKnown, requireNumber, requireWhole, told } from '../require.ts'
import { called } from './called.ts'

/** The factor by which a step's learning rate differs from the optimizer's: `step` counts from 0 to `steps` − 1. */
export type Schedule = (step: number, steps: number) => number

/** The learning rate of a step. @throws TypeError where a schedule answers with none, as one does that was not called. */
export function rateAt(schedule: Schedule, lr: number, step: number, steps: number): number {
  const factor: unknown = schedule(step, steps)
  if (typeof factor !== 'number' || !Number.isFinite(factor)) throw new TypeError(`a schedule is what a call such as cosine() makes, and answers with a number, not ${told(factor)} (step ${step})`)
  return lr * factor
}

/** The optimizer's learning rate in all steps. */
export const constant: Schedule = called('constant', () => 1)

/**
 * Times `gamma` each time another part of the training is done: `stepwise([0.5, 0.75])` at one half and three quarters of all steps. PyTorch's MultiStepLR counts
 * epochs instead: of its [30, 60] in 90 epochs it makes [1/3, 2/3].
 * @throws RangeError where a part is not a share.
 */
export function stepwise(milestones: readonly number[], gamma = 0.1): Schedule {
  const shares = [milestones].flat()
  for (const share of shares) requireNumber('stepwise: a milestone is a share of all steps; it', share, { from: 0, to: 1 })
  requireNumber('stepwise: gamma', gamma, { from: 0 })
  return called(`stepwise([${shares.join(', ')}], ${gamma})`, (step, steps) => gamma ** shares.filter((share) => step >= share * steps).length)
}

/** Half a cosine from 1 down to `end`. Loshchilov & Hutter 2017, https://arxiv.org/abs/1608.03983 */
export function cosine(options: { end?: number } = {}): Schedule {
  requireKnown('cosine', options, { end: true })
  const { end = 0 } = options
  requireNumber('cosine: end', end, { from: 0 })
  return called(`cosine({ end: ${end} })`, (step, steps) => between(1, end, step / steps))
}

export interface OneCycleOptions {
  /** Share of the steps in which the rate rises (0.3). */
  pctStart?: number
  /** The first rate is the greatest divided by this (25). */
  divFactor?: number
  /** The last rate is the first divided by this (10,000). */
  finalDivFactor?: number
}

/**
 * From a low rate up to the optimizer's and down to almost nothing, each along half a cosine, as PyTorch's OneCycleLR.
 * Smith & Topin 2018, https://arxiv.org/abs/1708.07120
 * @throws RangeError where a number is out of its bounds.
 */
export function oneCycle(options: OneCycleOptions = {}): Schedule {
  requireKnown('oneCycle', options, { pctStart: true, divFactor: true, finalDivFactor: true })
  const { pctStart = 0.3, divFactor = 25, finalDivFactor = 1e4 } = options
  requireNumber('oneCycle: pctStart', pctStart, { from: 0, below: 1 })
  requireNumber('oneCycle: divFactor', divFactor, { above: 0 })
  requireNumber('oneCycle: finalDivFactor', finalDivFactor, { above: 0 })
  return called(`oneCycle({ pctStart: ${pctStart}, divFactor: ${divFactor}, finalDivFactor: ${finalDivFactor} })`, (step, steps) => {
    const top = pctStart * steps - 1
    return step < top ? between(1 / divFactor, 1, step / top) : between(1, 1 / (divFactor * finalDivFactor), (step - top) / (steps - 1 - top))
  })
}

/** Rises evenly to 1 in the first `steps` steps, and then goes as another schedule does in the steps that are left. @throws RangeError where that is not a whole number. */
export function warmUp(rising: number, then: Schedule = constant): Schedule {
  requireWhole('warmUp: its first argument counts steps; it', rising, 0)
  return called(`warmUp(${rising}, ${String(then)})`, (step, steps) => (step < rising ? (step + 1) / rising : then(step - rising, Math.max(1, steps - rising))))
}

const between = (from: number, to: number, share: number): number => to + ((from - to) * (1 + Math.cos(Math.PI * share))) / 2
