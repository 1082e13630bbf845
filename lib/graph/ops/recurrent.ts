import type { Builder } from '../builder.ts'
import { add, multiply } from '../dim.ts'
import type { Node, TensorType, Value } from '../graph.ts'
import { fixed, link, type Link, type Operator } from '../operator.ts'
import { knownShape } from './arguments.ts'

/**
 * What the LSTM and the GRU have in common: x [T, N, I], w [D, G·H, I], r [D, G·H, H], b [D, 2·G·H] to y [T, D, N, H] and the last states [D, N, H]; with
 * layout 1, x [N, T, I] to y [N, T, D, H] and [N, D, H].
 */
export function recurrentTypes([x, w, r]: readonly Value[], states: number, node: Node): TensorType[] {
  const { dtype } = x
  if (!x.shape || !w.shape || !r.shape) return Array.from({ length: states + 1 }, () => ({ dtype, shape: null }))
  const batchFirst = node.int('layout') === 1
  if (x.shape.length !== 3) throw new Error(`its input has ${x.shape.length} axes, and it reads ${batchFirst ? '[batch, time, features]' : '[time, batch, features]'}`)
  const [outer, inner, features] = x.shape
  if (typeof features === 'number' && typeof w.shape[2] === 'number' && features !== w.shape[2]) throw new Error(`its input has ${features} features, its weight expects ${w.shape[2]}`)
  const [directions, , hidden] = r.shape
  const state: TensorType = { dtype, shape: batchFirst ? [outer!, directions!, hidden!] : [directions!, inner!, hidden!] }
  return [{ dtype, shape: batchFirst ? [outer!, inner!, directions!, hidden!] : [outer!, directions!, inner!, hidden!] }, ...Array.from({ length: states }, () => state)]
}

/** Two products for each time and sample, and some operations for each of their results. */
export const recurrentCost: NonNullable<Operator['cost']> = ([x, w, r]) => {
  const positions = multiply(x.shape?.[0] ?? null, x.shape?.[1] ?? null)
  const macs = multiply(positions, add(w.size, r.size))
  return { macs, flops: add(multiply(2, macs), multiply(positions, 10, r.shape?.[1] ?? null)) }
}

/** Backwards there are twice as many products. */
export const recurrentGradCost: NonNullable<Operator['cost']> = (inputs, node) => {
  const { macs, flops } = recurrentCost(inputs, node)
  return { macs: multiply(2, macs ?? null), flops: multiply(2, flops ?? null) }
}

/** A hidden unit is an entry of every state and of each gate of the weights; features, times and samples go through. */
export function recurrentCoupling(gates: number, states: readonly number[]): NonNullable<Operator['coupling']> {
  return (node) => {
    if (node.int('layout') === 1) throw new Error(`${node} has its batch first, and only time first is pruned`)
    const [x, w, r, b, y] = [node.input(0), node.input(1), node.input(2), node.inputs[3], node.output]
    const hidden = Number(knownShape(r)[2])
    const unit = { value: y, axis: 3 }
    const ofGates = (value: Value, count: number): Link => link(unit, { value, axis: 1 },
      (entries) => entries.flatMap((i) => Array.from({ length: count }, (_, gate) => gate * hidden + i)),
      (entries) => [...new Set(entries.map((i) => i % hidden))])
    const direction = (value: Value, axis: number) => fixed({ value, axis }, `${node} reads each direction as a whole`)
    const begin = states.flatMap((i) => node.inputs[i] ?? [])
    return [
      link({ value: x, axis: 0 }, { value: y, axis: 0 }), link({ value: x, axis: 1 }, { value: y, axis: 2 }), link({ value: x, axis: 2 }, { value: w, axis: 2 }),
      ofGates(w, gates), ofGates(r, gates), ...(b ? [ofGates(b, 2 * gates)] : []), link(unit, { value: r, axis: 2 }),
      direction(y, 1), ...[w, r, ...(b ? [b] : []), ...begin].map((value) => direction(value, 0)),
      ...[...begin, ...node.outputs.slice(1)].flatMap((value) => [link({ value: y, axis: 2 }, { value, axis: 1 }), link(unit, { value, axis: 2 })]),
    ]
  }
}

export const recurrentResized: NonNullable<Operator['resized']> = (node, kept) => {
  node.set('hidden_size', kept({ value: node.output, axis: 3 }).length)
}

/**
 * Attributes may be written out that say what holds without them, as PyTorch's exporter does.
 * @param activations of the operator where none are given, for each direction.
 * @throws Error naming what of ONNX's recurrent operators training does not know.
 */
