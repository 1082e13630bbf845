import { build } from '../build.ts'
import { kaimingNormal } from '../init.ts'
import { batchNorm2d, conv2d, flatten, globalAvgPool, linear, maxPool2d, relu, residual, sequential, type Layer } from '../layers.ts'
import type { Model } from '../model.ts'
import type { ClassifierOptions } from './model-options.ts'

const conv = (inChannels: number, channels: number, kernel: number, stride = 1): Layer =>
  conv2d(inChannels, channels, kernel, { stride, padding: (kernel - 1) / 2, bias: false, weightInit: kaimingNormal('fanOut') })

/** Where the shapes of a block's input and output differ, its shortcut is a 1x1 convolution. */
const shortcut = (inChannels: number, channels: number, stride: number): Layer | undefined =>
  (inChannels === channels && stride === 1 ? undefined : sequential(conv(inChannels, channels, 1, stride), batchNorm2d(channels)))

/** Relu after the sum; it has no parameters, so only its name is its own. */
const rectified = (block: Layer): Layer => (scope, x) => relu()(scope.child('relu'), block(scope, x))

interface Block {
  (inChannels: number, width: number, stride: number): Layer
}

/** Two 3x3 convolutions. */
const basic: Block = (inChannels, width, stride) => rectified(residual(sequential({
  conv1: conv(inChannels, width, 3, stride), bn1: batchNorm2d(width), relu1: relu(),
  conv2: conv(width, width, 3), bn2: batchNorm2d(width),
}), shortcut(inChannels, width, stride)))

/** 1x1, 3x3 and 1x1 convolutions; version 1.5 has its stride in the second. https://catalog.ngc.nvidia.com/orgs/nvidia/resources/resnet_50_v1_5_for_pytorch */
const bottleneck: Block = (inChannels, width, stride) => rectified(residual(sequential({
  conv1: conv(inChannels, width, 1), bn1: batchNorm2d(width), relu1: relu(),
  conv2: conv(width, width, 3, stride), bn2: batchNorm2d(width), relu2: relu(),
  conv3: conv(width, 4 * width, 1), bn3: batchNorm2d(4 * width),
}), shortcut(inChannels, 4 * width, stride)))

function stages(block: Block, counts: readonly number[], expansion: number): Record<string, Layer> {
  let inChannels = 64
  return Object.fromEntries(counts.map((count, stage) => {
    const width = 64 << stage
    const blocks = Array.from({ length: count }, (_, i) => {
      const made = block(inChannels, width, stage > 0 && i === 0 ? 2 : 1)
      inChannels = width * expansion
      return made
    })
    return [`layer${stage + 1}`, sequential(...blocks)]
  }))
}

function resnet(name: string, block: Block, counts: readonly number[], expansion: number, options: ClassifierOptions): Model {
  const { imageSize = 32, classes = imageSize < 224 ? 10 : 1000, channels = 3, ...settings } = options
  const stem: Record<string, Layer> = imageSize <= 64
    ? { conv1: conv(channels, 64, 3), bn1: batchNorm2d(64), relu: relu() }
    : { conv1: conv(channels, 64, 7, 2), bn1: batchNorm2d(64), relu: relu(), maxpool: maxPool2d(3, { stride: 2, padding: 1 }) }
  const head = { avgpool: globalAvgPool(), flatten: flatten(), fc: linear(512 * expansion, classes) }
  const layers = sequential({ ...stem, ...stages(block, counts, expansion), ...head })
  return build(layers, { x: ['N', channels, imageSize, imageSize] }, { name, output: 'logits', ...settings })
}

/**
 * ResNet-18, parameters named as torchvision names them. Images up to 64x64 (32x32 and 10 classes by default: 11,173,962 parameters) meet a 3x3 convolution
 * first; larger ones (224x224 and 1,000 classes: 11,689,512) a 7x7 one and a pooling, each of stride 2. He et al. 2016, https://arxiv.org/abs/1512.03385
 */
export function resnet18(options: ClassifierOptions = {}): Model {
  return resnet('resnet18', basic, [2, 2, 2, 2], 1, options)
}

/** ResNet-50 version 1.5 for images of 224x224 and 1,000 classes (25,557,032 parameters), or others. https://arxiv.org/abs/1512.03385 */
export function resnet50(options: ClassifierOptions = {}): Model {
  return resnet('resnet50', bottleneck, [3, 4, 6, 3], 4, { imageSize: 224, ...options })
}
