import type { Builder } from '../builder.ts'
import { multiply, type Dim } from '../dim.ts'
import type { Node, Value } from '../graph.ts'
import { HONE, operator } from '../operator.ts'
import { Tensor } from '../tensor.ts'

/** The logarithm of a probability that is as good as 0; −∞ would make NaN of a difference. */
const NEVER = -1e30

/** Per position of the label with a blank before, between and after (S = 2L + 1): its class, and where a path may stand, jump and end. */
interface Extended {
  /** Log-probability of the position's class at each time: [T, N, S]. */
  emission: Value
  /** 0 where a path may come from two positions before, NEVER elsewhere: [N, S]. */
  jump: Value
  /** 0 where a path begins, and where one ends, NEVER elsewhere: [N, S]. */
  start: Value
  end: Value
  /** Classes as one-hot rows: [N, S, C]. */
  oneHot: Value
}

/** logits [N, T, C], labels [N, L] padded with −1. */
function extend(graph: Builder, node: Node, logits: Value, labels: Value): Extended {
  const blank = node.int('blank')
  const [classes, length] = [Number(logits.shape![2]), Number(labels.shape![1])]
  const positions = 2 * length + 1
  const { dtype } = logits
  const log = (condition: Value) => graph.mul(graph.sub(1, graph.cast(condition, dtype)), NEVER)
  const constant = (values: readonly number[]) => graph.tensor(Tensor.of(dtype ?? 'float32', [1, values.length], values))

  const present = graph.op('GreaterOrEqual', [labels, graph.scalar(0, 'int64')])
  const classOrBlank = graph.op('Where', [present, labels, graph.scalar(blank, 'int64')])
  const blanks = graph.op('Expand', [graph.scalar(blank, 'int64'), graph.shapeOf(labels)])
  const interleaved = graph.reshape(graph.concat([graph.unsqueeze(blanks, [2]), graph.unsqueeze(classOrBlank, [2])], 2), [-1, 2 * length])
  const extended = graph.op('Pad', [interleaved, graph.int64([0, 0, 0, 1]), graph.scalar(blank, 'int64')])

  const range = graph.tensor(Tensor.of('int64', [1, 1, classes], Array.from({ length: classes }, (_, c) => c)))
  const oneHot = graph.cast(graph.op('Equal', [graph.unsqueeze(extended, [2]), range]), dtype)
  const logProbabilities = graph.op('LogSoftmax', [logits], { axis: 2 })
  const emission = graph.transpose(graph.matmul(logProbabilities, graph.transpose(oneHot)), [1, 0, 2])

  const twoBefore = graph.op('Pad', [graph.slice(extended, [0], [positions - 2], [1]), graph.int64([0, 2, 0, 0]), graph.scalar(blank, 'int64')])
  const jump = log(graph.op('Not', [graph.op('Equal', [extended, twoBefore])]))
  const last = graph.mul(graph.reduceSum(graph.cast(present, dtype), [1], true), 2)
  const index = constant(Array.from({ length: positions }, (_, s) => s))
  const atEnd = graph.op('Or', [graph.op('Equal', [index, last]), graph.op('Equal', [index, graph.sub(last, 1)])])
  const start = graph.add(constant(Array.from({ length: positions }, (_, s) => (s < 2 ? 0 : NEVER))), log(graph.op('LessOrEqual', [index, last])))
  return { emission, jump, start, end: log(atEnd), oneHot }
}

/** log(eᵃ + eᵇ + eᶜ) */
function logSum(graph: Builder, values: readonly Value[]): Value {
  const most = graph.op('Max', values)
  return graph.add(most, graph.log(values.map((v) => graph.exp(graph.sub(v, most))).reduce((a, b) => graph.add(a, b))))
}

/** `values` [N, S] moved `by` positions to the right (to the left where negative); what comes in is NEVER. */
function shifted(graph: Builder, values: Value, by: number, positions: number): Value {
  const [from, to] = by > 0 ? [0, positions - by] : [-by, positions]
  const pads = by > 0 ? [0, by, 0, 0] : [0, 0, 0, -by]
  return graph.op('Pad', [graph.slice(values, [from], [to], [1]), graph.int64(pads), graph.scalar(NEVER, values.dtype)])
}

/**
 * Log-probability of all paths up to each time and position (forward), or from it on (backward), its own emission included: [T, N, S]. The first time's
 * state is `begin`; `merge` says from where a path comes.
 */
