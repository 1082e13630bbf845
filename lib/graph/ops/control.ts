import { sameDim, type Dim, type Shape } from '../dim.ts'
import type { Graph, Node, TensorType, Value } from '../graph.ts'
import { operator } from '../operator.ts'
import { axisWithin } from './arguments.ts'
import { contentsOf } from './elementwise.ts'

type Infer = (graph: Graph) => void

/** Either branch. https://onnx.ai/onnx/operators/onnx__If.html */
export const branch = operator('If', {
  shape(_, node, infer) {
    const [yes, no] = [node.subgraph('then_branch'), node.subgraph('else_branch')]
    infer(yes)
    infer(no)
    return node.outputs.map((_, i) => common(result(yes, i), result(no, i)))
  },
})

/** The body over and over: (trip count, condition, ...states) to the last states and what each turn gave. https://onnx.ai/onnx/operators/onnx__Loop.html */
export const loop = operator('Loop', {
  shape([, , ...initial], node, infer) {
    const body = node.subgraph('body')
    const [turn, condition, ...states] = body.inputs
    if (turn) become(turn, { dtype: 'int64', shape: [] })
    if (condition) become(condition, { dtype: 'bool', shape: [] })
    const last = settled(body, initial, states, (i) => result(body, i + 1), infer)
    const count = tripCount(node)
    return [...last, ...body.outputs.slice(1 + initial.length).map((value) => stacked(value, count, 0))]
  },
})

/**
 * The body for each entry of an axis: (...states, ...sequences) to the last states and what each turn gave. https://onnx.ai/onnx/operators/onnx__Scan.html
 * The form of operator set 8, which has a batch dimension, is left alone.
 */
export const scan = operator('Scan', {
  shape(inputs, node, infer) {
    if ((node.graph.root.opsets.get('') ?? 9) < 9) return []
    const body = node.subgraph('body')
    const stateCount = inputs.length - node.int('num_scan_inputs')
    inputs.slice(stateCount).forEach((sequence, i) => {
      const entry = body.inputs[stateCount + i]
      if (entry) become(entry, { dtype: sequence.dtype, shape: sequence.shape?.toSpliced(scanAxis(node, i, sequence.shape), 1) ?? null })
    })
    const last = settled(body, inputs.slice(0, stateCount), body.inputs.slice(0, stateCount), (i) => result(body, i), infer)
    const count = tripCount(node)
    const axes = node.ints('scan_output_axes')
    return [...last, ...body.outputs.slice(stateCount).map((value, i) => stacked(value, count, axes[i] ?? 0))]
  },
})

const scanAxis = (node: Node, i: number, shape: Shape): number => axisWithin(node.ints('scan_input_axes')[i] ?? 0, shape.length)

/** How often the body of a Loop or a Scan runs; null where only the run shows it, or of another operator. */
export function tripCount(node: Node): Dim {
  if (node.type === 'Loop') return endsByCount(node) ? (contentsOf(node.input(0))?.[0] ?? null) : null
  if (node.type !== 'Scan') return null
  const first = node.inputs.length - node.int('num_scan_inputs')
  const { shape } = node.input(first)
  return shape?.[scanAxis(node, 0, shape)] ?? null
}

/** Whether a Loop has a trip count and nothing else ends it: its condition is absent or true, and the body hands it on or sets it to true. */
function endsByCount(node: Node): boolean {
  const isTrue = (value: Value) => value.constant?.toNumbers()[0] === 1
  const body = node.subgraph('body')
  let next = result(body, 0)
  while (next.producer?.type === 'Identity') next = next.producer.input(0)
  const [count, condition] = node.inputs
  return Boolean(count) && (!condition || isTrue(condition)) && (next === body.inputs[1] || isTrue(next))
}

/**
 * Infers a body whose states enter with the types of `initial` and leave for the next turn, until those that leave fit those that enter: a dimension
 * that changes from turn to turn becomes unknown.
 */
function settled(body: Graph, initial: readonly TensorType[], states: readonly Value[], leaving: (i: number) => Value, infer: Infer): TensorType[] {
  let types = initial.map(({ dtype, shape }, i): TensorType => ({ dtype: dtype ?? states[i]?.dtype ?? null, shape: shape ?? states[i]?.shape ?? null }))
  for (;;) {
    states.forEach((state, i) => become(state, types[i]!))
    infer(body)
    const next = types.map((type, i) => common(type, leaving(i)))
    if (next.every(({ shape }, i) => unknowns(shape) === unknowns(types[i]!.shape))) return next
    types = next
    for (const node of body.allNodes()) for (const output of node.outputs) Object.assign(output, { shape: null, contents: null })
  }
}

const unknowns = (shape: Shape | null): number => shape?.filter((d) => d === null).length ?? Infinity

/** What holds of both. */
function common(a: TensorType, b: TensorType): TensorType {
  const dims = a.shape && b.shape && a.shape.length === b.shape.length ? b.shape : null
  return { dtype: a.dtype ?? b.dtype, shape: dims && a.shape!.map((d, axis) => (sameDim(d, dims[axis]!) ? d : null)) }
}

/** A turn's result, one for each turn along a new axis. */
function stacked({ dtype, shape }: TensorType, count: Dim, axis: number): TensorType {
  return { dtype, shape: shape && shape.toSpliced(axisWithin(axis, shape.length + 1), 0, count) }
}

function become(value: Value, { dtype, shape }: TensorType): void {
  Object.assign(value, { dtype: dtype ?? value.dtype, shape, contents: null })
}

/** @throws Error where the body has fewer outputs. */
function result(body: Graph, index: number): Value {
  const value = body.outputs[index]
  if (!value) throw new Error(`its graph "${body.name}" has ${body.outputs.length} outputs, and ${index + 1} are needed`)
  return value
}
