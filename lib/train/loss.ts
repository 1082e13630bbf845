import { softTargets } from '../data/classes.ts'
import type { Builder } from '../graph/builder.ts'
import { differs, formatShape, type Shape } from '../graph/dim.ts'
import { Value } from '../graph/graph.ts'
import { HONE } from '../graph/operator.ts'
import { isFloat, Tensor } from '../graph/tensor.ts'
import { requireNumber, requireWhole, told } from '../require.ts'
import { called } from './called.ts'

/** A loss adds its nodes to the graph and answers with a scalar. What it may know of targets beside, `fit` asks it before the first step. */
export interface Loss {
  (graph: Builder, output: Value, target: Value): Value
  /** The first sample of some targets that this loss cannot take for an output of that shape, and what it has; null where all are sound. */
  readonly fault?: (targets: Tensor, output: Shape) => Fault | null
  /** Targets as numbers of which a blend may be made, as mix-up does (as they are, where they are floats). */
  readonly soft?: (targets: Tensor, output: Shape) => Tensor
}

interface Fault {
  readonly sample: number
  /** In the words after "sample 3 has". */
  readonly problem: string
}

/** Adds a loss to a graph. @throws TypeError where it answers with anything but a single float. */
export function lossIn(graph: Builder, loss: Loss, output: Value, target: Value): Value {
  const value: unknown = loss(graph, output, target)
  if (!(value instanceof Value)) throw new TypeError(`the loss answers with ${told(value)}, and a Value of the graph is wanted: return what its last node computes`)
  const { dtype, shape, size } = value
  if ((size !== null && size !== 1) || (dtype && !isFloat(dtype)))
    throw new TypeError(`the loss answers with ${dtype}${formatShape(shape)}, and a single float is wanted, such as the mean of it: graph.op('ReduceMean', [losses], { keepdims: 0 })`)
  return value
}

export interface CrossEntropyOptions {
  /** Share of the target that is spread evenly over all classes (0). Szegedy et al. 2016, https://arxiv.org/abs/1512.00567 */
  labelSmoothing?: number
}

interface CrossEntropy extends Loss {
  (options?: CrossEntropyOptions): Loss
}

function smoothedCrossEntropy(smoothing: number): Loss {
  requireNumber('crossEntropy: labelSmoothing', smoothing, { from: 0, to: 1 })
  const loss: Loss = (graph, logits, target) => {
    const classes = logits.shape?.[1]
    if (typeof classes !== 'number' || classes < 2 || logits.rank !== 2 || !isFloat(logits.dtype))
      throw new Error(`cross entropy needs float logits [N, C] of 2 classes or more, and the network's output is ${logits.dtype}${formatShape(logits.shape)}. Numbers are approximated by meanSquaredError, one yes or no by bceWithLogits.`)
    const given = sharesIn(graph, logits, target, classes)
    checkFirstAxis('cross entropy', logits, target)
    const wanted = smoothing ? graph.add(graph.mul(given, 1 - smoothing), smoothing / classes) : given
    const chosen = graph.reduceSum(graph.mul(graph.op('LogSoftmax', [logits], { axis: 1 }), wanted), [1])
    return graph.neg(graph.reduceMean(chosen, [0]))
  }
  return called(smoothing ? `crossEntropy({ labelSmoothing: ${smoothing} })` : 'crossEntropy', loss, { fault: classFault, soft: shares })
}

/** Shares of the classes, [N, C]: as they come, or all of it the label's. */
function sharesIn(graph: Builder, logits: Value, target: Value, classes: number): Value {
  const { dtype, shape, rank } = target
  if (rank === 2 && isFloat(dtype) && shape![1] === classes) return graph.cast(target, logits.dtype)
  if (rank !== 1 || (dtype !== 'int64' && dtype !== 'int32'))
    throw new Error(`cross entropy takes labels int64[N], or shares of the classes float32[N, ${classes}], and the target is ${dtype}${formatShape(shape)}. Say how labels become it: the option \`target\`.`)
  const range = graph.tensor(Tensor.of(dtype, [classes], Array.from({ length: classes }, (_, i) => i)), 'classes')
  return graph.cast(graph.op('Equal', [graph.unsqueeze(target, [1]), range]), logits.dtype)
}

function classFault(targets: Tensor, output: Shape): Fault | null {
  const classes = Number(output[1])
  if (isFloat(targets.dtype)) return notFrom0To1(targets, 'a share of its classes')
  const values = targets.toNumbers()
  const sample = values.findIndex((label) => !(label >= 0 && label < classes))
  return sample < 0 ? null : { sample, problem: `the label ${values[sample]}, and the output has ${classes} classes, 0 to ${classes - 1}` }
}

const shares = (targets: Tensor, output: Shape): Tensor => (isFloat(targets.dtype) ? targets : softTargets({ labels: targets.toNumbers() }, Number(output[1])))

const unsmoothed = smoothedCrossEntropy(0)

/**
 * Mean over the batch of −Σ target·log softmax(logits), as PyTorch's CrossEntropyLoss: logits [N, C]; the target counts classes, [N] of an integer type, or holds
 * the share of each, [N, C] of floats. It is a loss itself, and makes one: `crossEntropy({ labelSmoothing: 0.1 })`.
 * @throws RangeError where a share is none.
 */
export const crossEntropy = called(String(unsmoothed), lossOrOptions as CrossEntropy, unsmoothed)

function lossOrOptions(...args: Parameters<Loss> | [CrossEntropyOptions?]): Value | Loss {
  return args.length === 3 ? unsmoothed(...args) : smoothedCrossEntropy(args[0]?.labelSmoothing ?? 0)
}

