import type { Builder } from '../builder.ts'
import { multiply } from '../dim.ts'
import type { Node, TensorType, Value } from '../graph.ts'
import { HONE, operator } from '../operator.ts'
import {
  before, beginning, biasGradient, checkTrainable, directionOf, eachDirection, only, recurrentCost, recurrentCoupling, recurrentResized, recurrentTypes, scan, weightGradient, type Direction,
} from './recurrent.ts'

/** Input, output, forget, cell. */
const GATES = 4

/** Long short-term memory: (x, w, r, b, lengths, first h, first c, peepholes) to (y, last h, last c). https://onnx.ai/onnx/operators/onnx__LSTM.html */
export const lstm = operator('LSTM', {
  shape: (inputs, node) => recurrentTypes(inputs, 2, node),
  learned: () => [1, 2, 3],
  cost: recurrentCost,
  coupling: recurrentCoupling(GATES, [5, 6]),
  resized: recurrentResized,
  training({ graph, node, inputs: [x, w, r, b, , h, c] }) {
    checkTrainable(node, { 4: 'sequence lengths', 7: 'peepholes' })
    return { outputs: eachDirection(graph, node, [x, w, r, b, h, c], (inputs, attributes) => graph.ops('LstmTrain', inputs, attributes, { domain: HONE, outputs: 5 }).slice(0, 3)) }
  },
})

/**
 * The LSTM in training, one direction: (x [T, N, I], w, r, b, first h, first c) to (y, last h, last c, gates [T, N, 4·H], cells [T, N, H]). The gates, after
 * their activations, and the cells are what the gradient needs.
 */
export const lstmTrain = operator('LstmTrain', {
  shape: ([x, w, r], node) => [...recurrentTypes([x, w, r], 2, node), sequence(x, node, GATES), sequence(x, node, 1)],
  cost: recurrentCost,
  expansion({ graph, node, inputs: [x, w, r, b, h, c] }) {
    const hidden = node.int('hidden_size')
    const recurrent = graph.transpose(only(graph, r))
    const projected = graph.matmul(x, graph.transpose(only(graph, w)))
    const begin = [h, c].map((state) => beginning(graph, state, x, hidden))
    const [lastH, lastC, y, gates, cells] = scan(graph, directionOf(node), begin, [b ? graph.add(projected, bothBiases(graph, b)) : projected], (inner, [last, cell], [input]) => {
      const [i, o, f, g] = inner.split(inner.add(input!, inner.matmul(last!, recurrent)), Array(GATES).fill(hidden), 1)
        .map((v, gate) => inner.op(gate === 3 ? 'Tanh' : 'Sigmoid', [v]))
      const next = inner.add(inner.mul(f!, cell!), inner.mul(i!, g!))
      const state = inner.mul(o!, inner.op('Tanh', [next]))
      return { states: [state, next], results: [state, inner.concat([i!, o!, f!, g!], 1), next] }
    })
    return [graph.unsqueeze(y!, [1]), graph.unsqueeze(lastH!, [0]), graph.unsqueeze(lastC!, [0]), gates!, cells!]
  },
  gradient({ graph, node, inputs: [x, w, r, b, h, c], outputs: [y, , , gates, cells], gradients: [dy, dh, dc] }) {
    const attributes = { hidden_size: node.int('hidden_size'), direction: node.string('direction', 'forward') }
    const [dx, dw, dr, db, dh0, dc0] = graph.ops('LstmTrainGrad', [x, w, r, y, gates, cells, h, c, dy, dh, dc], attributes, { domain: HONE, outputs: 6 })
    return [dx, dw, dr, b && db, h && dh0, c && dc0]
  },
}, HONE)

/**
 * One moment back: from the gradients of the state and of the cell to `error`, that of the gates before their activations, joined along `axis`, where features lie; and to
 * that of the cell before.
 */
export function backThroughCell(graph: Builder, [gates, cell, cellBefore]: readonly [Value, Value, Value], dState: Value, dLater: Value, { hidden, axis }: { hidden: number; axis: number }): { error: Value; dBefore: Value } {
  const [i, o, f, g] = graph.split(gates, Array(GATES).fill(hidden), axis)
  const squashed = graph.op('Tanh', [cell])
  const dCell = graph.add(dLater, graph.mul(graph.mul(dState, o!), graph.sub(1, graph.mul(squashed, squashed))))
  const sigmoidSlope = (v: Value) => graph.mul(v, graph.sub(1, v))
  const error = graph.concat([
    graph.mul(graph.mul(dCell, g!), sigmoidSlope(i!)),
    graph.mul(graph.mul(dState, squashed), sigmoidSlope(o!)),
    graph.mul(graph.mul(dCell, cellBefore), sigmoidSlope(f!)),
    graph.mul(graph.mul(dCell, i!), graph.sub(1, graph.mul(g!, g!))),
  ], axis)
  return { error, dBefore: graph.mul(dCell, f!) }
}

/** A type [T, N, count·H]. */
function sequence(x: Value, node: Node, count: number): TensorType {
  return { dtype: x.dtype, shape: x.shape && [x.shape[0]!, x.shape[1]!, count * node.int('hidden_size')] }
}

/** The input's and the recurrent bias act as one. */
function bothBiases(graph: Builder, b: Value): Value {
  const [input, recurrent] = graph.ops('Split', [only(graph, b)], { axis: 0, num_outputs: 2 }, { outputs: 2 })
  return graph.add(input!, recurrent!)
}

/**
 * Gradients of LstmTrain's x, w, r, b, first h and first c, from (x, w, r, y, gates, cells, first h, first c, dy, d last h, d last c), of which the last five
 * may be absent: back through time. Hochreiter & Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735
 */
export const lstmTrainGrad = operator('LstmTrainGrad', {
  shape([x, w, r], node) {
    const { dtype } = x
    const hidden = node.int('hidden_size')
    const state: TensorType = { dtype, shape: [1, x.shape?.[1] ?? null, hidden] }
    return [x, w, r, { dtype, shape: [1, 2 * GATES * hidden] }, state, state]
  },
  cost: (inputs, node) => {
    const { macs, flops } = recurrentCost(inputs, node)
    return { macs: multiply(2, macs ?? null), flops: multiply(2, flops ?? null) }
  },
  expansion({ graph, node, inputs: [x, w, r, y, gates, cells, h, c, dy, dh, dc] }) {
    const hidden = node.int('hidden_size')
    const direction = directionOf(node)
    const [firstH, firstC, lastDh, lastDc] = [h, c, dh, dc].map((state) => beginning(graph, state, x, hidden))
    const states = graph.op('Squeeze', [y, graph.int64([1])])
    const recurrent = only(graph, r)
    const sequences = [gates, cells, before(graph, cells, firstC!, direction), ...(dy ? [graph.op('Squeeze', [dy, graph.int64([1])])] : [])]
    const [dh0, dc0, d] = scan(graph, (1 - direction) as Direction, [lastDh!, lastDc!], sequences, (inner, [fromLater, dLater], [gate, cell, cellBefore, fromAbove]) => {
      const { error, dBefore } = backThroughCell(inner, [gate!, cell!, cellBefore!], fromAbove ? inner.add(fromLater!, fromAbove) : fromLater!, dLater!, { hidden, axis: 1 })
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
