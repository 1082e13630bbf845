import type { Builder } from '../builder.ts'
import type { Node, TensorType, Value } from '../graph.ts'
import { HONE, operator } from '../operator.ts'
import {
  before, beginning, biasGradient, bothBiases, checkTrainable, directionOf, eachDirection, only, recurrentCost, recurrentCoupling, recurrentGradCost, recurrentResized, recurrentTypes, scan, weightGradient, type Direction,
} from './recurrent.ts'

/** Input, output, forget, cell. */
const GATES = 4

/** Of the cell by each gate before its activation (of the state, by the output gate), of the state by the cell, and of the cell by the one before. */
export const SLOPES = 6

/** Long short-term memory: (x, w, r, b, lengths, first h, first c, peepholes) to (y, last h, last c). https://onnx.ai/onnx/operators/onnx__LSTM.html */
export const lstm = operator('LSTM', {
  shape: (inputs, node) => recurrentTypes(inputs, 2, node),
  learned: () => [1, 2, 3],
  cost: recurrentCost,
  coupling: recurrentCoupling(GATES, [5, 6]),
  resized: recurrentResized,
  training({ graph, node, inputs: [x, w, r, b, , h, c] }) {
    checkTrainable(node, { 4: 'sequence lengths', 7: 'peepholes' }, ['Sigmoid', 'Tanh', 'Tanh'])
    return { outputs: eachDirection(graph, node, [x, w, r, b, h, c], (inputs, attributes) => graph.ops('LstmTrain', inputs, attributes, { domain: HONE, outputs: 3 + SLOPES }).slice(0, 3)) }
  },
})

/**
 * The LSTM in training, one direction: (x [T, N, I], w, r, b, first h, first c) to (y, last h, last c, six slopes [T, N, H]). The slopes are what the gradient
 * needs: `throughCell` says which.
 */
export const lstmTrain = operator('LstmTrain', {
  shape: ([x, w, r], node) => [...recurrentTypes([x, w, r], 2, node), ...Array.from({ length: SLOPES }, () => sequence(x, node))],
  cost: recurrentCost,
  expansion({ graph, node, inputs: [x, w, r, b, h, c] }) {
    const hidden = node.int('hidden_size')
    const recurrent = graph.transpose(only(graph, r))
    const projected = graph.matmul(x, graph.transpose(only(graph, w)))
    const begin = [h, c].map((state) => beginning(graph, state, x, hidden))
    const [lastH, lastC, y, ...slopes] = scan(graph, directionOf(node), begin, [b ? graph.add(projected, bothBiases(graph, b)) : projected], (inner, [last, cell], [input]) => {
      const { state, next, slopes: found } = throughCell(inner, inner.add(input!, inner.matmul(last!, recurrent)), cell!, { hidden, axis: 1 })
      return { states: [state, next], results: [state, ...found] }
    })
    return [graph.unsqueeze(y!, [1]), graph.unsqueeze(lastH!, [0]), graph.unsqueeze(lastC!, [0]), ...slopes]
  },
  gradient({ graph, node, inputs: [x, w, r, b, h, c], outputs: [y, , , ...slopes], gradients: [dy, dh, dc] }) {
    const attributes = { hidden_size: node.int('hidden_size'), direction: node.string('direction', 'forward') }
    const [dx, dw, dr, db, dh0, dc0] = graph.ops('LstmTrainGrad', [x, w, r, y, ...slopes, h, dy, dh, dc], attributes, { domain: HONE, outputs: 6 })
    return [dx, dw, dr, b && db, h && dh0, c && dc0]
  },
}, HONE)

/**
 * One moment: from the gates before their activations, joined along `axis`, where features lie, and the cell before, to the state, the cell and the slopes. A slope
 * such as g·i·(1 − i) is taken as gi − gi·i: with what there is already, in two operators.
 */
