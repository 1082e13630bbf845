import { softTargets } from '../data/classes.ts'
import type { Builder } from '../graph/builder.ts'
import { differs, formatShape, type Shape } from '../graph/dim.ts'
import type { Value } from '../graph/graph.ts'
import { isFloat, Tensor } from '../graph/tensor.ts'
import { requireKnown, requireNumber, requireWhole } from '../require.ts'
import { called } from './called.ts'
import { alongClasses, checkFirstAxis, firstWhere, notFrom0To1 } from './compare.ts'
import type { Fault, Loss } from './loss.ts'

export interface CrossEntropyOptions {
  /** Share of the target that is spread evenly over all classes (0). Szegedy et al. 2016, https://arxiv.org/abs/1512.00567 */
  labelSmoothing?: number
  /** How much each class counts, such as more for a rare one (all alike). The mean over labels is weighted so, too. */
  weight?: readonly number[]
  /** A label that counts for nothing, such as 255 where no one knows what a pixel shows (none). */
  ignoreIndex?: number
}

interface CrossEntropy extends Loss {
  (options?: CrossEntropyOptions): Loss
}

function crossEntropyWith({ labelSmoothing = 0, weight, ignoreIndex }: CrossEntropyOptions): Loss {
  requireNumber('crossEntropy: labelSmoothing', labelSmoothing, { from: 0, to: 1 })
  weight?.forEach((value, i) => requireNumber(`crossEntropy: weight[${i}]`, value, { from: 0 }))
  if (ignoreIndex !== undefined) requireWhole('crossEntropy: ignoreIndex', ignoreIndex)
  const loss: Loss = (graph, logits, target) => {
    const classes = logits.shape?.[1]
    if (typeof classes !== 'number' || classes < 2 || !isFloat(logits.dtype))
      throw new Error(`cross entropy needs float logits [N, C] of 2 classes or more, and the network's output is ${logits.dtype}${formatShape(logits.shape)}. Numbers are approximated by meanSquaredError, one yes or no by bceWithLogits.`)
    if (weight && weight.length !== classes) throw new RangeError(`crossEntropy: weight has ${weight.length} numbers, and the output has ${classes} classes`)
    const isOfLabels = checkTarget(logits, target)
    if (!isOfLabels && ignoreIndex !== undefined) throw new Error(`crossEntropy: ignoreIndex is a label, and the target ${target.dtype}${formatShape(target.shape)} holds shares of the classes: a sample whose shares are all 0 counts for nothing`)
    const weights = weight && alongClasses(graph, Tensor.of(logits.dtype!, [classes], weight), logits.rank!, 'class_weights')
    const weighted = (x: Value) => (weights ? graph.mul(x, weights) : x)
    const given = isOfLabels ? oneHot(graph, target, classes, logits, ignoreIndex) : graph.cast(target, logits.dtype)
    const wanted = labelSmoothing ? graph.add(graph.mul(given, 1 - labelSmoothing), spread(graph, given, labelSmoothing / classes, ignoreIndex)) : given
    const chosen = graph.reduceSum(graph.mul(graph.op('LogSoftmax', [logits], { axis: 1 }), weighted(wanted)), [1])
    if (!isOfLabels || (!weight && ignoreIndex === undefined)) return graph.neg(graph.reduceMean(chosen, chosen.shape!.map((_, axis) => axis)))
    const total = (x: Value) => graph.op('ReduceSum', [x], { keepdims: 0 })
    return graph.neg(graph.div(total(chosen), graph.op('Max', [total(weighted(given)), graph.scalar(TINY, logits.dtype)])))
  }
  const said = Object.entries({ ...(labelSmoothing && { labelSmoothing }), weight, ignoreIndex }).filter(([, value]) => value !== undefined)
  const words = said.length ? `crossEntropy({ ${said.map(([name, value]) => `${name}: ${JSON.stringify(value)}`).join(', ')} })` : 'crossEntropy'
  return called(words, loss, { fault: (targets, output) => classFault(targets, output, ignoreIndex), ...(ignoreIndex === undefined && { soft: shares }) })
}

/** Where no label counts, the loss is 0 divided by this. */
const TINY = 1e-30

/** What a label wants of each class: all of its own, nothing of one that is ignored. */
function oneHot(graph: Builder, target: Value, classes: number, { dtype, rank }: Value, ignoreIndex: number | undefined): Value {
  const range = Tensor.of(target.dtype!, [classes], Array.from({ length: classes }, (_, i) => (i === ignoreIndex ? NO_LABEL : i)))
  return graph.cast(graph.op('Equal', [graph.unsqueeze(target, [1]), alongClasses(graph, range, rank!, 'classes')]), dtype)
}

const NO_LABEL = -1

/** A share for each class, where a label is not ignored. */
const spread = (graph: Builder, given: Value, share: number, ignoreIndex: number | undefined): Value | number => (ignoreIndex === undefined ? share : graph.mul(graph.reduceSum(given, [1], true), share))

/** @returns whether the target holds labels, not the shares of the classes. @throws Error where it is neither for such logits. */
function checkTarget(logits: Value, target: Value): boolean {
  const { dtype, shape } = target
  const isLike = (wanted: Shape) => shape?.length === wanted.length && wanted.every((d, axis) => axis === 0 || !differs(d, shape[axis]!))
  const labels = logits.shape!.filter((_, axis) => axis !== 1)
  const isOfLabels = (dtype === 'int64' || dtype === 'int32') && isLike(labels)
  if (!isOfLabels && !(isFloat(dtype) && isLike(logits.shape!)))
    throw new Error(`cross entropy takes labels int64${formatShape(labels)}, or shares of the classes float32${formatShape(logits.shape)}, and the target is ${dtype}${formatShape(shape)}. Say how labels become it: the option \`target\`.`)
  checkFirstAxis('cross entropy', logits, target)
  return isOfLabels
}

function classFault(targets: Tensor, output: Shape, ignoreIndex: number | undefined): Fault | null {
  const classes = Number(output[1])
  if (isFloat(targets.dtype)) return notFrom0To1(targets, 'a share of its classes')
  return firstWhere(targets, (label) => !(label >= 0 && label < classes) && label !== ignoreIndex, (label) => `the label ${label}, and the output has ${classes} classes, 0 to ${classes - 1}`)
}

function shares(targets: Tensor, output: Shape): Tensor {
  if (isFloat(targets.dtype)) return targets
  if (targets.shape.length > 1) throw new TypeError('mixup blends one label a sample: give shares of the classes as the target, or leave mixup out')
  return softTargets({ labels: targets.toNumbers() }, Number(output[1]))
}

const plain = crossEntropyWith({})

/**
 * Mean of −Σ target·log softmax(logits) over the batch, and over the pixels of logits [N, C, H, W] (or more or fewer axes), as PyTorch's CrossEntropyLoss. For logits
 * [N, C] the target counts classes, [N] of an integer type, or holds the share of each, [N, C] of floats. Where no label of a batch counts, the loss is 0. It is a
 * loss itself, and makes one: `crossEntropy({ labelSmoothing: 0.1 })`.
 * @throws RangeError where an option is out of its bounds, or there is not a weight for each class.
 */
export const crossEntropy = called(String(plain), lossOrOptions as CrossEntropy, plain)

function lossOrOptions(...args: Parameters<Loss> | [CrossEntropyOptions?]): Value | Loss {
  if (args.length === 3) return plain(...args)
  const [options = {}] = args
  requireKnown('crossEntropy', options, { labelSmoothing: true, weight: true, ignoreIndex: true })
  return crossEntropyWith(options)
}
