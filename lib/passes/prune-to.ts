import { substitute } from '../graph/dim.ts'
import type { Graph } from '../graph/graph.ts'
import { summary } from '../graph/print.ts'
import { bench } from '../measure/bench.ts'
import type { Tensors } from '../runtime/boundary.ts'
import { Session } from '../runtime/session.ts'
import { percentText } from '../units.ts'
import { PassResult, type Pass } from './pass.ts'

/** The share of the unpruned network that may be left of one figure. */
export type PruneTarget = { readonly parameters: number } | { readonly macs: number } | { readonly latency: number; readonly feeds: Tensors; /** Time for each comparison (3 s). */ readonly seconds?: number }

const FIGURES = ['parameters', 'macs', 'latency']

/** Halvings of the interval in which the amount lies. */
const HALVINGS = 8

/** Beyond it nothing is left to search. */
const MOST = 0.98

/**
 * Prunes until a target is met, with the smallest amount that meets it, found by bisection: `pruneTo({ macs: 0.5 }, (amount) => pruneChannels({ amount }))`.
 * A latency is measured beside the unpruned network's, in turn. A target that no amount meets leaves the network with the smallest amount that comes closest, and a refusal.
 * @throws RangeError where the target is not a share, or not one.
 */
export function pruneTo(target: PruneTarget, prune: (amount: number) => Pass): Pass {
  const [[figure, share] = [], ...others] = Object.entries(target).filter(([name]) => FIGURES.includes(name))
  if (figure === undefined) throw new RangeError(`pruneTo: the target is the share of ${FIGURES.join(', ')} (with feeds) that may be left, as in { macs: 0.5 }, not of ${Object.keys(target).join(', ') || 'nothing'}`)
  if (others.length) throw new RangeError(`pruneTo: one target at a time, not ${figure} and ${others.map(([name]) => name).join(' and ')}`)
  if (typeof share !== 'number' || !(share > 0 && share <= 1)) throw new RangeError(`pruneTo: ${figure} is a share above 0, at most 1, not ${share}: { macs: 0.5 } leaves half`)
  const name = `${prune(0).name} to ${percentText(share)} of its ${figure}`
  return {
    name,
    options: { [figure]: share },
    async apply(graph) {
      const left = measureOf(target, graph)
      if (!left) return new PassResult(graph.copy(), [], [{ pass: name, node: graph.name, reason: `it has no ${figure} that could be fewer` }])
      const [none, most] = [await prune(0).apply(graph), await prune(MOST).apply(graph)]
      const least = await left(most.graph)
      const isMet = async (result: PassResult) => (await left(result.graph)) <= Math.max(share, least)
      let [low, high, best] = [0, MOST, most]
      if (await isMet(none)) [high, best] = [0, none]
      while (high - low > MOST / 2 ** HALVINGS) {
        const amount = (low + high) / 2
        const result = await prune(amount).apply(graph)
        if (await isMet(result)) [high, best] = [amount, result]
        else low = amount
      }
      if (least <= share) return best
      const reason = `no amount brings its ${figure} to ${percentText(share)} of what they were: at an amount of ${MOST} there is ${percentText(least)} left`
      return new PassResult(best.graph, best.changes, [...best.refusals, { pass: name, node: graph.name, reason }])
    },
  }
}

/** Answers the share of a figure that is left in a pruned graph; null where there is none of it. */
function measureOf(target: PruneTarget, graph: Graph): ((pruned: Graph) => Promise<number> | number) | null {
  if ('latency' in target) {
    return async (pruned) => {
      const [base, other] = await Promise.all([graph, pruned].map((it) => Session.create(it, { spinning: false })))
      try {
        const result = await bench({ base: await base!.bind(target.feeds), pruned: await other!.bind(target.feeds) }, { seconds: target.seconds ?? 3 })
        return 1 / result.pruned.speedup!.value
      } finally {
        await Promise.all([base, other].map((session) => session!.release()))
      }
    }
  }
  const figureOf = 'parameters' in target ? (it: Graph) => summary(it).parameters : (it: Graph) => multiplyAdds(it)
  const before = figureOf(graph)
  return before ? (pruned) => figureOf(pruned) / before : null
}

/** For one sample: symbols count as 1. @throws Error where a size is not known. */
function multiplyAdds(graph: Graph): number {
  const { macs } = summary(graph)
  const symbols = graph.inputs.flatMap(({ shape }) => (shape ?? []).flatMap((d) => (typeof d === 'object' && d ? [String(d)] : [])))
  const known = substitute(macs, Object.fromEntries(symbols.map((symbol) => [symbol, 1])))
  if (typeof known !== 'number') throw new Error(`pruneTo: the multiply-adds of ${graph.name} are known only at run time`)
  return known
}
