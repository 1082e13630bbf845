import type { Value } from '../../graph/graph.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { activated } from './activation.ts'
import type { Family, Reading, Writing } from './family.ts'
import { natural, ordered, rankOf, type Held } from './held.ts'
import { channelsFirst, channelsLast } from './layout.ts'

function read(layer: Reading): Value {
  const { scope, builder, weights: [kernel, bias], inputs: [input] } = layer
  const x = channelsLast(builder, input!)
  const weight = layer.parameter('weight', kernel!.transpose())
  const offset = bias ? layer.parameter('bias', bias) : null
  if (x.rank === 2) return activated(layer, scope.op('Gemm', [x, weight, offset], { transB: 1 }))
  const product = scope.op('MatMul', [x, builder.transpose(weight)])
  return activated(layer, channelsFirst(builder, offset ? builder.add(product, offset) : product))
}

/** x·kernel + bias over the last axis. */
function dense(writing: Writing, weight: Tensor, isTransposed: boolean, bias: Tensor | null, nodes = [writing.node]): Held {
  const { tf } = writing
  const axes = natural(rankOf(writing))
  const stored = tf.tensor2d(weight.toFloat32(), weight.shape as [number, number])
  const kernel = isTransposed ? stored.transpose() : stored
  const layer = tf.layers.dense({ units: kernel.shape[1]!, useBias: bias !== null, name: writing.name() })
  return { tensor: writing.apply(layer, ordered(writing, writing.held(0), axes), [kernel, ...(bias ? [tf.tensor1d(bias.toFloat32())] : [])], nodes), axes }
}

export const denseLayers: Family = {
  readers: { Dense: read },
  writers: {
    Gemm(writing) {
      const { node } = writing
      if (node.int('transA') || node.float('alpha', 1) !== 1 || node.float('beta', 1) !== 1) writing.refuse('TensorFlow.js has x·w + b alone')
      return dense(writing, writing.stored(1) ?? writing.refuse('its second factor is not stored'), node.int('transB') === 1, writing.stored(2))
    },
    MatMul(writing) {
      const weight = writing.stored(1)
      if (weight?.shape.length !== 2) writing.refuse('its second factor is not a stored matrix')
      const [sum] = writing.node.output.users
      const bias = sum?.type === 'Add' && writing.node.output.users.length === 1 ? (sum.inputs.find((value) => value !== writing.node.output)?.constant ?? null) : null
      if (bias?.shape.length !== 1) return dense(writing, weight!, false, null)
      const held = dense(writing, weight!, false, bias, [writing.node, sum!])
      writing.cover(sum!, held)
      return held
    },
  },
}