export function checkTrainable(node: Node, unknownInputs: Readonly<Record<number, string>>, activations: readonly string[]): void {
  const input = Object.keys(unknownInputs).find((i) => node.inputs[Number(i)])
  const refuse = (what: string) => new Error(`it cannot be trained with ${what}`)
  if (input !== undefined) throw refuse(unknownInputs[Number(input)]!)
  const given = node.attributes.get('activations')
  const isUsual = given?.type !== 'strings' || given.value.every((name, i) => name.toLowerCase() === activations[i % activations.length]!.toLowerCase())
  if (!isUsual) throw refuse(`the activations ${given.value.join(', ')}`)
  for (const name of ['layout', 'input_forget']) if (node.int(name)) throw refuse(`the attribute "${name}"`)
  if (node.attributes.has('clip')) throw refuse('the attribute "clip"')
}

/**
 * What `run` makes of each direction's own part of the weights and states, joined as the node gives it: y [T, D, N, H] and last states [D, N, H].
 * @param inputs x, then the weights and states [D, ...], each where it is given.
 */
export function eachDirection(
  graph: Builder, node: Node, [x, ...inputs]: readonly (Value | undefined)[], run: (inputs: readonly (Value | undefined)[], attributes: { hidden_size: number; direction: string }) => readonly Value[],
): readonly Value[] {
  const [hidden_size, direction] = [node.int('hidden_size'), node.string('direction', 'forward')]
  if (direction !== 'bidirectional') return run([x, ...inputs], { hidden_size, direction })
  const parts = inputs.map((value) => (value ? graph.split(value, [1, 1], 0) : []))
  const [forward, reverse] = ['forward', 'reverse'].map((one, i) => run([x, ...parts.map((of) => of[i])], { hidden_size, direction: one }))
  return forward!.map((value, i) => graph.concat([value, reverse![i]!], i === 0 ? 1 : 0))
}

/** How a Scan goes through the times: 0 forward, 1 from the last on. */
export type Direction = 0 | 1

export const directionOf = (node: Node): Direction => (node.string('direction', 'forward') === 'reverse' ? 1 : 0)

/** The only direction's tensor. */
export const only = (graph: Builder, value: Value): Value => graph.op('Squeeze', [value, graph.int64([0])])

/** The input's and the recurrent bias act as one, unless a gate comes between. */
export function bothBiases(graph: Builder, b: Value): Value {
  const [input, recurrent] = graph.ops('Split', [only(graph, b)], { axis: 0, num_outputs: 2 }, { outputs: 2 })
  return graph.add(input!, recurrent!)
}

/** A state [1, N, H] as [N, H]; zeros where it is absent. x is [T, N, I]. */
export function beginning(graph: Builder, state: Value | undefined, x: Value, hidden: number): Value {
  if (state) return only(graph, state)
  const batch = graph.op('Shape', [x], { start: 1, end: 2 })
  return graph.zeros(graph.concat([batch, graph.int64([hidden])], 0), x.dtype)
}

/** The state before each time: `first`, then `states` [T, N, H] without the one that comes last. */
export function before(graph: Builder, states: Value, first: Value, direction: Direction): Value {
  const start = graph.unsqueeze(first, [0])
  return direction ? graph.concat([graph.slice(states, [1], [2 ** 31 - 1], [0]), start], 0) : graph.concat([start, graph.slice(states, [0], [-1], [0])], 0)
}

/** Runs `body` over the first axis of the sequences: states in, states and one result a time out. */
export function scan(graph: Builder, direction: Direction, states: readonly Value[], sequences: readonly Value[], body: (inner: Builder, states: readonly Value[], moment: readonly Value[]) => { states: readonly Value[]; results: readonly Value[] }): readonly Value[] {
  const inner = graph.within('moment')
  const entering = states.map((v, i) => inner.graph.input(inner.graph.unique(`state_${i}`), v.dtype, v.shape))
  const moment = sequences.map((v, i) => inner.graph.input(inner.graph.unique(`moment_${i}`), v.dtype, v.shape?.slice(1) ?? null))
  const out = body(inner, entering, moment)
  // an output that is another one, too, or comes in from outside, needs a name of its own
  for (const value of [...out.states, ...out.results]) inner.graph.addOutput(value.isOutput || value.graph !== inner.graph || !value.producer ? inner.identity(value) : value)
  return graph.ops('Scan', [...states, ...sequences], {
    body: inner.graph, num_scan_inputs: sequences.length,
    scan_input_directions: sequences.map(() => direction), scan_output_directions: out.results.map(() => direction),
  }, { outputs: out.states.length + out.results.length })
}

/** dᵀ·x over all times and samples, as the gradient of a weight [1, G·H, ...]. */
export function weightGradient(graph: Builder, d: Value, x: Value): Value {
  const rows = (v: Value) => graph.op('Flatten', [v], { axis: 2 })
  return graph.unsqueeze(graph.op('Gemm', [rows(d), rows(x)], { transA: 1 }), [0])
}

/** Sum of d [T, N, G·H] over all times and samples, as half of the gradient of a bias: [1, G·H]. */
export const biasGradient = (graph: Builder, d: Value): Value => graph.unsqueeze(graph.reduceSum(d, [0, 1]), [0])
