import type { Value } from '../../graph/graph.ts'
import { avgPool2d, batchNorm2d, conv2d, dropout, maxPool2d, relu, sequential, type Layer } from '../layers.ts'
import { Model } from '../model.ts'
import { Scope, type Weights } from '../scope.ts'
import { publishedWeights } from '../weights.ts'

/** Characters of a plate by class; the last class is CTC's blank. */
export const CLASSES = 68

/** 1x1, 3x1, 1x3 and 1x1 convolutions through a quarter of the channels: the paper's small basic block. */
function smallBasicBlock(inChannels: number, outChannels: number): Layer {
  const middle = outChannels / 4
  const block = sequential(
    conv2d(inChannels, middle, 1), relu(),
    conv2d(middle, middle, [3, 1], { padding: [1, 0] }), relu(),
    conv2d(middle, middle, [1, 3], { padding: [0, 1] }), relu(),
    conv2d(middle, outChannels, 1),
  )
  return (scope, x) => block(scope.child('block'), x)
}

/** MaxPool3d over (1, 3, 3): every `channels`-th channel, each pooled on its own. */
function maxPool3d(channels: number, stride: readonly [number, number]): Layer {
  return (scope, x) => {
    const all = Number(x.shape![1])
    const kept = channels === 1 ? x : scope.builder.slice(x, [0], [all], [1], [channels])
    return maxPool2d(3, { stride })(scope, kept)
  }
}

/** f / mean(f²), the mean over everything, the batch included: so a plate's logits depend on the plates beside it. */
const meanSquareNormalized = (scope: Scope, f: Value): Value =>
  scope.builder.div(f, scope.builder.op('ReduceMean', [scope.builder.mul(f, f)], { keepdims: 1 }))

export interface LprnetOptions {
  /** The authors' trained weights, others by name, or, where absent, ones drawn by `seed`. */
  weights?: 'published' | Weights
  seed?: number
  /** Share of activations that training drops (0.5). */
  dropout?: number
}

/**
 * LPRNet: licence plates [N, 3, 24, 94] (BGR, (x − 127.5)/128) to logits [N, 68, 18], to be decoded by CTC. 446,976 parameters.
 * Zherzdev & Gruzdev 2018, https://arxiv.org/abs/1806.10447, as https://github.com/sirius-ai/LPRNet_Pytorch builds it (whose weights are published).
 */
export function lprnet({ weights, seed = 0, dropout: p = 0.5 }: LprnetOptions = {}): Model {
  const net = Scope.root('lprnet', { weights: weights === 'published' ? publishedWeights('lprnet') : weights, seed })
  const backbone: readonly Layer[] = [
    conv2d(3, 64, 3), batchNorm2d(64), relu(),
    maxPool3d(1, [1, 1]),
    smallBasicBlock(64, 128), batchNorm2d(128), relu(),
    maxPool3d(2, [1, 2]),
    smallBasicBlock(64, 256), batchNorm2d(256), relu(),
    smallBasicBlock(256, 256), batchNorm2d(256), relu(),
    maxPool3d(4, [1, 2]),
    dropout(p),
    conv2d(64, 256, [1, 4]), batchNorm2d(256), relu(),
    dropout(p),
    conv2d(256, CLASSES, [13, 1]), batchNorm2d(CLASSES), relu(),
  ]
  let x = net.input('plate', ['N', 3, 24, 94])
  const kept = backbone.map((layer, i) => (x = layer(net.child('backbone').child(i), x)))

  const context = net.child('context')
  const pooled = [
    avgPool2d(5)(context.child(0), kept[2]!),
    avgPool2d(5)(context.child(1), kept[6]!),
    avgPool2d([4, 10], { stride: [4, 2] })(context.child(2), kept[13]!),
    kept[22]!,
  ]
  const joined = net.builder.concat(pooled.map((f, i) => meanSquareNormalized(context.child(i), f)), 1)
  const classified = conv2d(448 + CLASSES, CLASSES, 1)(net.child('container').child(0), joined)
  net.graph.addOutput(net.builder.reduceMean(classified, [2]), 'logits')
  return new Model(net.graph)
}
