import { float } from '../../graph/attribute.ts'
import { requireNumber } from '../../require.ts'
import { ones, zeros } from '../init.ts'
import { expectInput, learned, requireSizes, type Layer } from './layer.ts'

export interface BatchNormOptions {
  /** Added to the variance (1e-5). */
  eps?: number
  /** The new batch's share in the running statistics (0.1). */
  momentum?: number
}

/** Batch normalization over the channels of x [N, C, ...]: by the batch's statistics in training, by running ones at inference. */
export function batchNorm2d(numFeatures: number, { eps = 1e-5, momentum = 0.1 }: BatchNormOptions = {}): Layer {
  requireSizes('batchNorm', { numFeatures })
  requireNumber('batchNorm: eps', eps, { from: 0 })
  requireNumber('batchNorm: momentum', momentum, { from: 0, to: 1 })
  return learned((scope, x) => {
    expectInput(scope, x, 1, numFeatures, 'channels', (channels) => `batchNorm${x.rank === 4 ? 2 : 1}d(${channels})`)
    const affine = [scope.parameter('weight', [numFeatures], ones), scope.parameter('bias', [numFeatures], zeros)]
    const running = [scope.buffer('running_mean', [numFeatures], zeros), scope.buffer('running_var', [numFeatures], ones)]
    return scope.op('BatchNormalization', [x, ...affine, ...running], { epsilon: float(eps), momentum: float(1 - momentum) })
  })
}

/** The same for x [N, C] or [N, C, L]. */
export const batchNorm1d = batchNorm2d

/** Normalizes the last axes, of the given sizes, of every sample by themselves. https://arxiv.org/abs/1607.06450 */
export function layerNorm(normalizedShape: number | readonly number[], { eps = 1e-5 } = {}): Layer {
  const shape = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape
  requireSizes('layerNorm', { normalizedShape })
  requireNumber('layerNorm: eps', eps, { from: 0 })
  return learned((scope, x) => {
    shape.forEach((size, i) => expectInput(scope, x, i - shape.length, size, 'features', () => `layerNorm(${shape.length > 1 ? `[${x.shape!.slice(-shape.length).join(', ')}]` : x.shape!.at(-1)})`))
    return scope.op('LayerNormalization', [x, scope.parameter('weight', shape, ones), scope.parameter('bias', shape, zeros)], { axis: -shape.length, epsilon: float(eps) })
  })
}

/** Normalizes groups of channels of every sample of x [N, C, ...] by themselves. https://arxiv.org/abs/1803.08494 */
export function groupNorm(numGroups: number, numChannels: number, { eps = 1e-5 } = {}): Layer {
  requireSizes('groupNorm', { numGroups, numChannels })
  requireNumber('groupNorm: eps', eps, { from: 0 })
  if (numChannels % numGroups) throw new RangeError(`groupNorm: ${numChannels} channels do not make ${numGroups} groups of one size`)
  return learned((scope, x) => {
    expectInput(scope, x, 1, numChannels, 'channels', (channels) => `groupNorm(${numGroups}, ${channels})`)
    const { builder } = scope
    const channels = [numChannels, ...x.shape!.slice(2).map(() => 1)]
    const unit = [ones, zeros].map((init) => builder.tensor(init([numGroups], 0)))
    const normalized = scope.op('InstanceNormalization', [builder.reshape(x, [0, numGroups, -1]), ...unit], { epsilon: float(eps) })
    const restored = builder.reshape(normalized, builder.shapeOf(x))
    const scaled = builder.mul(restored, builder.reshape(scope.parameter('weight', [numChannels], ones), channels))
    return builder.add(scaled, builder.reshape(scope.parameter('bias', [numChannels], zeros), channels))
  })
}
