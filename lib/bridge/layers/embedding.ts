import type { Family } from './family.ts'
import { rankOf } from './held.ts'

export const embedding: Family = {
  readers: {
    Embedding(layer) {
      const { scope, builder, config, weights: [table], inputs: [x] } = layer
      if (config['maskZero']) layer.refuse('"maskZero" has no counterpart')
      return scope.op('Gather', [layer.parameter('weight', table!), builder.cast(x!, x!.dtype === 'int32' ? 'int32' : 'int64')])
    },
  },
  writers: {
    Gather(writing) {
      const { tf, node } = writing
      const table = writing.stored(0)
      if (table?.shape.length !== 2 || node.int('axis') !== 0) writing.refuse('TensorFlow.js looks up whole rows of a stored table alone')
      const [inputDim, outputDim] = table!.shape as [number, number]
      const { tensor, axes } = writing.held(1)
      const layer = tf.layers.embedding({ inputDim, outputDim, name: writing.name() })
      return { tensor: writing.apply(layer, tensor, [tf.tensor2d(table!.toFloat32(), [inputDim, outputDim])]), axes: [...axes, rankOf(writing, 1)] }
    },
  },
}
