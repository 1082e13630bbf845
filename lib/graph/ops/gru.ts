import type { Node, TensorType, Value } from '../graph.ts'
import { HONE, operator } from '../operator.ts'
import {
  before, beginning, biasGradient, checkTrainable, directionOf, eachDirection, only, recurrentCost, recurrentCoupling, recurrentGradCost, recurrentResized, recurrentTypes, scan, weightGradient, type Direction,
} from './recurrent.ts'

/** Update, reset, new. */
const GATES = 3

/** Gated recurrent unit: (x, w, r, b, lengths, first h) to (y, last h). https://onnx.ai/onnx/operators/onnx__GRU.html */
export const gru = operator('GRU', {
  shape: (inputs, node) => recurrentTypes(inputs, 1, node),
  learned: () => [1, 2, 3],
  cost: recurrentCost,
  coupling: recurrentCoupling(GATES, [5]),
  resized: recurrentResized,
  training({ graph, node, inputs: [x, w, r, b, , h] }) {
    checkTrainable(node, { 4: 'sequence lengths' }, ['Sigmoid', 'Tanh'])
    if (!node.int('linear_before_reset')) throw new Error(`it cannot be trained with linear_before_reset 0; nn.gru writes it with 1, as PyTorch computes it`)
    return { outputs: eachDirection(graph, node, [x, w, r, b, h], (inputs, attributes) => graph.ops('GruTrain', inputs, attributes, { domain: HONE, outputs: 4 }).slice(0, 2)) }
  },
})

/**
 * The GRU in training, one direction, the reset gate after the product: (x [T, N, I], w, r, b, first h) to (y, last h, gates [T, N, 3·H], recalled
 * [T, N, H]): the gates after their activations, and the product of the state that the reset gate scales.
 */
export const gruTrain = operator('GruTrain', {
  shape: ([x, w, r], node) => [...recurrentTypes([x, w, r], 1, node), sequence(x, node, GATES), sequence(x, node, 1)],
  cost: recurrentCost,
  expansion({ graph, node, inputs: [x, w, r, b, h] }) {
    const hidden = node.int('hidden_size')
    const recurrent = graph.transpose(only(graph, r))
    const [inputBias, recurrentBias] = b ? graph.ops('Split', [only(graph, b)], { axis: 0, num_outputs: 2 }, { outputs: 2 }) : []
    const offset = (v: Value, bias: Value | undefined, builder = graph) => (bias ? builder.add(v, bias) : v)
    const projected = offset(graph.matmul(x, graph.transpose(only(graph, w))), inputBias)
    const gateSizes = Array<number>(GATES).fill(hidden)
    const [last, y, gates, recalled] = scan(graph, directionOf(node), [beginning(graph, h, x, hidden)], [projected], (inner, [state], [input]) => {
      const [inputZ, inputR, inputN] = inner.split(input!, gateSizes, 1)
      const [stateZ, stateR, q] = inner.split(offset(inner.matmul(state!, recurrent), recurrentBias, inner), gateSizes, 1)
      const z = inner.op('Sigmoid', [inner.add(inputZ!, stateZ!)])
      const reset = inner.op('Sigmoid', [inner.add(inputR!, stateR!)])
      const n = inner.op('Tanh', [inner.add(inputN!, inner.mul(reset, q!))])
      const next = inner.add(n, inner.mul(z, inner.sub(state!, n)))
      return { states: [next], results: [next, inner.concat([z, reset, n], 1), q!] }
    })
    return [graph.unsqueeze(y!, [1]), graph.unsqueeze(last!, [0]), gates!, recalled!]
  },
  gradient({ graph, node, inputs: [x, w, r, b, h], outputs: [y, , gates, recalled], gradients: [dy, dh] }) {
    const attributes = { hidden_size: node.int('hidden_size'), direction: node.string('direction', 'forward') }
    const [dx, dw, dr, db, dh0] = graph.ops('GruTrainGrad', [x, w, r, y, gates, recalled, h, dy, dh], attributes, { domain: HONE, outputs: 5 })
    return [dx, dw, dr, b && db, h && dh0]
  },
}, HONE)

/** A type [T, N, count·H]. */
function sequence(x: Value, node: Node, count: number): TensorType {
  return { dtype: x.dtype, shape: x.shape && [x.shape[0]!, x.shape[1]!, count * node.int('hidden_size')] }
}

/** Gradients of GruTrain's x, w, r, b and first h, from (x, w, r, y, gates, recalled, first h, dy, d last h), of which the last three may be absent. */
export const gruTrainGrad = operator('GruTrainGrad', {
  shape([x, w, r], node) {
    const { dtype } = x
    const hidden = node.int('hidden_size')
    return [x, w, r, { dtype, shape: [1, 2 * GATES * hidden] }, { dtype, shape: [1, x.shape?.[1] ?? null, hidden] }]
  },
  cost: recurrentGradCost,
  expansion({ graph, node, inputs: [x, w, r, y, gates, recalled, h, dy, dh] }) {
    const hidden = node.int('hidden_size')
    const direction = directionOf(node)
    const states = graph.op('Squeeze', [y, graph.int64([1])])
    const statesBefore = before(graph, states, beginning(graph, h, x, hidden), direction)
    const recurrent = only(graph, r)
    const sequences = [gates, recalled, statesBefore, ...(dy ? [graph.op('Squeeze', [dy, graph.int64([1])])] : [])]
    const [dh0, dInput, dRecurrent] = scan(graph, (1 - direction) as Direction, [beginning(graph, dh, x, hidden)], sequences, (inner, [fromLater], [gate, q, state, fromAbove]) => {
      const [z, reset, n] = inner.split(gate!, Array(GATES).fill(hidden), 1)
      const d = fromAbove ? inner.add(fromLater!, fromAbove) : fromLater!
      const sigmoidSlope = (v: Value) => inner.mul(v, inner.sub(1, v))
      const dNew = inner.mul(inner.mul(d, inner.sub(1, z!)), inner.sub(1, inner.mul(n!, n!)))
      const dUpdate = inner.mul(inner.mul(d, inner.sub(state!, n!)), sigmoidSlope(z!))
      const dReset = inner.mul(inner.mul(dNew, q!), sigmoidSlope(reset!))
      const dStateGates = inner.concat([dUpdate, dReset, inner.mul(dNew, reset!)], 1)
      return { states: [inner.add(inner.mul(d, z!), inner.matmul(dStateGates, recurrent))], results: [inner.concat([dUpdate, dReset, dNew], 1), dStateGates] }
    })
    return [
      graph.matmul(dInput!, only(graph, w)),
      weightGradient(graph, dInput!, x),
      weightGradient(graph, dRecurrent!, statesBefore),
      graph.concat([biasGradient(graph, dInput!), biasGradient(graph, dRecurrent!)], 1),
      graph.unsqueeze(dh0!, [0]),
    ]
  },
}, HONE)
