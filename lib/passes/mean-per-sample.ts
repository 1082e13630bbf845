import { Builder } from '../graph/builder.ts'
import { axisOf } from '../graph/operator.ts'
import type { Graph, Node } from '../graph/graph.ts'
import { pass, type Pass } from './pass.ts'

export interface MeanPerSampleOptions {
  /** Added to each mean before something is divided by it (0). */
  epsilon?: number
}

/**
 * Where a tensor is divided by a mean over all its elements, the batch included, takes the mean over each sample instead, so that a sample's result no
 * longer depends on those beside it. This changes what the network computes.
 */
export function meanPerSample({ epsilon = 0 }: MeanPerSampleOptions = {}): Pass {
  if (!(epsilon >= 0)) throw new RangeError(`meanPerSample: epsilon is a number from 0 on, not ${epsilon}`)
  return pass('mean-per-sample', { epsilon }, (graph, report) => {
    for (const mean of graph.nodes('ReduceMean')) {
      if (!isOverAll(mean)) continue
      const reason = obstacle(mean)
      if (reason) report.refuse(mean, reason)
      else {
        takePerSample(graph, mean, epsilon)
        report.change(mean, `a mean per sample${epsilon ? `, plus ${epsilon}` : ''}, instead of one over the batch`)
      }
    }
  })
}

function isOverAll(mean: Node): boolean {
  const axes = mean.inputs[1] ? mean.inputs[1].constant?.toNumbers() : mean.ints('axes')
  if (!axes) return false
  if (!axes.length) return !mean.int('noop_with_empty_axes')
  const rank = mean.input(0).rank
  return rank !== null && new Set(axes.map((axis) => axisOf(axis, rank))).size === rank
}

function obstacle(mean: Node): string | null {
  if (mean.input(0).rank === null) return 'the rank of its input is not known'
  if (mean.input(0).rank! < 2) return 'its input has no axes beside the batch'
  if (!mean.int('keepdims', 1)) return 'it drops its axes: a mean for each sample would not fit in its place'
  const other = mean.output.uses.find(({ user, index }) => !('type' in user && user.type === 'Div' && index === 1))
  return other ? 'it is read by more than divisions' : null
}

function takePerSample(graph: Graph, mean: Node, epsilon: number): void {
  const builder = new Builder(graph, `${mean.name}.`)
  const axes = mean.input(0).shape!.map((_, axis) => axis).slice(1)
  const divisions = mean.output.uses
  // the axes became an input with operator set 18
  const perSample = (graph.opsets.get('') ?? 1) >= 18
    ? builder.reduceMean(mean.input(0), axes, true)
    : builder.op('ReduceMean', [mean.input(0)], { axes, keepdims: 1 })
  const divisor = epsilon ? builder.add(perSample, epsilon) : perSample
  for (const { user, index } of divisions) (user as Node).setInput(index, divisor)
}
