import type { Value } from '../../graph/graph.ts'
import type { Family, Reading, TensorFlow, Writing } from './family.ts'
import { ordered, rankOf, type Held } from './held.ts'
import { axisInGraph } from './layout.ts'

const folded = (type: 'Add' | 'Mul' | 'Max' | 'Min') => ({ builder, inputs }: Reading): Value => inputs.reduce((a, b) => builder.op(type, [a, b]))

/** Values of one rank, all with their axes as the one that holds most of them has them. */
function aligned(writing: Writing): { tensors: TensorFlow.SymbolicTensor[]; axes: readonly number[] } {
  const { node } = writing
  const ranks = node.inputs.map((value) => value!.rank)
  if (ranks.some((rank) => rank !== ranks[0])) writing.refuse('what it joins differs in rank')
  const held = node.inputs.map((value, i) => (value!.constant || value!.initializer ? writing.refuse('TensorFlow.js has no layer for a stored operand') : writing.held(i)))
  const { axes } = held.reduce((most, one) => (one.axes.length > most.axes.length ? one : most))
  return { tensors: held.map((one) => ordered(writing, one, axes)), axes }
}

const merged = (layer: (tf: typeof TensorFlow, name: string) => TensorFlow.layers.Layer) => (writing: Writing): Held => {
  const { tensors, axes } = aligned(writing)
  return { tensor: writing.apply(layer(writing.tf, writing.name()), tensors), axes }
}

export const merge: Family = {
  readers: {
    Add: folded('Add'),
    Multiply: folded('Mul'),
    Maximum: folded('Max'),
    Minimum: folded('Min'),
    Average: (layer) => layer.builder.div(folded('Add')(layer), layer.inputs.length),
    Concatenate: ({ scope, config, inputs }) => scope.op('Concat', inputs, { axis: axisInGraph(inputs[0]!, Number(config['axis'])) }),
  },
  writers: {
    Add: merged((tf, name) => tf.layers.add({ name })),
    Mul: merged((tf, name) => tf.layers.multiply({ name })),
    Max: merged((tf, name) => tf.layers.maximum({ name })),
    Min: merged((tf, name) => tf.layers.minimum({ name })),
    Concat(writing) {
      const { tf, node } = writing
      const { tensors, axes } = aligned(writing)
      const rank = rankOf(writing)
      return { tensor: writing.apply(tf.layers.concatenate({ axis: axes.indexOf((node.int('axis') + rank) % rank), name: writing.name() }), tensors), axes }
    },
  },
}
