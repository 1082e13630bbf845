import { build } from '../build.ts'
import { kaimingNormal, normal, zeros } from '../init.ts'
import { batchNorm2d, conv2d, dropout, flatten, globalAvgPool, linear, relu6, residual, sequential, type Layer } from '../layers.ts'
import type { Model } from '../model.ts'
import type { ClassifierOptions } from './model-options.ts'

/** Expansion, channels, repeats and stride of each stage: table 2 of the paper. */
const STAGES = [[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 3, 2], [6, 64, 4, 2], [6, 96, 3, 1], [6, 160, 3, 2], [6, 320, 1, 1]] as const

function conv(inChannels: number, channels: number, kernel: number, { stride = 1, groups = 1 } = {}): Layer {
  return conv2d(inChannels, channels, kernel, { stride, padding: (kernel - 1) / 2, groups, bias: false, weightInit: kaimingNormal('fanOut') })
}

const activated = (inChannels: number, channels: number, kernel: number, options = {}): Layer =>
  sequential(conv(inChannels, channels, kernel, options), batchNorm2d(channels), relu6())

/** Wider by 1x1, depthwise 3x3, narrower by 1x1 without activation; added to its input where the shapes are alike. */
function invertedResidual(inChannels: number, channels: number, stride: number, expansion: number): Layer {
  const width = inChannels * expansion
  const block = sequential({ conv: sequential(
    ...(expansion === 1 ? [] : [activated(inChannels, width, 1)]),
    activated(width, width, 3, { stride, groups: width }),
    conv(width, channels, 1), batchNorm2d(channels),
  ) })
  return stride === 1 && inChannels === channels ? residual(block) : block
}

/**
 * MobileNetV2 1.0 for images of 224x224 and 1,000 classes (3,504,872 parameters, named as torchvision names them), or others.
 * Sandler et al. 2018, https://arxiv.org/abs/1801.04381
 */
export function mobilenetV2({ classes = 1000, channels = 3, imageSize = 224, dropout: p = 0.2, ...options }: ClassifierOptions & { dropout?: number } = {}): Model {
  let inChannels = 32
  const blocks = STAGES.flatMap(([expansion, width, count, stride]) => Array.from({ length: count }, (_, i) => {
    const block = invertedResidual(inChannels, width, i === 0 ? stride : 1, expansion)
    inChannels = width
    return block
  }))
  const layers = sequential({
    features: sequential(activated(channels, 32, 3, { stride: 2 }), ...blocks, activated(320, 1280, 1)),
    avgpool: globalAvgPool(),
    flatten: flatten(),
    classifier: sequential(dropout(p), linear(1280, classes, { weightInit: normal(0.01), biasInit: zeros })),
  })
  return build(layers, { x: ['N', channels, imageSize, imageSize] }, { name: 'mobilenet_v2', output: 'logits', ...options })
}