export function throughCell(graph: Builder, gates: Value, before: Value, { hidden, axis }: { hidden: number; axis: number }): { state: Value; next: Value; slopes: readonly Value[] } {
  const [sigmoids, tanh] = graph.split(gates, [3 * hidden, hidden], axis)
  const [i, o, f] = graph.split(graph.op('Sigmoid', [sigmoids!]), Array(3).fill(hidden), axis) as [Value, Value, Value]
  const g = graph.op('Tanh', [tanh!])
  const [entering, kept] = [graph.mul(i, g), graph.mul(f, before)]
  const next = graph.add(kept, entering)
  const squashed = graph.op('Tanh', [next])
  const state = graph.mul(o, squashed)
  const less = (value: Value, factor: Value) => graph.sub(value, graph.mul(value, factor))
  return { state, next, slopes: [less(entering, i), less(state, o), less(kept, f), graph.sub(i, graph.mul(entering, g)), graph.sub(o, graph.mul(state, squashed)), f] }
}

/**
 * One moment back: from the gradients of the state and of the cell to `error`, that of the gates before their activations, joined along `axis`, where features lie; and to
 * that of the cell before.
 */
export function backThroughCell(graph: Builder, [i, o, f, g, through, kept]: readonly Value[], dState: Value, dLater: Value, axis: number): { error: Value; dBefore: Value } {
  const dCell = graph.add(dLater, graph.mul(dState, through!))
  const error = graph.concat([graph.mul(dCell, i!), graph.mul(dState, o!), graph.mul(dCell, f!), graph.mul(dCell, g!)], axis)
  return { error, dBefore: graph.mul(dCell, kept!) }
}

/** A type [T, N, H]. */
function sequence(x: Value, node: Node): TensorType {
  return { dtype: x.dtype, shape: x.shape && [x.shape[0]!, x.shape[1]!, node.int('hidden_size')] }
}

/**
 * Gradients of LstmTrain's x, w, r, b, first h and first c, from (x, w, r, y, the six slopes, first h, dy, d last h, d last c), of which the last four
 * may be absent: back through time. Hochreiter & Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735
 */
export const lstmTrainGrad = operator('LstmTrainGrad', {
  shape([x, w, r], node) {
    const { dtype } = x
    const hidden = node.int('hidden_size')
    const state: TensorType = { dtype, shape: [1, x.shape?.[1] ?? null, hidden] }
    return [x, w, r, { dtype, shape: [1, 2 * GATES * hidden] }, state, state]
  },
  cost: recurrentGradCost,
  expansion({ graph, node, inputs: [x, w, r, y, ...rest] }) {
    const [slopes, [h, dy, dh, dc]] = [rest.slice(0, SLOPES), rest.slice(SLOPES)]
    const hidden = node.int('hidden_size')
    const direction = directionOf(node)
    const [firstH, lastDh, lastDc] = [h, dh, dc].map((state) => beginning(graph, state, x, hidden))
    const states = graph.op('Squeeze', [y, graph.int64([1])])
    const recurrent = only(graph, r)
    const sequences = [...slopes, ...(dy ? [graph.op('Squeeze', [dy, graph.int64([1])])] : [])]
    const [dh0, dc0, d] = scan(graph, (1 - direction) as Direction, [lastDh!, lastDc!], sequences, (inner, [fromLater, dLater], moment) => {
      const fromAbove = moment[SLOPES]
      const { error, dBefore } = backThroughCell(inner, moment, fromAbove ? inner.add(fromLater!, fromAbove) : fromLater!, dLater!, 1)
      return { states: [inner.matmul(error, recurrent), dBefore], results: [error] }
    })
    const bias = biasGradient(graph, d!)
    return [
      graph.matmul(d!, only(graph, w)),
      weightGradient(graph, d!, x),
      weightGradient(graph, d!, before(graph, states, firstH!, direction)),
      graph.concat([bias, bias], 1),
      graph.unsqueeze(dh0!, [0]),
      graph.unsqueeze(dc0!, [0]),
    ]
  },
}, HONE)
