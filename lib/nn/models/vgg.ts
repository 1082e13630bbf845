import { requireWhole } from '../../require.ts'
import { build } from '../build.ts'
import { kaimingNormal, normal, zeros } from '../init.ts'
import { adaptiveAvgPool2d, batchNorm2d, conv2d, dropout, flatten, linear, maxPool2d, relu, sequential, type Layer } from '../layers.ts'
import type { Model } from '../model.ts'
import type { ClassifierOptions } from './model-options.ts'

export interface VggOptions extends ClassifierOptions {
  /** Batch normalization after each convolution (false). */
  batchNorm?: boolean
}

const VGG11 = [64, 'M', 128, 'M', 256, 256, 'M', 512, 512, 'M', 512, 512, 'M'] as const
const VGG16 = [64, 64, 'M', 128, 128, 'M', 256, 256, 256, 'M', 512, 512, 512, 'M', 512, 512, 512, 'M'] as const

/** 3x3 convolutions with as many channels as each number says, each with a relu; M halves the image. */
function features(plan: readonly (number | 'M')[], channels: number, batchNorm: boolean): Layer {
  let inChannels = channels
  return sequential(...plan.flatMap((step) => {
    if (step === 'M') return [maxPool2d(2)]
    const conv = conv2d(inChannels, step, 3, { padding: 1, weightInit: kaimingNormal('fanOut'), biasInit: zeros })
    inChannels = step
    return [conv, ...(batchNorm ? [batchNorm2d(step)] : []), relu()]
  }))
}

/** One linear layer on the positions that five halvings leave. */
function small(model: string, imageSize: number, classes: number): Layer {
  requireWhole(`${model}: imageSize`, imageSize, 32)
  return sequential(flatten(), linear(512 * (imageSize >> 5) ** 2, classes))
}

/** The three linear layers of the paper, on 7x7 positions. */
const large = (classes: number): Layer => {
  const options = { weightInit: normal(0.01), biasInit: zeros }
  return sequential(
    linear(512 * 7 * 7, 4096, options), relu(), dropout(),
    linear(4096, 4096, options), relu(), dropout(),
    linear(4096, classes, options),
  )
}

/** VGG-11 for images of 32x32, with one linear layer: 9,225,610 parameters. Simonyan & Zisserman 2015, https://arxiv.org/abs/1409.1556 */
export function vgg11({ classes = 10, channels = 3, imageSize = 32, batchNorm = false, ...options }: VggOptions = {}): Model {
  const layers = sequential({ features: features(VGG11, channels, batchNorm), classifier: small('vgg11', imageSize, classes) })
  return build(layers, { x: ['N', channels, imageSize, imageSize] }, { name: 'vgg11', output: 'logits', ...options })
}

/**
 * VGG-16: for images of 224x224 as the paper has it (1,000 classes, 138,357,544 parameters, named as torchvision names them); for smaller ones, 32x32 by
 * default, with one linear layer (10 classes, 14,719,818 parameters). https://arxiv.org/abs/1409.1556
 */
export function vgg16({ imageSize = 32, classes = imageSize < 224 ? 10 : 1000, channels = 3, batchNorm = false, ...options }: VggOptions = {}): Model {
  const head: Record<string, Layer> = imageSize < 224 ? { classifier: small('vgg16', imageSize, classes) } : { avgpool: adaptiveAvgPool2d(7), flatten: flatten(), classifier: large(classes) }
  const layers = sequential({ features: features(VGG16, channels, batchNorm), ...head })
  return build(layers, { x: ['N', channels, imageSize, imageSize] }, { name: 'vgg16', output: 'logits', ...options })
}
