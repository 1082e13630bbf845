import { symbol } from '../../lib/graph/dim.ts'
import type { Value } from '../../lib/graph/graph.ts'
import { sizeOf, Tensor, type DataType } from '../../lib/graph/tensor.ts'
import { nn } from '../../lib/index.ts'
import type { Scope } from '../../lib/nn/scope.ts'
import { random } from '../../lib/random.ts'
import { bceWithLogits, crossEntropy, ctc } from '../../lib/train/loss.ts'
import type { Task } from './steps.ts'

const { avgPool2d, batchNorm2d, conv2d, dropout, embedding, flatten, globalAvgPool, layerNorm, linear, lstm, maxPool2d, relu, residual, sequential } = nn

const source = random(11)

/** Numbers between -1 and 1. */
export const noise = (shape: readonly number[]): Tensor => Tensor.float32(shape, Float32Array.from({ length: sizeOf(shape) }, () => 2 * source.next() - 1))

/** Whole numbers below `end`. */
export const wholes = (shape: readonly number[], end: number): Tensor => Tensor.of('int64', shape, Array.from({ length: sizeOf(shape) }, () => source.below(end)))

export const labels = { dtype: 'int64' as DataType, shape: [symbol('N')] }

/** Small networks that have between them what the library's models have. */
export const smallTasks: Readonly<Record<string, () => Task>> = {
  'convolutions, poolings that overlap and a dropout': () => ({
    model: nn.build(sequential(
      conv2d(2, 8, 3, { padding: 1 }), relu(), maxPool2d(3, { stride: 2, padding: 1 }), conv2d(8, 8, 3, { groups: 8, padding: 1 }), relu(), avgPool2d(2),
      flatten(), dropout(0.5), linear(32, 5),
    ), { x: ['N', 2, 8, 8] }).graph,
    loss: crossEntropy, target: labels, feeds: { x: noise([3, 2, 8, 8]), target: wholes([3], 5) },
  }),
  'a residual block with batch normalizations': () => ({
    model: nn.build(sequential(
      residual(sequential(conv2d(4, 8, 3, { stride: 2, padding: 1, bias: false }), batchNorm2d(8), relu(), conv2d(8, 8, 3, { padding: 1 }), batchNorm2d(8)), sequential(conv2d(4, 8, 1, { stride: 2 }), batchNorm2d(8))),
      relu(), globalAvgPool(), flatten(), linear(8, 5),
    ), { x: ['N', 4, 8, 8] }).graph,
    loss: crossEntropy, target: labels, feeds: { x: noise([3, 4, 8, 8]), target: wholes([3], 5) },
  }),
  'an embedding, an LSTM and a layer normalization': () => ({
    model: nn.build((net: Scope, tokens: Value) => {
      const words = embedding(20, 6)(net.child('words'), net.builder.transpose(tokens, [1, 0]))
      const last = layerNorm(8)(net.child('norm'), lstm(6, 8, { output: 'last' })(net.child('lstm'), words))
      return net.builder.op('Squeeze', [linear(8, 1)(net.child('head'), last), net.builder.int64([1])])
    }, { tokens: { dtype: 'int64', shape: ['N', 5] } }).graph,
    loss: bceWithLogits, target: { dtype: 'float32', shape: [symbol('N')] }, feeds: { tokens: wholes([3, 5], 20), target: Tensor.float32([3], [0, 1, 1]) },
  }),
  'the CTC loss': () => ({
    model: nn.build((net: Scope, x: Value) => net.builder.reduceMean(conv2d(3, 6, [2, 3])(net.child('head'), x), [2]), { x: ['N', 3, 4, 10] }).graph,
    loss: ctc({ blank: 5 }), target: { dtype: 'int64', shape: [symbol('N'), 3] }, feeds: { x: noise([2, 3, 4, 10]), target: Tensor.of('int64', [2, 3], [1, 1, 4, 3, 0, -1]) },
  }),
}
