import * as tf from '@tensorflow/tfjs'
import { Tensor } from '../../../../lib/graph/tensor.ts'
import { lacking, node, positive, x, y, z, type Lacking, type OracleCase } from './oracle-case.ts'

const reduction = (type: string, torch: string, tensorflow: ((v: tf.Tensor) => tf.Tensor) | Lacking, input = x(3, 4, 2)): OracleCase => ({
  inputs: [input], hone: (graph, v) => [graph.op(type, [v, graph.int64([0, 2])], { keepdims: 0 })], torch, tensorflow: typeof tensorflow === 'function' ? (v) => [tensorflow(v!)] : tensorflow,
})

const product = (type: string, a: Tensor, b: Tensor): OracleCase => node(type, [a, b], {}, { torch: 'x[0] @ x[1]', tensorflow: (u, v) => [tf.matMul(...batched(u!, v!))] })

/** TensorFlow.js multiplies batches of one size only. */
function batched(a: tf.Tensor, b: tf.Tensor): [tf.Tensor, tf.Tensor] {
  const batch = tf.backend_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2))
  const wide = (v: tf.Tensor) => tf.broadcastTo(v, [...batch, ...v.shape.slice(-2)])
  return [wide(a), wide(b)]
}

export const matrices: Readonly<Record<string, OracleCase>> = {
  'MatMul': product('MatMul', x(3, 4), y(4, 5)),
  'MatMul of a batch with one matrix': product('MatMul', x(2, 3, 3, 4), y(4, 2)),
  'MatMul of batches': product('MatMul', x(2, 1, 3, 4), y(3, 4, 2)),
  'Gemm': node('Gemm', [x(3, 4), y(4, 5), z(5)], { alpha: { type: 'float', value: 0.5 }, beta: { type: 'float', value: 2 } }, {
    torch: '0.5 * x[0] @ x[1] + 2 * x[2]', tensorflow: (a, b, c) => [tf.matMul(a!, b!).mul(0.5).add(c!.mul(2))],
  }),
  'Gemm, both transposed': node('Gemm', [x(4, 3), y(5, 4), z(3, 1)], { transA: 1, transB: 1 }, { torch: 'x[0].T @ x[1].T + x[2]', tensorflow: (a, b, c) => [tf.matMul(a!, b!, true, true).add(c!)] }),
  'Gemm, the second transposed': node('Gemm', [x(3, 4), y(5, 4)], { transB: 1 }, { torch: 'x[0] @ x[1].T', tensorflow: (a, b) => [tf.matMul(a!, b!, false, true)] }),
  'Gemm, the first transposed': node('Gemm', [x(4, 3), y(4, 5)], { transA: 1 }, { torch: 'x[0].T @ x[1]', tensorflow: (a, b) => [tf.matMul(a!, b!, true, false)] }),
  'Einsum': node('Einsum', [x(2, 3, 4), y(4, 5)], { equation: 'btf,fg->btg' }, { torch: "torch.einsum('btf,fg->btg', x[0], x[1])", tensorflow: (a, b) => [tf.matMul(...batched(a!, b!))] }),
  'Einsum of three': node('Einsum', [x(2, 3, 4), y(4, 5), z(2, 5, 3)], { equation: 'bij, jk, bkl -> bil' }, {
    torch: "torch.einsum('bij,jk,bkl->bil', *x)", tensorflow: (a, b, c) => [tf.matMul(tf.matMul(...batched(a!, b!)), c!)],
  }),
  'Trilu': node('Trilu', [x(2, 3, 4), Tensor.scalar('int64', 1)], { upper: 0 }, { torch: 'x[0].tril(1)', tensorflow: (v) => [tf.linalg.bandPart(v!, -1, 1)] }),
  'Softmax': node('Softmax', [x(3, 5)], {}, { torch: 'F.softmax(x[0], -1)', tensorflow: (v) => [tf.softmax(v as tf.Tensor2D)] }),
  'Softmax along another axis': node('Softmax', [x(3, 5, 2)], { axis: 1 }, { torch: 'F.softmax(x[0], 1)', tensorflow: (v) => [tf.softmax(v!.transpose([0, 2, 1])).transpose([0, 2, 1])] }),
  'LogSoftmax': node('LogSoftmax', [x(3, 5)], { axis: 0 }, { torch: 'F.log_softmax(x[0], 0)', tensorflow: (v) => [tf.logSoftmax(v!.transpose()).transpose()] }),

  'ReduceSum': reduction('ReduceSum', 'x[0].sum((0, 2))', (v) => v.sum([0, 2])),
  'ReduceMean': reduction('ReduceMean', 'x[0].mean((0, 2))', (v) => v.mean([0, 2])),
  'ReduceSumSquare': reduction('ReduceSumSquare', '(x[0] ** 2).sum((0, 2))', (v) => v.square().sum([0, 2])),
  'ReduceL1': reduction('ReduceL1', 'x[0].abs().sum((0, 2))', (v) => v.abs().sum([0, 2])),
  'ReduceL2': reduction('ReduceL2', 'x[0].norm(dim=(0, 2))', (v) => v.square().sum([0, 2]).sqrt()),
  'ReduceL2 of zeros': reduction('ReduceL2', 'x[0].norm(dim=(0, 2))', lacking('TensorFlow.js divides by 0'), Tensor.zeros('float64', [2, 3, 2])),
  'ReduceLogSumExp': reduction('ReduceLogSumExp', 'x[0].logsumexp((0, 2))', (v) => v.logSumExp([0, 2])),
  'ReduceLogSum': reduction('ReduceLogSum', 'x[0].sum((0, 2)).log()', (v) => v.sum([0, 2]).log(), positive(x(3, 4, 2))),
  'ReduceMax': reduction('ReduceMax', 'x[0].amax((0, 2))', (v) => v.max([0, 2])),
  'ReduceMin': reduction('ReduceMin', 'x[0].amin((0, 2))', (v) => v.min([0, 2])),
  'CumSum': { inputs: [x(3, 5)], hone: (graph, v) => [graph.op('CumSum', [v, graph.tensor(Tensor.scalar('int64', 1))])], torch: 'x[0].cumsum(1)', tensorflow: (v) => [tf.cumsum(v!, 1)] },
  'CumSum, exclusive and from the end': {
    inputs: [x(3, 5)], hone: (graph, v) => [graph.op('CumSum', [v, graph.tensor(Tensor.scalar('int64', 1))], { exclusive: 1, reverse: 1 })],
    torch: 'x[0].flip(1).cumsum(1).flip(1) - x[0]', tensorflow: (v) => [tf.cumsum(v!, 1, true, true)],
  },
}
