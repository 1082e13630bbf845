import type { Builder } from '../graph/builder.ts'
import { differs, formatShape } from '../graph/dim.ts'
import type { Value } from '../graph/graph.ts'
import { HONE } from '../graph/operator.ts'
import { Tensor } from '../graph/tensor.ts'

/** A loss adds its nodes to the graph and answers with a scalar. */
export interface Loss {
  (graph: Builder, output: Value, target: Value): Value
  /** Whether the labels are classes of logits [N, C] (false): then they are checked before the first step. */
  readonly readsClasses?: boolean
}

/**
 * Mean over the batch of −log softmax(logits)[label], as PyTorch's cross_entropy: logits [N, C], labels [N] of an integer type. A share of the target is
 * spread evenly over all classes. Szegedy et al. 2016, https://arxiv.org/abs/1512.00567
 * @throws RangeError where `smoothing` is not a share.
 */
export function smoothedCrossEntropy(smoothing: number): Loss {
  if (!(smoothing >= 0 && smoothing <= 1)) throw new RangeError(`label smoothing takes a share from 0 to 1, not ${smoothing}`)
  const loss: Loss = (graph, logits, labels) => {
    const classes = logits.shape?.[1]
    if (typeof classes !== 'number' || logits.rank !== 2) throw new Error(`cross entropy needs logits [N, C] with C known, and the network's output is ${formatShape(logits.shape)}`)
    const range = graph.tensor(Tensor.of(labels.dtype ?? 'int64', [classes], Array.from({ length: classes }, (_, i) => i)), 'classes')
    const oneHot = graph.cast(graph.op('Equal', [graph.unsqueeze(labels, [1]), range]), logits.dtype)
    const wanted = smoothing ? graph.add(graph.mul(oneHot, 1 - smoothing), smoothing / classes) : oneHot
    const chosen = graph.reduceSum(graph.mul(graph.op('LogSoftmax', [logits], { axis: 1 }), wanted), [1])
    return graph.neg(graph.reduceMean(chosen, [0]))
  }
  return Object.assign(loss, { readsClasses: true })
}

/** Mean over the batch of −log softmax(logits)[label]: logits [N, C], labels [N] of an integer type. */
export const crossEntropy: Loss = smoothedCrossEntropy(0)

/**
 * Mean of −t·log σ(z) − (1 − t)·log(1 − σ(z)) over all elements, from logits z and targets t of one shape, as PyTorch's BCEWithLogitsLoss; written as
 * max(z, 0) − z·t + log(1 + e^−|z|), which does not overflow.
 */
export const bceWithLogits: Loss = (graph, logits, target) => {
  checkAlike('binary cross entropy', logits, target)
  const wanted = graph.cast(target, logits.dtype)
  const tail = graph.log(graph.add(1, graph.exp(graph.neg(graph.op('Abs', [logits])))))
  return mean(graph, graph.add(graph.sub(graph.relu(logits), graph.mul(logits, wanted)), tail))
}

/** Mean of the squared differences of all elements; the target has the output's shape. */
export const meanSquaredError: Loss = (graph, output, target) => {
  checkAlike('mean squared error', output, target)
  const difference = graph.sub(output, target)
  return mean(graph, graph.mul(difference, difference))
}

function checkAlike(loss: string, output: Value, target: Value): void {
  if (!output.shape || output.rank !== target.rank || output.shape.some((d, axis) => differs(d, target.shape![axis]!)))
    throw new Error(`${loss} needs a target of the output's shape ${formatShape(output.shape)}, not ${formatShape(target.shape)}`)
}

const mean = (graph: Builder, x: Value): Value => graph.op('ReduceMean', [x], { keepdims: 0 })

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
