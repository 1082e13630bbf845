import * as tf from '@tensorflow/tfjs'
import type { Tensor } from '../../../../lib/graph/tensor.ts'
import { bceWithLogits, crossEntropy, ctc, meanSquaredError, type Loss } from '../../../../lib/train/loss.ts'
import { int64, own, scaled, x, y, z, type OracleCase } from './oracle-case.ts'

const [TIMES, BATCH, INPUTS, HIDDEN] = [3, 2, 3, 2]

/** x, w, r, b and the first states. */
const recurrent = (gates: number, states: number) => [
  x(TIMES, BATCH, INPUTS), scaled(y(1, gates * HIDDEN, INPUTS), 0.3), scaled(z(1, gates * HIDDEN, HIDDEN), 0.3), scaled(x(1, 2 * gates * HIDDEN), 0.3),
  ...Array.from({ length: states }, (_, i) => scaled(i ? z(1, BATCH, HIDDEN) : y(1, BATCH, HIDDEN), 0.3)),
]

/** Steps through the times, and joins what each answers: y [T, 1, N, H], then the last states [1, N, H]. */
function walked(sequence: tf.Tensor, backwards: boolean, states: tf.Tensor[], cell: (input: tf.Tensor, states: tf.Tensor[]) => tf.Tensor[]): tf.Tensor[] {
  const inputs = tf.unstack(sequence)
  const outputs: tf.Tensor[] = []
  for (const input of backwards ? inputs.toReversed() : inputs) {
    states = cell(input, states)
    outputs.push(states[0]!)
  }
  const [batch, hidden] = states[0]!.shape as [number, number]
  return [tf.stack(backwards ? outputs.toReversed() : outputs).reshape([TIMES, 1, batch, hidden]), ...states.map((state) => state.expandDims(0))]
}

const product = (a: tf.Tensor, b: tf.Tensor) => tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D, false, true)

function lstm(backwards: boolean) {
  return (...[sequence, w, r, b, h, c]: tf.Tensor[]): tf.Tensor[] => {
    const [ofInput, ofState] = tf.split(b!.squeeze([0]), 2)
    return walked(sequence!, backwards, [h!.squeeze([0]), c!.squeeze([0])], (input, [state, cell]) => {
      const sum = product(input, w!.squeeze([0])).add(product(state!, r!.squeeze([0]))).add(ofInput!).add(ofState!)
      const [i, o, f, g] = tf.split(sum, 4, 1)
      const next = f!.sigmoid().mul(cell!).add(i!.sigmoid().mul(g!.tanh()))
      return [o!.sigmoid().mul(next.tanh()), next]
    })
  }
}

function gru(backwards: boolean) {
  return (...[sequence, w, r, b, h]: tf.Tensor[]): tf.Tensor[] => {
    const [ofInput, ofState] = tf.split(b!.squeeze([0]), 2)
    return walked(sequence!, backwards, [h!.squeeze([0])], (input, [state]) => {
      const [xz, xr, xn] = tf.split(product(input, w!.squeeze([0])).add(ofInput!), 3, 1)
      const [hz, hr, hn] = tf.split(product(state!, r!.squeeze([0])).add(ofState!), 3, 1)
      const z = xz!.add(hz!).sigmoid()
      const n = xn!.add(xr!.add(hr!).sigmoid().mul(hn!)).tanh()
      return [n.mul(tf.sub(1, z)).add(z.mul(state!))]
    })
  }
}

function rnn(backwards: boolean, activation: (v: tf.Tensor) => tf.Tensor) {
  return (...[sequence, w, r, b, h]: tf.Tensor[]): tf.Tensor[] => {
    const [ofInput, ofState] = tf.split(b!.squeeze([0]), 2)
    return walked(sequence!, backwards, [h!.squeeze([0])], (input, [state]) => [activation(product(input, w!.squeeze([0])).add(ofInput!).add(product(state!, r!.squeeze([0]))).add(ofState!))])
  }
}

/** A loss of logits and a target, which is differentiated where it is a float. */
const loss = (of: Loss, inputs: readonly Tensor[], torch: string, tensorflow: OracleCase['tensorflow'], differences?: OracleCase['differences']): OracleCase => ({
  inputs, hone: (graph, output, target) => [of(graph, output!, target!)], torch, tensorflow, ...(differences && { differences }),
})

const labels = int64([4], [0, 4, 2, 1])
const oneHot = (target: tf.Tensor) => tf.oneHot(target.cast('int32'), 5)
const plates = int64([2, 3], [0, 0, -1, 2, 1, -1])
/** Every path of a length, and what is left of it without repeats and blanks: TensorFlow.js has no loss of this kind, so the paths are added up one by one. */
function byPaths(times: number, classes: number, blank: number, label: readonly number[]): number[][] {
  const paths = Array.from({ length: classes ** times }, (_, code) => Array.from({ length: times }, (__, t) => Math.floor(code / classes ** t) % classes))
  return paths.filter((path) => path.filter((c, t) => c !== blank && c !== path[t - 1]).join() === label.join())
}

