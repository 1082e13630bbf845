import type { Builder } from '../builder.ts'
import type { Value } from '../graph.ts'
import { HONE, operator } from '../operator.ts'
import {
  before, beginning, biasGradient, bothBiases, checkTrainable, directionOf, eachDirection, only, recurrentCost, recurrentCoupling, recurrentGradCost, recurrentResized, recurrentTypes, scan, weightGradient, type Direction,
} from './recurrent.ts'

/** Activations that training knows, each with its slope by what it answers. */
const SLOPES: Readonly<Record<string, (graph: Builder, y: Value) => Value>> = {
  Tanh: (graph, y) => graph.sub(1, graph.mul(y, y)),
  Relu: (graph, y) => graph.positive(y),
}

/** Recurrent network without gates (Elman 1990): (x, w, r, b, lengths, first h) to (y, last h). https://onnx.ai/onnx/operators/onnx__RNN.html */
export const rnn = operator('RNN', {
  shape: (inputs, node) => recurrentTypes(inputs, 1, node),
  learned: () => [1, 2, 3],
  cost: recurrentCost,
  coupling: recurrentCoupling(1, [5]),
  resized: recurrentResized,
  training({ graph, node, inputs: [x, w, r, b, , h] }) {
    const given = node.attributes.get('activations')
    const activation = Object.keys(SLOPES).find((name) => given?.type === 'strings' && name.toLowerCase() === given.value[0]?.toLowerCase()) ?? 'Tanh'
    checkTrainable(node, { 4: 'sequence lengths' }, [activation])
    return { outputs: eachDirection(graph, node, [x, w, r, b, h], (inputs, attributes) => graph.ops('RnnTrain', inputs, { ...attributes, activation }, { domain: HONE, outputs: 2 })) }
  },
})

/** The recurrent network in training, one direction: (x [T, N, I], w, r, b, first h) to (y, last h). */
export const rnnTrain = operator('RnnTrain', {
  shape: ([x, w, r], node) => recurrentTypes([x, w, r], 1, node),
  cost: recurrentCost,
  expansion({ graph, node, inputs: [x, w, r, b, h] }) {
    const hidden = node.int('hidden_size')
    const recurrent = graph.transpose(only(graph, r))
    const projected = graph.matmul(x, graph.transpose(only(graph, w)))
    const inputs = b ? graph.add(projected, bothBiases(graph, b)) : projected
    const [last, y] = scan(graph, directionOf(node), [beginning(graph, h, x, hidden)], [inputs], (inner, [state], [input]) => {
      const next = inner.op(node.string('activation'), [inner.add(input!, inner.matmul(state!, recurrent))])
      return { states: [next], results: [next] }
    })
    return [graph.unsqueeze(y!, [1]), graph.unsqueeze(last!, [0])]
  },
  gradient({ graph, node, inputs: [x, w, r, b, h], outputs: [y], gradients: [dy, dh] }) {
    const attributes = { hidden_size: node.int('hidden_size'), direction: node.string('direction', 'forward'), activation: node.string('activation') }
    const [dx, dw, dr, db, dh0] = graph.ops('RnnTrainGrad', [x, w, r, y, h, dy, dh], attributes, { domain: HONE, outputs: 5 })
    return [dx, dw, dr, b && db, h && dh0]
  },
}, HONE)

/** Gradients of RnnTrain's x, w, r, b and first h, from (x, w, r, y, first h, dy, d last h), of which the last three may be absent. */
export const rnnTrainGrad = operator('RnnTrainGrad', {
  shape([x, w, r], node) {
    const { dtype } = x
    const hidden = node.int('hidden_size')
    return [x, w, r, { dtype, shape: [1, 2 * hidden] }, { dtype, shape: [1, x.shape?.[1] ?? null, hidden] }]
  },
  cost: recurrentGradCost,
  expansion({ graph, node, inputs: [x, w, r, y, h, dy, dh] }) {
    const hidden = node.int('hidden_size')
    const direction = directionOf(node)
    const slope = SLOPES[node.string('activation')]!
    const states = graph.op('Squeeze', [y, graph.int64([1])])
    const recurrent = only(graph, r)
    const sequences = [slope(graph, states), ...(dy ? [graph.op('Squeeze', [dy, graph.int64([1])])] : [])]
    const [dh0, d] = scan(graph, (1 - direction) as Direction, [beginning(graph, dh, x, hidden)], sequences, (inner, [fromLater], [steepness, fromAbove]) => {
      const error = inner.mul(fromAbove ? inner.add(fromLater!, fromAbove) : fromLater!, steepness!)
      return { states: [inner.matmul(error, recurrent)], results: [error] }
    })
    const bias = biasGradient(graph, d!)
    return [
      graph.matmul(d!, only(graph, w)),
      weightGradient(graph, d!, x),
      weightGradient(graph, d!, before(graph, states, beginning(graph, h, x, hidden), direction)),
      graph.concat([bias, bias], 1),
      graph.unsqueeze(dh0!, [0]),
    ]
  },
}, HONE)
