import * as tf from '@tensorflow/tfjs'
import { int64, lacking, node, x, y, z, type OracleCase } from './oracle-case.ts'

const noGradientOf = (what: string) => lacking(`TensorFlow.js has no gradient of ${what}`)

/** Rows of a one-hot matrix, which pick entries of an axis by a product: TensorFlow.js's own gather is differentiable along the first axis alone. */
const picked = (v: tf.Tensor, indices: readonly number[], extent: number) => tf.matMul(v, tf.oneHot(tf.tensor1d([...indices], 'int32'), extent).transpose().cast('float32') as tf.Tensor2D)

export const shapes: Readonly<Record<string, OracleCase>> = {
  'Concat': node('Concat', [x(2, 3, 2), y(2, 1, 2), z(2, 4, 2)], { axis: 1 }, { torch: 'torch.cat((x[0], x[1], x[2]), 1)', tensorflow: (a, b, c) => [tf.concat([a!, b!, c!], 1)] }),
  'Split': {
    inputs: [x(2, 6)], hone: (graph, v) => graph.split(v!, [1, 3, 2], 1), torch: 'torch.split(x[0], (1, 3, 2), 1)', tensorflow: (v) => tf.split(v!, [1, 3, 2], 1),
  },
  'Reshape': { inputs: [x(2, 6)], hone: (graph, v) => [graph.reshape(v!, [3, -1])], torch: 'x[0].reshape(3, 4)', tensorflow: (v) => [v!.reshape([3, 4])] },
  'Flatten': node('Flatten', [x(2, 3, 2)], { axis: 2 }, { torch: 'x[0].flatten(0, 1)', tensorflow: (v) => [v!.reshape([6, 2])] }),
  'Squeeze': { inputs: [x(2, 1, 3)], hone: (graph, v) => [graph.op('Squeeze', [v, graph.int64([1])])], torch: 'x[0].squeeze(1)', tensorflow: (v) => [v!.squeeze([1])] },
  'Unsqueeze': { inputs: [x(2, 3)], hone: (graph, v) => [graph.unsqueeze(v!, [0, 2])], torch: 'x[0][None, :, None]', tensorflow: (v) => [v!.expandDims(1).expandDims(0)] },
  'Transpose': node('Transpose', [x(2, 3, 4)], { perm: [2, 0, 1] }, { torch: 'x[0].permute(2, 0, 1)', tensorflow: (v) => [v!.transpose([2, 0, 1])] }),
  'Expand': { inputs: [x(3, 1)], hone: (graph, v) => [graph.op('Expand', [v, graph.int64([2, 3, 4])])], torch: 'x[0].expand(2, 3, 4)', tensorflow: (v) => [tf.broadcastTo(v!, [2, 3, 4])] },
  'Tile': { inputs: [x(2, 3)], hone: (graph, v) => [graph.op('Tile', [v, graph.int64([2, 3])])], torch: 'x[0].repeat(2, 3)', tensorflow: (v) => [tf.tile(v!, [2, 3])] },
  'Pad': {
    inputs: [x(2, 3)], hone: (graph, v) => [graph.op('Pad', [v, graph.int64([1, 0, 0, 2]), graph.scalar(0.5, v!.dtype)])], torch: 'F.pad(x[0], (0, 2, 1, 0), value=0.5)',
    tensorflow: (v) => [tf.pad(v!, [[1, 0], [0, 2]], 0.5)],
  },
  'Slice': {
    inputs: [x(4, 5)], hone: (graph, v) => [graph.slice(v!, [1, -4], [3, 5], [0, 1])], torch: 'x[0][1:3, -4:]', tensorflow: (v) => [v!.slice([1, 1], [2, 4])],
  },
  'Slice with steps, one of them backwards': {
    inputs: [x(5, 7)], hone: (graph, v) => [graph.slice(v!, [0, -1], [5, -8], [0, 1], [2, -3])], torch: 'x[0][::2].flip(1)[:, ::3]',
    tensorflow: (v) => [picked(picked(v!, [6, 3, 0], 7).transpose(), [0, 2, 4], 5).transpose()],
  },

  'Gather': node('Gather', [x(5, 3), int64([2, 3], [0, 4, 4, 1, 0, 4])], {}, { torch: 'F.embedding(x[1], x[0])', tensorflow: (v, at) => [tf.gather(v!, at!.cast('int32'))] }),
  'Gather along another axis': node('Gather', [x(3, 5), int64([3], [4, 1, 4])], { axis: 1 }, { torch: 'x[0][:, x[1]]', tensorflow: (v) => [picked(v!, [4, 1, 4], 5)] }),
  'GatherElements': node('GatherElements', [x(3, 4), int64([2, 4], [0, 2, 2, 1, 0, 0, 2, 1])], { axis: 0 }, { torch: 'x[0].gather(0, x[1])', tensorflow: noGradientOf('picking elements') }),
  'GatherND': node('GatherND', [x(3, 4, 2), int64([3, 2], [0, 1, 2, 3, 0, 1])], {}, { torch: 'x[0][x[1][:, 0], x[1][:, 1]]', tensorflow: noGradientOf('gatherND') }),
  'ScatterElements': node('ScatterElements', [x(3, 4), int64([1, 4], [0, 2, 2, 1]), y(1, 4)], { axis: 0 }, { torch: 'x[0].scatter(0, x[1], x[2])', tensorflow: noGradientOf('writing elements') }),
  'ScatterElements, adding': node('ScatterElements', [x(3, 4), int64([2, 4], [0, 2, 2, 1, 0, 0, 2, 1]), y(2, 4)], { axis: 0, reduction: 'add' }, {
    torch: 'x[0].scatter_add(0, x[1], x[2])', tensorflow: noGradientOf('writing elements'),
  }),
  'ScatterND': node('ScatterND', [x(4, 3), int64([2, 1], [2, 0]), y(2, 3)], {}, { torch: 'x[0].index_put((x[1][:, 0],), x[2])', tensorflow: noGradientOf('scatterND') }),
  'DepthToSpace': node('DepthToSpace', [x(1, 8, 2, 3)], { blocksize: 2, mode: 'CRD' }, {
    torch: 'F.pixel_shuffle(x[0], 2)', tensorflow: (v) => [v!.reshape([1, 2, 2, 2, 2, 3]).transpose([0, 1, 4, 2, 5, 3]).reshape([1, 2, 4, 6])],
  }),
  'SpaceToDepth': node('SpaceToDepth', [x(1, 2, 4, 6)], { blocksize: 2 }, {
    torch: 'x[0].reshape(1, 2, 2, 2, 3, 2).permute(0, 3, 5, 1, 2, 4).reshape(1, 8, 2, 3)', tensorflow: (v) => [v!.reshape([1, 2, 2, 2, 3, 2]).transpose([0, 3, 5, 1, 2, 4]).reshape([1, 8, 2, 3])],
  }),
}
