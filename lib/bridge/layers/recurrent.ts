import { floats } from '../../graph/attribute.ts'
import type { Value } from '../../graph/graph.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { GATES } from './activation.ts'
import type { Family, Reading, TensorFlow, Writing } from './family.ts'
import { ordered, type Held } from './held.ts'

type Cell = 'LSTM' | 'GRU'

/** Where ONNX's gates stand among TensorFlow's: input, output, forget, cell of i, f, c, o; GRUs have the same order. */
const ORDER: Readonly<Record<Cell, readonly number[]>> = { LSTM: [0, 3, 1, 2], GRU: [0, 1, 2] }

/** [..., gates · H] with the gates in another order. */
function reordered(weight: TensorFlow.Tensor, order: readonly number[]): TensorFlow.Tensor {
  const parts = weight.split(order.length, -1)
  return order.slice(1).reduce((joined, gate) => joined.concat(parts[gate]!, -1), parts[order[0]!]!)
}

function read(layer: Reading, cell: Cell): Value {
  const { builder, config, refuse, weights: [kernel, recurrent, bias], inputs: [x] } = layer
  for (const name of ['goBackwards', 'stateful', 'returnState']) if (config[name]) refuse(`"${name}" has no counterpart`)
  const order = ORDER[cell]
  const weights = [
    layer.parameter('weight_ih', reordered(kernel!, order).transpose().expandDims(0)),
    layer.parameter('weight_hh', reordered(recurrent!, order).transpose().expandDims(0)),
    bias ? layer.parameter('bias', reordered(bias, order).concat(bias.mul(0)).expandDims(0)) : null,
  ]
  const [gate, state] = [config['recurrentActivation'], config['activation']].map((name) => GATES[String(name)] ?? refuse(`its activation "${String(name)}" has no counterpart`)) as [string, string]
  const isUsual = gate === 'Sigmoid' && state === 'Tanh'
  const activations = cell === 'LSTM' ? [gate, state, state] : [gate, state]
  const [sequence, last] = builder.ops(cell, [builder.transpose(x!, [1, 0, 2]), ...weights], {
    hidden_size: Number(config['units']),
    ...(!isUsual && { activations, activation_alpha: floats(activations.map((name) => (name === 'HardSigmoid' ? 0.2 : 0))), activation_beta: floats(activations.map((name) => (name === 'HardSigmoid' ? 0.5 : 0))) }),
  }, { outputs: 2 })
  if (!config['returnSequences']) return builder.op('Squeeze', [last, builder.int64([0])])
  return builder.transpose(builder.op('Squeeze', [sequence, builder.int64([1])]), [1, 0, 2])
}

/** The state that follows from ONNX's: y [T, 1, N, H] and the last h [1, N, H]. */
function write(writing: Writing, cell: Cell): readonly Held[] {
  const { tf, node } = writing
  if (node.string('direction', 'forward') !== 'forward') writing.refuse('TensorFlow.js takes one direction, forward, in a layer')
  if (node.inputs.slice(4).some(Boolean)) writing.refuse('it has lengths or first states')
  if (cell === 'GRU' && node.int('linear_before_reset')) writing.refuse('its reset gate acts after the product, as in PyTorch, and TensorFlow.js resets before')
  const [y, h] = node.outputs.map((output) => output.uses.length > 0)
  if (y && h) writing.refuse('both its sequence and its last state are read')
  const [input, recurrent] = [1, 2].map((i) => fromStored(writing, writing.stored(i) ?? writing.refuse('its weights are not stored'), cell)) as [TensorFlow.Tensor, TensorFlow.Tensor]
  const bias = writing.stored(3)
  const layer = (cell === 'LSTM' ? tf.layers.lstm : tf.layers.gru)({ units: node.int('hidden_size'), returnSequences: Boolean(y), useBias: bias !== null, recurrentActivation: gateOf(writing), name: writing.name() })
  const offset = bias ? [bothBiases(writing, bias, cell)] : []
  const tensor = writing.apply(layer, ordered(writing, writing.held(0), [1, 0, 2]), [input, recurrent, ...offset])
  return [{ tensor, axes: [2, 0, 3] }, { tensor, axes: [1, 2] }]
}

/** What a gate is squashed by; TensorFlow.js's own default is the hard sigmoid. */
function gateOf(writing: Writing): 'sigmoid' | 'hardSigmoid' {
  const a = writing.node.attributes.get('activations')
  const [gate, ...states] = a?.type === 'strings' ? a.value : ['Sigmoid', 'Tanh', 'Tanh']
  if (states.some((name) => name !== 'Tanh') || (gate !== 'Sigmoid' && gate !== 'HardSigmoid')) writing.refuse(`its activations ${[gate, ...states].join(', ')} have no counterpart`)
  return gate === 'Sigmoid' ? 'sigmoid' : 'hardSigmoid'
}

const inverse = (order: readonly number[]): number[] => order.map((_, gate) => order.indexOf(gate))

/** [1, gates · H, I] to TensorFlow's [I, gates · H]. */
function fromStored({ tf }: Writing, weight: Tensor, cell: Cell): TensorFlow.Tensor {
  return reordered(tf.tensor(weight.toFloat32(), weight.shape.slice(1)).transpose(), inverse(ORDER[cell]))
}

/** ONNX's two biases act as one. */
function bothBiases({ tf }: Writing, bias: Tensor, cell: Cell): TensorFlow.Tensor {
  return reordered(tf.tensor(bias.toFloat32(), [2, bias.shape[1]! / 2]).sum(0), inverse(ORDER[cell]))
}

export const recurrent: Family = {
  readers: { LSTM: (layer) => read(layer, 'LSTM'), GRU: (layer) => read(layer, 'GRU') },
  writers: { LSTM: (node) => write(node, 'LSTM'), GRU: (node) => write(node, 'GRU') },
}
