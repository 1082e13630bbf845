import { median, quantile } from './stats.ts'

/** A stretch of a series within which its level stays: from the index `from` up to, and without, `to`. */
export interface Segment {
  readonly from: number
  readonly to: number
  readonly mean: number
}

/**
 * Cuts a series of times where its level changes, and nowhere else: the least sum of squared distances from each segment's mean, with a penalty for
 * every cut (optimal partitioning: Jackson and others, 2005). It works on logarithms; single outliers are pulled in first, so that they make no
 * segment of their own.
 */
export function segments(times: readonly number[]): Segment[] {
  if (times.length === 0) return []
  const values = pulledIn(times.map((time) => Math.log(time)))
  const noise = noiseOf(values)
  const penalty = Math.max(3 * noise ** 2 * Math.log(values.length), SMALLEST_CHANGE ** 2)
  const cuts = partition(values, penalty)
  return cuts.map((from, i) => {
    const to = cuts[i + 1] ?? values.length
    return { from, to, mean: Math.exp(mean(values.slice(from, to))) }
  })
}

/** Changes of the level by less than this share are not looked for. */
const SMALLEST_CHANGE = 0.01

/** Beyond three robust deviations from the median of its neighbours (two on each side) a value counts as that far away. */
function pulledIn(values: readonly number[]): number[] {
  const reach = Math.max(3 * noiseOf(values), SMALLEST_CHANGE)
  return values.map((value, i) => {
    const near = median(values.slice(Math.max(0, i - 2), i + 3))
    return i === 0 ? value : Math.min(near + reach, Math.max(near - reach, value))
  })
}

/** Standard deviation within a level, from the steps between neighbours: a change of level is one step among many. */
function noiseOf(values: readonly number[]): number {
  if (values.length < 3) return 0
  const steps = values.slice(1).map((value, i) => Math.abs(value - values[i]))
  return quantile(steps, 0.5) / (0.6745 * Math.SQRT2)
}

/** Where each segment of the best partition begins. */
function partition(values: readonly number[], penalty: number): number[] {
  const sums = prefixSums(values)
  const squares = prefixSums(values.map((x) => x * x))
  const spread = (from: number, to: number) => squares[to] - squares[from] - (sums[to] - sums[from]) ** 2 / (to - from)
  const cost = [-penalty]
  const last = [0]
  for (let to = 1; to <= values.length; to++) {
    cost[to] = Infinity
    for (let from = 0; from < to; from++) {
      const candidate = cost[from] + spread(from, to) + penalty
      if (candidate < cost[to]) [cost[to], last[to]] = [candidate, from]
    }
  }
  const cuts: number[] = []
  for (let at = values.length; at > 0; at = last[at]) cuts.unshift(last[at])
  return cuts
}

function prefixSums(values: readonly number[]): number[] {
  const sums = [0]
  for (const value of values) sums.push(sums.at(-1)! + value)
  return sums
}

const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length
