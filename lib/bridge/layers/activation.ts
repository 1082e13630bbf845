import { float } from '../../graph/attribute.ts'
import type { Builder } from '../../graph/builder.ts'
import type { Node, Value } from '../../graph/graph.ts'
import type { Family, Reading, TensorFlow, Writing } from './family.ts'
import { rankOf, type Held } from './held.ts'
import { axisInGraph } from './layout.ts'

type Activation = (builder: Builder, x: Value) => Value

const single = (type: string, attributes: Parameters<Builder['op']>[2] = {}): Activation => (builder, x) => builder.op(type, [x], attributes, { types: [x] })
const clipped = (most: number): Activation => (builder, x) => builder.op('Clip', [x, builder.scalar(0, x.dtype), builder.scalar(most, x.dtype)])

/** By TensorFlow's names. */
const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  linear: (_, x) => x,
  relu: single('Relu'),
  relu6: clipped(6),
  elu: single('Elu'),
  selu: single('Selu'),
  sigmoid: single('Sigmoid'),
  hardSigmoid: single('HardSigmoid', { alpha: 0.2, beta: 0.5 }),
  softplus: single('Softplus'),
  softsign: single('Softsign'),
  tanh: single('Tanh'),
  swish: (builder, x) => builder.mul(x, builder.op('Sigmoid', [x])),
}

/** An activation, by name, of a value that stands in the graph. */
export function activated({ builder, config, refuse }: Reading, x: Value, name = String(config['activation'] ?? 'linear')): Value {
  if (name === 'softmax' || name === 'logSoftmax') return builder.op(name === 'softmax' ? 'Softmax' : 'LogSoftmax', [x], { axis: axisInGraph(x, -1) })
  return (ACTIVATIONS[name] ?? refuse(`its activation "${name}" has no counterpart`))(builder, x)
}

/** ONNX's name of a gate's activation: the recurrent operators have it as an attribute. */
export const GATES: Readonly<Record<string, string>> = { sigmoid: 'Sigmoid', hardSigmoid: 'HardSigmoid', tanh: 'Tanh', relu: 'Relu' }

const same = (layer: (tf: typeof TensorFlow, node: Node, name: string) => TensorFlow.layers.Layer) => (writing: Writing): Held => {
  const { tensor, axes } = writing.held(0)
  return { tensor: writing.apply(layer(writing.tf, writing.node, writing.name()), tensor), axes }
}
const named = (activation: 'relu' | 'sigmoid' | 'tanh' | 'softplus' | 'softsign' | 'selu') => same((tf, _, name) => tf.layers.activation({ activation, name }))

export const activation: Family = {
  readers: {
    Activation: (layer) => activated(layer, layer.inputs[0]!),
    ReLU: (layer) => (layer.config['maxValue'] == null ? ACTIVATIONS['relu']! : clipped(Number(layer.config['maxValue'])))(layer.builder, layer.inputs[0]!),
    LeakyReLU: ({ builder, config, inputs: [x] }) => builder.op('LeakyRelu', [x!], { alpha: float(Number(config['alpha'])) }),
    ELU: ({ builder, config, inputs: [x] }) => builder.op('Elu', [x!], { alpha: float(Number(config['alpha'])) }),
    Softmax: ({ builder, config, inputs: [x] }) => builder.op('Softmax', [x!], { axis: axisInGraph(x!, Number(config['axis'])) }),
  },
  writers: {
    Relu: named('relu'),
    Sigmoid: named('sigmoid'),
    Tanh: named('tanh'),
    Softplus: named('softplus'),
    Softsign: named('softsign'),
    Selu: named('selu'),
    Elu: same((tf, node, name) => tf.layers.elu({ alpha: node.float('alpha', 1), name })),
    LeakyRelu: same((tf, node, name) => tf.layers.leakyReLU({ alpha: node.float('alpha', 0.01), name })),
    HardSigmoid(writing) {
      const { node } = writing
      if (Math.abs(node.float('alpha', 0.2) - 0.2) > 1e-6 || node.float('beta', 0.5) !== 0.5) writing.refuse('TensorFlow.js has the hard sigmoid 0.2·x + 0.5 alone')
      return same((tf, _, name) => tf.layers.activation({ activation: 'hardSigmoid', name }))(writing)
    },
    Clip(writing) {
      const [low, high] = [1, 2].map((i) => writing.stored(i)?.toNumbers()[0])
      if (low !== 0 || high === undefined) writing.refuse('TensorFlow.js clips from 0 to a number alone')
      return same((tf, _, name) => tf.layers.reLU({ maxValue: high!, name }))(writing)
    },
    Softmax(writing) {
      const { node } = writing
      const held = writing.held(0)
      const rank = rankOf(writing)
      const axis = held.axes.indexOf((node.int('axis', -1) + rank) % rank)
      return { tensor: writing.apply(writing.tf.layers.softmax({ axis, name: writing.name() }), held.tensor), axes: held.axes }
    },
  },
}
