import { build } from '../build.ts'
import { kaimingNormal, uniform, zeros } from '../init.ts'
import { batchNorm2d, conv2d, dropout, flatten, globalAvgPool, linear, residual, sequential, sigmoid, silu, type Layer } from '../layers.ts'
import type { Model } from '../model.ts'
import type { ClassifierOptions } from './model-options.ts'

/** Expansion, kernel, stride, channels and repeats of each stage: table 1 of the paper. */
const STAGES = [[1, 3, 1, 16, 1], [6, 3, 2, 24, 2], [6, 5, 2, 40, 2], [6, 3, 2, 80, 3], [6, 5, 1, 112, 3], [6, 5, 2, 192, 4], [6, 3, 1, 320, 1]] as const

function normalized(inChannels: number, channels: number, kernel: number, { stride = 1, groups = 1, active = true } = {}): Layer {
  const conv = conv2d(inChannels, channels, kernel, { stride, padding: (kernel - 1) / 2, groups, bias: false, weightInit: kaimingNormal('fanOut') })
  return sequential(conv, batchNorm2d(channels), ...(active ? [silu()] : []))
}

/** Weighs the channels by what a small network makes of their means. https://arxiv.org/abs/1709.01507 */
function squeezeExcitation(channels: number, squeezed: number): Layer {
  const options = { weightInit: kaimingNormal('fanOut'), biasInit: zeros }
  const scale = sequential({ avgpool: globalAvgPool(), fc1: conv2d(channels, squeezed, 1, options), activation: silu(), fc2: conv2d(squeezed, channels, 1, options), scale: sigmoid() })
  return (scope, x) => scope.op('Mul', [x, scale(scope, x)])
}

function block(inChannels: number, channels: number, expansion: number, kernel: number, stride: number): Layer {
  const width = inChannels * expansion
  const parts = sequential({ block: sequential(
    ...(expansion === 1 ? [] : [normalized(inChannels, width, 1)]),
    normalized(width, width, kernel, { stride, groups: width }),
    squeezeExcitation(width, Math.max(1, inChannels >> 2)),
    normalized(width, channels, 1, { active: false }),
  ) })
  return stride === 1 && inChannels === channels ? residual(parts) : parts
}

/**
 * EfficientNet-B0 for images of 224x224 and 1,000 classes (5,288,548 parameters, named as torchvision names them), or others; without stochastic depth.
 * Tan & Le 2019, https://arxiv.org/abs/1905.11946
 */
export function efficientnetB0({ classes = 1000, channels = 3, imageSize = 224, dropout: p = 0.2, ...options }: ClassifierOptions & { dropout?: number } = {}): Model {
  let inChannels = 32
  const stages = STAGES.map(([expansion, kernel, stride, width, count]) => sequential(...Array.from({ length: count }, (_, i) => {
    const made = block(inChannels, width, expansion, kernel, i === 0 ? stride : 1)
    inChannels = width
    return made
  })))
  const layers = sequential({
    features: sequential(normalized(channels, 32, 3, { stride: 2 }), ...stages, normalized(320, 1280, 1)),
    avgpool: globalAvgPool(),
    flatten: flatten(),
    classifier: sequential(dropout(p), linear(1280, classes, { weightInit: uniform(1 / Math.sqrt(classes)), biasInit: zeros })),
  })
  return build(layers, { x: ['N', channels, imageSize, imageSize] }, { name: 'efficientnet_b0', output: 'logits', ...options })
}