function ctcByPaths(logits: tf.Tensor, blank: number, wanted: readonly (readonly number[])[]): tf.Tensor[] {
  const [, times, classes] = logits.shape as [number, number, number]
  const scores = tf.unstack(tf.logSoftmax(logits))
  return scores.map((score, n) => {
    const paths = byPaths(times, classes, blank, wanted[n]!)
    const chosen = tf.oneHot(tf.tensor2d(paths, undefined, 'int32'), classes).cast('float32').reshape([paths.length, times * classes])
    return tf.matMul(chosen as tf.Tensor2D, score.reshape([times * classes, 1])).logSumExp().neg()
  })
}

export const sequences: Readonly<Record<string, OracleCase>> = {
  'LstmTrain': own('LstmTrain', recurrent(4, 2), { hidden_size: HIDDEN }, { torch: 'lstm(x)', tensorflow: lstm(false) }, { outputs: 9, results: 3 }),
  'LstmTrain, backwards': own('LstmTrain', recurrent(4, 2), { hidden_size: HIDDEN, direction: 'reverse' }, { torch: 'lstm(x, backwards=True)', tensorflow: lstm(true) }, { outputs: 9, results: 3 }),
  'GruTrain': own('GruTrain', recurrent(3, 1), { hidden_size: HIDDEN }, { torch: 'gru(x)', tensorflow: gru(false) }, { outputs: 4, results: 2 }),
  'GruTrain, backwards': own('GruTrain', recurrent(3, 1), { hidden_size: HIDDEN, direction: 'reverse' }, { torch: 'gru(x, backwards=True)', tensorflow: gru(true) }, { outputs: 4, results: 2 }),
  'RnnTrain': own('RnnTrain', recurrent(1, 1), { hidden_size: HIDDEN, activation: 'Tanh' }, { torch: 'rnn(x)', tensorflow: rnn(false, tf.tanh) }, { outputs: 2 }),
  'RnnTrain, rectified, backwards': own('RnnTrain', recurrent(1, 1), { hidden_size: HIDDEN, activation: 'Relu', direction: 'reverse' },
    { torch: "rnn(x, backwards=True, nonlinearity='relu')", tensorflow: rnn(true, tf.relu) }, { outputs: 2 }),
  'CtcLoss': {
    inputs: [x(2, 4, 4), plates],
    hone: (graph, logits, target) => [graph.op('CtcLoss', [logits, target], { blank: 3 }, { domain: 'hone' })],
    torch: "F.ctc_loss(x[0].log_softmax(2).transpose(0, 1), x[1], (4, 4), (2, 2), blank=3, reduction='none')",
    tensorflow: (logits) => [tf.stack(ctcByPaths(logits!, 3, [[0, 0], [2, 1]]))],
  },

  'cross entropy': loss(crossEntropy, [x(4, 5), labels], 'F.cross_entropy(x[0], x[1])', (logits, target) => [tf.losses.softmaxCrossEntropy(oneHot(target!), logits!)]),
  'cross entropy, labels smoothed': loss(crossEntropy({ labelSmoothing: 0.1 }), [x(4, 5), labels], 'F.cross_entropy(x[0], x[1], label_smoothing=0.1)',
    (logits, target) => [tf.losses.softmaxCrossEntropy(oneHot(target!), logits!, undefined, 0.1)]),
  'cross entropy, shares of the classes, smoothed': {
    inputs: [x(4, 5), y(4, 5)],
    hone: (graph, logits, target) => [crossEntropy({ labelSmoothing: 0.1 })(graph, logits!, graph.op('Softmax', [target], { axis: 1 }))],
    torch: 'F.cross_entropy(x[0], x[1].softmax(1), label_smoothing=0.1)',
    tensorflow: (logits, target) => [tf.softmax(target!).mul(0.9).add(0.1 / 5).mul(tf.logSoftmax(logits!)).sum(1).mean().neg()],
  },
  'binary cross entropy': loss(bceWithLogits, [x(4, 5), int64([4, 5], Array.from({ length: 20 }, (_, i) => (i * 7) % 3 % 2))], 'F.binary_cross_entropy_with_logits(x[0], x[1].double())',
    (logits, target) => [tf.losses.sigmoidCrossEntropy(target!, logits!)]),
  'mean squared error': loss(meanSquaredError, [x(4, 5), y(4, 5)], 'F.mse_loss(x[0], x[1])', (output, target) => [tf.losses.meanSquaredError(target!, output!)]),
  'connectionist temporal classification': loss(ctc({ blank: 3 }), [x(2, 4, 4), int64([2, 3], [0, 0, -1, 2, -1, -1])],
    "F.ctc_loss(x[0].permute(2, 0, 1).log_softmax(2), x[1], (4, 4), (2, 1), blank=3)",
    (logits) => {
      const [both, one] = ctcByPaths(logits!.transpose([0, 2, 1]), 3, [[0, 0], [2]])
      return [both!.div(2).add(one!).div(2)]
    }),
  'connectionist temporal classification, of an empty label': loss(ctc({ blank: 3 }), [x(2, 4, 4), int64([2, 3], [0, 0, -1, -1, -1, -1])],
    "F.ctc_loss(x[0].permute(2, 0, 1).log_softmax(2), x[1], (4, 4), (2, 0), blank=3)",
    (logits) => {
      const [both, none] = ctcByPaths(logits!.transpose([0, 2, 1]), 3, [[0, 0], []])
      return [both!.div(2).add(none!).div(2)]
    }),
}
