import type { Builder } from '../graph/builder.ts'
import { differs, formatShape } from '../graph/dim.ts'
import type { Value } from '../graph/graph.ts'
import { HONE } from '../graph/operator.ts'
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

/** Mean of the squared differences of all elements; the target has the output's shape. */
export const meanSquaredError: Loss = (graph, output, target) => {
  if (!output.shape || output.rank !== target.rank || output.shape.some((d, axis) => differs(d, target.shape![axis]!)))
    throw new Error(`mean squared error needs a target of the output's shape ${formatShape(output.shape)}, not ${formatShape(target.shape)}`)
  const difference = graph.sub(output, target)
  return graph.op('ReduceMean', [graph.mul(difference, difference)], { keepdims: 0 })
}

/**
 * Connectionist temporal classification of logits [N, C, T] against labels [N, L] (int64, padded with −1): each plate's loss divided by its label's length,
 * then the mean over the batch, as PyTorch's CTCLoss reduces it.
 */
export function ctc({ blank }: { blank: number }): Loss {
  return (graph, logits, labels) => {
    const loss = graph.op('CtcLoss', [graph.transpose(logits, [0, 2, 1]), labels], { blank }, { domain: HONE })
    const lengths = graph.reduceSum(graph.cast(graph.op('GreaterOrEqual', [labels, graph.scalar(0, labels.dtype)]), loss.dtype), [1])
    return graph.reduceMean(graph.div(loss, lengths), [0])
  }
}
