import type { Builder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'
import { Tensor } from '../graph/tensor.ts'

/** A loss adds its nodes to the graph and answers with a scalar. */
export type Loss = (graph: Builder, output: Value, target: Value) => Value

/** Mean over the batch of −log softmax(logits)[label]: logits [N, C], labels [N] of an integer type. */
export const crossEntropy: Loss = (graph, logits, labels) => {
  const classes = logits.shape?.[1]
  if (typeof classes !== 'number') throw new Error(`cross entropy needs logits [N, C] with C known, not ${logits}`)
  const range = graph.tensor(Tensor.of(labels.dtype ?? 'int64', [classes], Array.from({ length: classes }, (_, i) => i)), 'classes')
  const oneHot = graph.cast(graph.op('Equal', [graph.unsqueeze(labels, [1]), range]), logits.dtype)
  const chosen = graph.reduceSum(graph.mul(graph.op('LogSoftmax', [logits], { axis: 1 }), oneHot), [1])
  return graph.neg(graph.reduceMean(chosen, [0]))
}

/** Mean of the squared differences of all elements. */
export const meanSquaredError: Loss = (graph, output, target) => {
  const difference = graph.sub(output, target)
  return graph.op('ReduceMean', [graph.mul(difference, difference)], { keepdims: 0 })
}
