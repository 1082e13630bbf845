/** The factor by which a step's learning rate differs from the optimizer's: `step` counts from 0 to `steps` − 1. */
export type Schedule = (step: number, steps: number) => number

export const constant: Schedule = () => 1

/** Times `gamma` each time another part of the steps is done: `stepwise([0.5, 0.75])` at one half and three quarters. */
export function stepwise(milestones: readonly number[], gamma = 0.1): Schedule {
  return (step, steps) => gamma ** milestones.filter((share) => step >= share * steps).length
}

/** Half a cosine from 1 down to `end`. Loshchilov & Hutter 2017, https://arxiv.org/abs/1608.03983 */
export function cosine({ end = 0 } = {}): Schedule {
  return (step, steps) => between(1, end, step / steps)
}

export interface OneCycleOptions {
  /** Share of the steps in which the rate rises. */
  rise?: number
  /** The first rate is the greatest divided by this. */
  divisor?: number
  /** The last rate is the first divided by this. */
  finalDivisor?: number
}

/**
 * From a low rate up to the optimizer's and down to almost nothing, each along half a cosine, as PyTorch's OneCycleLR.
 * Smith & Topin 2018, https://arxiv.org/abs/1708.07120
 */
export function oneCycle({ rise = 0.3, divisor = 25, finalDivisor = 1e4 }: OneCycleOptions = {}): Schedule {
  return (step, steps) => {
    const top = rise * steps - 1
    return step <= top ? between(1 / divisor, 1, step / top) : between(1, 1 / (divisor * finalDivisor), (step - top) / (steps - 1 - top))
  }
}

/** Rises evenly to 1 in the first `steps` steps, and then goes as another schedule does in the steps that are left. */
export function warmUp(rising: number, then: Schedule = constant): Schedule {
  return (step, steps) => (step < rising ? (step + 1) / rising : then(step - rising, Math.max(1, steps - rising)))
}

const between = (from: number, to: number, share: number): number => to + ((from - to) * (1 + Math.cos(Math.PI * share))) / 2
