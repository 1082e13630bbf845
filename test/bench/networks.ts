import type { Graph, Value } from '../../lib/graph/graph.ts'
import { batchNorm2d, conv2d, flatten, linear, maxPool2d, relu, sequential, type Layer } from '../../lib/nn/layers.ts'
import { Scope } from '../../lib/nn/scope.ts'

/** A network of images [N, channels, size, size] to ten classes. */
function classifier(name: string, channels: number, size: number, layer: Layer): Graph {
  const scope = Scope.root(name, { seed: 1 })
  const x = scope.input('x', ['N', channels, size, size])
  scope.graph.addOutput(layer(scope, x), 'logits')
  return scope.graph
}

/** Eight convolutions, their widths; M halves the image. 9,225,610 parameters. */
const WIDTHS = [64, 'M', 128, 'M', 256, 256, 'M', 512, 512, 'M', 512, 512, 'M'] as const

export function vgg11(): Graph {
  const layers: Layer[] = []
  let channels = 3
  for (const width of WIDTHS) {
    if (width === 'M') layers.push(maxPool2d(2))
    else {
      layers.push(conv2d(channels, width, 3, { padding: 1 }), relu())
      channels = width
    }
  }
  return classifier('vgg11', 3, 32, sequential(...layers, flatten(), linear(512, 10)))
}

export function mnistCnn(): Graph {
  return classifier('mnist-cnn', 1, 28, sequential(
    conv2d(1, 32, 3, { padding: 1 }), relu(), maxPool2d(2), conv2d(32, 64, 3, { padding: 1 }), relu(), maxPool2d(2),
    flatten(), linear(64 * 49, 128), relu(), linear(128, 10),
  ))
}

/** Two convolutions beside a shortcut (He et al. 2016), https://arxiv.org/abs/1512.03385 */
function block(inChannels: number, channels: number, stride: number): Layer {
  const main = sequential(
    conv2d(inChannels, channels, 3, { stride, padding: 1, bias: false }), batchNorm2d(channels), relu(),
    conv2d(channels, channels, 3, { padding: 1, bias: false }), batchNorm2d(channels),
  )
  const shortcut = stride === 1 ? (_: Scope, x: Value) => x : sequential(conv2d(inChannels, channels, 1, { stride, bias: false }), batchNorm2d(channels))
  return (scope, x) => scope.builder.relu(scope.builder.add(main(scope.child('main'), x), shortcut(scope.child('shortcut'), x)))
}

const averaged: Layer = (scope, x) => scope.builder.op('GlobalAveragePool', [x])

/** For images of 32x32: 11,173,962 parameters. */
export function resnet18(): Graph {
  const blocks = [64, 128, 256, 512].flatMap((channels, i) => [block(i ? channels / 2 : channels, channels, i ? 2 : 1), block(channels, channels, 1)])
  return classifier('resnet18', 3, 32, sequential(conv2d(3, 64, 3, { padding: 1, bias: false }), batchNorm2d(64), relu(), ...blocks, averaged, flatten(), linear(512, 10)))
}
