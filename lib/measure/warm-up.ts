import { segments } from './change-point.ts'
import type { Entrant } from './contender.ts'

/** A sample lasts this long at least, so that the clock's steps and a call's own cost do not show: short calls are repeated within it. */
const SHORTEST_SAMPLE = 1e-3
/** Times that must lie on one level before it counts as the lasting one. */
const STEADY = 5
const MOST = 100

/** Calls a contender until its times stay on one level (the last change point is five samples behind), or `budget` seconds are spent. */
export async function warmUp(one: Entrant, budget: number): Promise<void> {
  const times: number[] = []
  for (let spent = 0; spent < budget && times.length < MOST && !steady(times); ) {
    const time = await one.time()
    one.warmup += one.repeats
    spent += time * one.repeats
    times.push(time)
    const repeats = Math.ceil(SHORTEST_SAMPLE / Math.min(...times))
    if (one.mayGrow && repeats > 2 * one.repeats) {
      one.repeats = repeats
      times.length = 0
    }
  }
}

/** Whether the last level has held for long enough. */
export function steady(times: readonly number[]): boolean {
  const last = segments(times).at(-1)
  return last !== undefined && last.to - last.from >= STEADY
}
