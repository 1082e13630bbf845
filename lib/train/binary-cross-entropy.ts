import type { Builder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'
import { Tensor } from '../graph/tensor.ts'
import { requireKnown, requireNumber } from '../require.ts'
import { called } from './called.ts'
import { alongClasses, checkAlike, mean, notFrom0To1 } from './compare.ts'
import type { Loss } from './loss.ts'

export interface BinaryCrossEntropyOptions {
  /** How much a yes counts beside a no (1): one number, or one for each class of outputs [N, C] or [N, C, ...]. */
  posWeight?: number | readonly number[]
}

interface BinaryCrossEntropy extends Loss {
  (options?: BinaryCrossEntropyOptions): Loss
}

function bceWith({ posWeight }: BinaryCrossEntropyOptions): Loss {
  for (const weight of [posWeight ?? []].flat()) requireNumber('bceWithLogits: posWeight', weight, { from: 0 })
  const loss: Loss = (graph, logits, target) => {
    checkAlike('binary cross entropy', logits, target)
    const wanted = graph.cast(target, logits.dtype)
    const size = graph.op('Abs', [logits])
    const tail = graph.log(graph.add(1, graph.exp(graph.neg(size))))
    const each = graph.add(graph.add(graph.mul(size, 0.5), graph.mul(logits, graph.sub(0.5, wanted))), tail)
    if (posWeight === undefined) return mean(graph, each)
    const ofYes = graph.add(graph.mul(graph.sub(size, logits), 0.5), tail)
    return mean(graph, graph.add(each, graph.mul(graph.mul(wanted, ofYes), surplus(graph, posWeight, logits))))
  }
  return called(posWeight === undefined ? 'bceWithLogits' : `bceWithLogits({ posWeight: ${JSON.stringify(posWeight)} })`, loss, {
    fault: (targets) => notFrom0To1(targets, 'a target'), soft: (targets) => Tensor.float32(targets.shape, targets.toFloat32()),
  })
}

/** How much more than 1 a yes counts. */
function surplus(graph: Builder, posWeight: number | readonly number[], { dtype, shape, rank }: Value): Value {
  if (typeof posWeight === 'number') return graph.scalar(posWeight - 1, dtype)
  if (shape?.[1] !== posWeight.length) throw new RangeError(`bceWithLogits: posWeight has ${posWeight.length} numbers, and the output has ${shape?.[1] ?? 'no'} classes`)
  return alongClasses(graph, Tensor.of(dtype!, [posWeight.length], posWeight.map((weight) => weight - 1)), rank!, 'class_weights')
}

const plain = bceWith({})

/**
 * Mean of −t·log σ(z) − (1 − t)·log(1 − σ(z)) over all elements, from logits z and targets t of one shape, as PyTorch's BCEWithLogitsLoss; written as
 * |z|/2 + z·(1/2 − t) + log(1 + e^−|z|), which does not overflow, and at 0 has the gradient 1/2 − t, as |z| has none there. It is a loss itself, and makes one:
 * `bceWithLogits({ posWeight: 3 })`.
 * @throws RangeError where a weight is less than 0, or there is not one for each class.
 */
export const bceWithLogits = called(String(plain), lossOrOptions as BinaryCrossEntropy, plain)

function lossOrOptions(...args: Parameters<Loss> | [BinaryCrossEntropyOptions?]): Value | Loss {
  if (args.length === 3) return plain(...args)
  const [options = {}] = args
  requireKnown('bceWithLogits', options, { posWeight: true })
  return bceWith(options)
}