/**
 * Mean of −t·log σ(z) − (1 − t)·log(1 − σ(z)) over all elements, from logits z and targets t of one shape, as PyTorch's BCEWithLogitsLoss; written as
 * |z|/2 + z·(1/2 − t) + log(1 + e^−|z|), which does not overflow, and at 0 has the gradient 1/2 − t, as |z| has none there.
 */
export const bceWithLogits: Loss = called<Loss>('bceWithLogits', (graph, logits, target) => {
  checkAlike('binary cross entropy', logits, target)
  const size = graph.op('Abs', [logits])
  const tail = graph.log(graph.add(1, graph.exp(graph.neg(size))))
  const line = graph.mul(logits, graph.sub(0.5, graph.cast(target, logits.dtype)))
  return mean(graph, graph.add(graph.add(graph.mul(size, 0.5), line), tail))
}, { fault: (targets) => notFrom0To1(targets, 'a target'), soft: (targets) => Tensor.float32(targets.shape, targets.toFloat32()) })

/** Mean of the squared differences of all elements; the target has the output's shape. */
export const meanSquaredError: Loss = called<Loss>('meanSquaredError', (graph, output, target) => {
  checkAlike('mean squared error', output, target)
  const difference = graph.sub(output, graph.cast(target, output.dtype))
  return mean(graph, graph.mul(difference, difference))
}, { fault: (targets) => firstWhere(targets, (value) => !Number.isFinite(value), (value) => `the target ${value}`) })

/** What is compared must not be repeated over the samples: broadcasting would do so. */
function checkFirstAxis(loss: string, output: Value, target: Value): void {
  const [outputs, targets] = [output.shape![0]!, target.shape![0]!]
  const isFixed = outputs !== null && targets !== null && typeof outputs !== typeof targets
  if (isFixed || differs(outputs, targets))
    throw new Error(`${loss} needs an output for each target, and the network's is ${formatShape(output.shape)} where the target is ${formatShape(target.shape)}: the first axis of both counts the samples. Recurrent layers read them so with { batchFirst: true }.`)
}

function checkAlike(loss: string, output: Value, target: Value): void {
  if (!output.shape || output.rank !== target.rank || output.shape.some((d, axis) => differs(d, target.shape![axis]!)))
    throw new Error(`${loss} needs a target of the output's shape ${formatShape(output.shape)}, not ${formatShape(target.shape)}. Say how labels become it: the option \`target\`.`)
  if (output.rank) checkFirstAxis(loss, output, target)
}

const mean = (graph: Builder, x: Value): Value => graph.op('ReduceMean', [x], { keepdims: 0 })

function firstWhere(targets: Tensor, isBad: (value: number) => boolean, problem: (value: number) => string): Fault | null {
  const values = targets.toNumbers()
  const at = values.findIndex(isBad)
  return at < 0 ? null : { sample: Math.floor((at * targets.shape[0]!) / values.length), problem: problem(values[at]!) }
}

const notFrom0To1 = (targets: Tensor, what: string): Fault | null =>
  firstWhere(targets, (value) => !(value >= 0 && value <= 1), (value) => `${value} as ${what}, which is from 0 to 1`)

/**
 * Connectionist temporal classification of logits [N, C, T] against labels [N, L] (int64, padded with −1): each plate's loss divided by its label's length (1 for an
 * empty one), then the mean over the batch, as PyTorch's CTCLoss reduces it. `blank` is the class that stands for nothing.
 * @throws RangeError where `blank` is no class.
 */
export function ctc({ blank }: { blank: number }): Loss {
  requireWhole('ctc: blank', blank, 0)
  const loss: Loss = (graph, logits, labels) => {
    const classes = logits.shape?.[1]
    if (typeof classes !== 'number' || logits.rank !== 3) throw new Error(`ctc needs logits [N, C, T] with C known, and the network's output is ${formatShape(logits.shape)}`)
    if (labels.rank !== 2 || labels.dtype !== 'int64') throw new Error(`ctc takes labels int64[N, L], padded with -1, and the target is ${labels.dtype}${formatShape(labels.shape)}`)
    checkFirstAxis('ctc', logits, labels)
    if (blank >= classes) throw new RangeError(`ctc: blank is ${blank}, and the output has ${classes} classes, 0 to ${classes - 1}`)
    const losses = graph.op('CtcLoss', [graph.transpose(logits, [0, 2, 1]), labels], { blank }, { domain: HONE })
    const lengths = graph.reduceSum(graph.cast(graph.op('GreaterOrEqual', [labels, graph.scalar(0, labels.dtype)]), losses.dtype), [1])
    return graph.reduceMean(graph.div(losses, graph.op('Max', [lengths, graph.scalar(1, losses.dtype)])), [0])
  }
  const fault: Loss['fault'] = (targets, [, classes, times]) => sequenceFault(targets, Number(classes), Number(times), blank)
  return called(`ctc({ blank: ${blank} })`, loss, { fault })
}

function sequenceFault(targets: Tensor, classes: number, times: number, blank: number): Fault | null {
  const values = targets.toNumbers()
  const [count, width] = targets.shape as readonly [number, number]
  for (let sample = 0; sample < count; sample++) {
    const row = values.slice(sample * width, (sample + 1) * width)
    const label = row.slice(0, row.findLastIndex((value) => value >= 0) + 1)
    const bad = label.find((value) => !(value >= 0 && value < classes) || value === blank)
    if (bad !== undefined) return { sample, problem: `${bad} in its label, where the classes are 0 to ${classes - 1} without the blank ${blank}, and -1 stands behind them only` }
    const needed = label.length + label.filter((value, i) => value === label[i - 1]).length
    if (needed > times) return { sample, problem: `a label of ${label.length} that takes ${needed} times (a blank stands between equal ones), and the output has ${times}` }
  }
  return null
}