function paths(graph: Builder, emission: Value, begin: Value, direction: 0 | 1, merge: (body: Builder, state: Value) => readonly Value[]): Value {
  const [, n, s] = emission.shape as readonly Dim[]
  const inner = graph.within('paths')
  const body = inner.graph
  const state = body.input(body.unique('state'), emission.dtype, [n!, s!])
  const moment = body.input(body.unique('emission_t'), emission.dtype, [n!, s!])
  const here = inner.add(logSum(inner, merge(inner, state)), moment)
  body.addOutput(here)
  body.addOutput(inner.identity(here))
  const attributes = { body, num_scan_inputs: 1, scan_input_directions: [direction], scan_output_directions: [direction] }
  return graph.ops('Scan', [begin, emission], attributes, { outputs: 2 })[1]!
}

function forward(graph: Builder, { emission, jump, start }: Extended): Value {
  const positions = Number(emission.shape![2])
  const first = graph.add(start, graph.slice(emission, [0], [1], [0]))
  const later = graph.slice(emission, [1], [Number(emission.shape![0])], [0])
  const begin = graph.reshape(first, [-1, positions])
  const rest = paths(graph, later, begin, 0, (body, state) => [state, shifted(body, state, 1, positions), body.add(shifted(body, state, 2, positions), jump)])
  return graph.concat([graph.unsqueeze(begin, [0]), rest], 0)
}

function backward(graph: Builder, { emission, jump, end }: Extended): Value {
  const positions = Number(emission.shape![2])
  const times = Number(emission.shape![0])
  const final = graph.reshape(graph.add(end, graph.slice(emission, [times - 1], [times], [0])), [-1, positions])
  const earlier = graph.slice(emission, [0], [times - 1], [0])
  const rest = paths(graph, earlier, final, 1, (body, state) => [state, shifted(body, state, -1, positions), shifted(body, body.add(state, jump), -2, positions)])
  return graph.concat([rest, graph.unsqueeze(final, [0])], 0)
}

/** Log-probability of the label, [N, 1], from the forward paths. */
function logLikelihood(graph: Builder, alpha: Value, { end }: Extended): Value {
  const last = graph.reshape(graph.slice(alpha, [-1], [Number(alpha.shape![0])], [0]), [-1, Number(alpha.shape![2])])
  return graph.op('ReduceLogSumExp', [graph.add(last, end), graph.int64([1])], { keepdims: 1 })
}

/**
 * Connectionist temporal classification: −log p(label | logits) for logits [N, T, C] and labels [N, L] (int64, padded with −1), as [N]; `blank` is the class
 * that stands for nothing. Graves et al. 2006, https://www.cs.toronto.edu/~graves/icml_2006.pdf
 */
export const ctcLoss = operator('CtcLoss', {
  shape: ([logits]) => [{ dtype: logits.dtype, shape: logits.shape && [logits.shape[0]!] }],
  cost: ([logits]) => ({ flops: multiply(logits.size, 5) }),
  expansion({ graph, node, inputs: [logits, labels] }) {
    const extended = extend(graph, node, logits, labels)
    return [graph.reshape(graph.neg(logLikelihood(graph, forward(graph, extended), extended)), [-1])]
  },
  gradient: ({ graph, node, inputs: [logits, labels], gradients: [dy] }) => [graph.op('CtcLossGrad', [logits, labels, dy], { blank: node.int('blank') }, { domain: HONE }), null],
}, HONE)

/** Gradient of CtcLoss: softmax(logits) minus how probably each class is emitted at each time, given the label; times dy [N]. */
export const ctcLossGrad = operator('CtcLossGrad', {
  shape: ([logits]) => [{ dtype: logits.dtype, shape: logits.shape }],
  cost: ([logits]) => ({ flops: multiply(logits.size, 10) }),
  expansion({ graph, node, inputs: [logits, labels, dy] }) {
    const extended = extend(graph, node, logits, labels)
    const alpha = forward(graph, extended)
    const beta = backward(graph, extended)
    const through = graph.sub(graph.sub(graph.add(alpha, beta), extended.emission), logLikelihood(graph, alpha, extended))
    const emitted = graph.matmul(graph.transpose(graph.exp(through), [1, 0, 2]), extended.oneHot)
    return [graph.mul(graph.sub(graph.op('Softmax', [logits], { axis: 2 }), emitted), graph.unsqueeze(dy, [1, 2]))]
  },
}, HONE)
