import { workOf } from '../graph/cost.ts'
import { isStatic } from '../graph/dim.ts'
import type { Graph, Node, Value } from '../graph/graph.ts'
import { HONE } from '../graph/operator.ts'
import { Tensor } from '../graph/tensor.ts'
import { verify } from '../graph/verify.ts'
import { liveBytes } from '../measure/liveness.ts'
import { sizeText } from '../units.ts'
import { computeAgain } from './compute-again.ts'
import { executionOrder, updateEarly } from './execution-order.ts'
import { ForwardPass, sizeOf } from './forward-pass.ts'

/**
 * What a training step computes a second time instead of keeping it: what lies within segments, so many or as many as the root of the number of values that the backward
 * pass reads (true); or as little as brings the activations that are alive at once down to so many bytes, as the graph tells them: the runtime's allocator takes more.
 */
export type Recompute = boolean | { readonly segments: number } | { readonly memory: number }

/** In how many stages values are left out, and into how many segments the forward pass is cut, until a budget is met. */
const STAGES = 8
const SEGMENTS = [2, 3, 4, 6, 8, 12, 16, 24]

interface Plan {
  readonly graph: Graph
  /** Names of the values that are computed the second time. */
  readonly again: ReadonlySet<string>
  /** Most bytes of computed values that are alive at once. */
  readonly peak: number
}

/**
 * A training step that computes some of what the backward pass reads a second time instead of keeping it (gradient checkpointing, rematerialization): less memory, more
 * time, the same bits (with `numerics: 'direct'`, and in 16 bits, ONNX Runtime may round otherwise). Either the forward pass is cut into segments, of which only what
 * crosses a cut is kept (Chen et al. 2016, https://arxiv.org/abs/1604.06174, as PyTorch's checkpoint_sequential), or values are left out one by one, those first that
 * cost least per byte.
 * @param step as a device runs it, with its sizes known; it stays as it is.
 * @throws RangeError where a number is none such, or a budget cannot be met, with the least that can.
 */
export function recomputed(step: Graph, how: Recompute): Graph {
  if (how === false) return step
  if (how !== true) checkNumber(how)
  const forward = new ForwardPass(shapesKnown(step))
  if (how === true) return apart(plan(forward, cut(forward, Math.max(2, Math.round(Math.sqrt(forward.large.length))))))
  if ('segments' in how) return apart(plan(forward, cut(forward, how.segments)))
  const before = peakOf(step)
  if (before <= how.memory) return step
  let least = before
  for (const kept of keeping(forward)) {
    const found = plan(forward, kept)
    if (found.peak <= how.memory) return apart(found)
    least = Math.min(least, found.peak)
  }
  throw new RangeError(`recompute: the activations of this step take ${sizeText(before)}, and ${sizeText(least)} at least where they are computed again: ${sizeText(how.memory)} cannot be met. Take smaller batches.`)
}

/** A copy in which shapes are constants, so that nothing reads a value for its shape alone. */
function shapesKnown(step: Graph): Graph {
  const graph = step.copy()
  for (const node of graph.nodes('Shape')) {
    const { shape } = node.input(0)
    if (!isStatic(shape) || node.attributes.size || node.output.isOutput) continue
    node.output.replaceWith(graph.constant(Tensor.int64(shape), node.name))
    node.remove()
  }
  return graph
}

/**
 * Keeps shapes of the second time from ONNX Runtime: it plans to use memory again for values of one shape, and would hold what the first time used until the second.
 * What hone's own operators read keeps its shape, which their expansions are written for.
 * https://github.com/microsoft/onnxruntime/blob/main/onnxruntime/core/framework/allocation_planner.cc (FindReusableTensor)
 */
function apart({ graph, again }: Plan): Graph {
  for (const value of graph.nodes().flatMap(({ outputs }) => outputs)) if (again.has(value.name) && !value.users.some(({ domain }) => domain === HONE)) value.shape = null
  return verify(graph)
}

function checkNumber(how: Exclude<Recompute, boolean>): void {
  const isSound = 'segments' in how ? Number.isInteger(how.segments) && how.segments >= 2 : how.memory > 0
  if (!isSound) throw new RangeError(`recompute takes true, { segments } from 2 on, or { memory } in bytes, not ${JSON.stringify(how)}`)
}

/** What is kept where the forward pass is cut into segments, each of which keeps about as much: what crosses the cuts, and all of the last segment, which is needed at once. */
function cut(forward: ForwardPass, segments: number): Set<Value> {
  const crossing = forward.crossing()
  const sums = forward.nodes.map(({ outputs }) => outputs.reduce((sum, value) => sum + (forward.saved.has(value) ? sizeOf(value) : 0), 0))
  sums.forEach((bytes, i) => (sums[i] = bytes + (sums[i - 1] ?? 0)))
  const share = (at: number) => (sums[at] / sums.at(-1)!) * segments
  const kept = new Set(forward.always)
  for (let number = 1; number < segments; number++) {
    const near = forward.nodes.flatMap((_, at) => (Math.abs(share(at) - number) <= 0.5 ? [at] : []))
    if (!near.length) continue
    const at = near.reduce((a, b) => (crossing[b].bytes < crossing[a].bytes ? b : a))
    for (const value of crossing[at].values) kept.add(value)
    if (number === segments - 1) for (const value of forward.nodes.slice(at + 1).flatMap(({ outputs }) => outputs)) if (forward.saved.has(value)) kept.add(value)
  }
  return kept
}

/** What is kept, less and less: first without what is cheapest per byte to compute again, then segment by segment. */
function* keeping(forward: ForwardPass): Generator<ReadonlySet<Value>> {
  const all = new Set([...forward.always, ...forward.saved])
  const price = (value: Value) => workIn(forward.chain([value], new Set([...all].filter((other) => other !== value)))) / sizeOf(value)
  const candidates = forward.large.map((value) => ({ value, price: price(value) })).sort((a, b) => a.price - b.price)
  for (let stage = 1; stage <= STAGES; stage++) {
    const left = new Set(candidates.slice(0, Math.ceil((candidates.length * stage) / STAGES)).map(({ value }) => value))
    yield new Set([...all].filter((value) => !left.has(value)))
  }
  for (const segments of SEGMENTS) yield cut(forward, segments)
}

/** The plan that keeps some values, in the order that takes less memory. */
function plan(forward: ForwardPass, kept: ReadonlySet<Value>): Plan {
  const { graph, again } = computeAgain(forward, kept)
  const plans = [graph, updateEarly(graph.copy())].map((ordered) => ({ graph: ordered, again, peak: peakOf(ordered) }))
  return plans.reduce((a, b) => (b.peak < a.peak ? b : a))
}

const peakOf = (graph: Graph): number => Math.max(0, ...[...liveBytes(graph, executionOrder(graph)).values()].map(Number))

/** Floating-point operations of nodes, and a byte that is written for one more: what only moves data is not free. */
function workIn(nodes: readonly Node[]): number {
  return nodes.reduce((sum, node) => sum + Number(workOf(node).flops ?? 0) + node.outputs.reduce((bytes, value) => bytes + sizeOf(value), 0), 0)
}
