import { Builder } from '../../../lib/graph/builder.ts'
import { symbol } from '../../../lib/graph/dim.ts'
import { Graph, type Value } from '../../../lib/graph/graph.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'

/** A network of N pictures of 224 x 224 to 1,000 classes, its weights all zero: only its structure counts. */
export function network(name: string, body: (net: Layers, x: Value) => Value): Graph {
  const net = new Layers(name)
  net.graph.addOutput(body(net, net.graph.input('x', 'float32', [symbol('N'), 3, 224, 224])), 'y')
  return net.graph
}

interface ConvOptions { stride?: number; pad?: number; groups?: number; bias?: boolean }

export class Layers {
  readonly graph: Graph
  readonly #builder: Builder

  constructor(name: string) {
    this.graph = new Graph(name)
    this.#builder = new Builder(this.graph)
  }

  #weight(...shape: number[]): Value {
    return this.graph.parameter('weight', Tensor.zeros('float32', shape))
  }

  conv(x: Value, channels: number, kernel: number, { stride = 1, pad = 0, groups = 1, bias = true }: ConvOptions = {}): Value {
    const inputs = [x, this.#weight(channels, channelsOf(x) / groups, kernel, kernel), ...(bias ? [this.#weight(channels)] : [])]
    return this.#builder.op('Conv', inputs, { kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [pad, pad, pad, pad], group: groups })
  }

  norm(x: Value): Value {
    const statistics = [1, 2].map(() => this.graph.constant(Tensor.zeros('float32', [channelsOf(x)])))
    return this.#builder.op('BatchNormalization', [x, this.#weight(channelsOf(x)), this.#weight(channelsOf(x)), ...statistics])
  }

  /** Convolution without bias, batch normalization, Relu. */
  block(x: Value, channels: number, kernel: number, options: ConvOptions = {}): Value {
    return this.relu(this.norm(this.conv(x, channels, kernel, { ...options, bias: false })))
  }

  linear(x: Value, features: number): Value {
    return this.#builder.op('Gemm', [x, this.#weight(features, Number(x.shape![1])), this.#weight(features)], { transB: 1 })
  }

  maxPool(x: Value, kernel: number, stride: number, pad = 0, ceil = false): Value {
    return this.#builder.op('MaxPool', [x], { kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [pad, pad, pad, pad], ceil_mode: ceil ? 1 : 0 })
  }

  averagePool(x: Value, kernel: number): Value {
    return this.#builder.op('AveragePool', [x], { kernel_shape: [kernel, kernel], strides: [kernel, kernel] })
  }

  relu(x: Value): Value { return this.#builder.relu(x) }
  dropout(x: Value): Value { return this.#builder.op('Dropout', [x]) }
  add(a: Value, b: Value): Value { return this.#builder.add(a, b) }
  concat(...values: Value[]): Value { return this.#builder.concat(values, 1) }
  flatten(x: Value): Value { return this.#builder.op('Flatten', [x]) }
  globalPool(x: Value): Value { return this.flatten(this.#builder.op('GlobalAveragePool', [x])) }
}

export const channelsOf = (x: Value): number => Number(x.shape![1])

/** https://arxiv.org/abs/1409.1556; channels of each stage, and how many convolutions it has. */
export const vgg = (...convolutions: number[]) => network('vgg', (net, x) => {
  convolutions.forEach((count, stage) => {
    for (let i = 0; i < count; i++) x = net.relu(net.conv(x, [64, 128, 256, 512, 512][stage]!, 3, { pad: 1 }))
    x = net.maxPool(x, 2, 2)
  })
  return classifier(net, x)
})

function classifier(net: Layers, x: Value): Value {
  const first = net.dropout(net.relu(net.linear(net.flatten(x), 4096)))
  return net.linear(net.dropout(net.relu(net.linear(first, 4096))), 1000)
}

/** As torchvision has it: https://arxiv.org/abs/1404.5997 */
export const alexnet = () => network('alexnet', (net, x) => {
  x = net.maxPool(net.relu(net.conv(x, 64, 11, { stride: 4, pad: 2 })), 3, 2)
  x = net.maxPool(net.relu(net.conv(x, 192, 5, { pad: 2 })), 3, 2)
  for (const channels of [384, 256, 256]) x = net.relu(net.conv(x, channels, 3, { pad: 1 }))
  return classifier(net, net.maxPool(x, 3, 2))
})

interface ResnetOptions { bottleneck?: boolean; groups?: number; width?: number }

/** https://arxiv.org/abs/1512.03385, the stride of a bottleneck in its 3x3 convolution (v1.5); groups and width as ResNeXt and Wide ResNet set them. */
export const resnet = (blocks: readonly number[], { bottleneck = false, groups = 1, width = 64 }: ResnetOptions = {}) => network('resnet', (net, x) => {
  x = net.maxPool(net.block(x, 64, 7, { stride: 2, pad: 3 }), 3, 2, 1)
  blocks.forEach((count, stage) => {
    const planes = 64 * 2 ** stage
    for (let i = 0; i < count; i++) {
      const stride = i === 0 && stage > 0 ? 2 : 1
      const outputs = bottleneck ? 4 * planes : planes
      const inner = (planes * width * groups) / 64
      const shortcut = stride > 1 || channelsOf(x) !== outputs ? net.norm(net.conv(x, outputs, 1, { stride, bias: false })) : x
      const straight = bottleneck
        ? net.conv(net.block(net.block(x, inner, 1), inner, 3, { stride, pad: 1, groups }), outputs, 1, { bias: false })
        : net.conv(net.block(x, planes, 3, { stride, pad: 1 }), planes, 3, { pad: 1, bias: false })
      x = net.relu(net.add(net.norm(straight), shortcut))
    }
  })
  return net.linear(net.globalPool(x), 1000)
})

/** https://arxiv.org/abs/1801.04381; Relu stands for ReLU6. */
export const mobilenetV2 = () => network('mobilenet_v2', (net, x) => {
  x = net.block(x, 32, 3, { stride: 2, pad: 1 })
  for (const [expansion, channels, count, first] of [[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 3, 2], [6, 64, 4, 2], [6, 96, 3, 1], [6, 160, 3, 2], [6, 320, 1, 1]] as const)
    for (let i = 0; i < count; i++) {
      const stride = i === 0 ? first : 1
      const hidden = channelsOf(x) * expansion
      const expanded = expansion === 1 ? x : net.block(x, hidden, 1)
      const straight = net.norm(net.conv(net.block(expanded, hidden, 3, { stride, pad: 1, groups: hidden }), channels, 1, { bias: false }))
      x = stride === 1 && channelsOf(x) === channels ? net.add(x, straight) : straight
    }
  return net.linear(net.globalPool(net.block(x, 1280, 1)), 1000)
})

/** https://arxiv.org/abs/1602.07360, version 1.1. */
export const squeezenet = () => network('squeezenet1_1', (net, x) => {
  const fire = (y: Value, squeeze: number, expand: number) => {
    const narrow = net.relu(net.conv(y, squeeze, 1))
    return net.concat(net.relu(net.conv(narrow, expand, 1)), net.relu(net.conv(narrow, expand, 3, { pad: 1 })))
  }
  const pool = (y: Value) => net.maxPool(y, 3, 2, 0, true)
  x = pool(net.relu(net.conv(x, 64, 3, { stride: 2 })))
  x = pool(fire(fire(x, 16, 64), 16, 64))
  x = pool(fire(fire(x, 32, 128), 32, 128))
  x = fire(fire(fire(fire(x, 48, 192), 48, 192), 64, 256), 64, 256)
  return net.globalPool(net.relu(net.conv(x, 1000, 1)))
})

/** https://arxiv.org/abs/1608.06993 */
export const densenet121 = () => network('densenet121', (net, x) => {
  const growth = 32
  const normed = (y: Value) => net.relu(net.norm(y))
  x = net.maxPool(net.block(x, 64, 7, { stride: 2, pad: 3 }), 3, 2, 1)
  ;[6, 12, 24, 16].forEach((count, stage) => {
    for (let i = 0; i < count; i++) {
      const narrow = net.conv(normed(x), 4 * growth, 1, { bias: false })
      x = net.concat(x, net.conv(normed(narrow), growth, 3, { pad: 1, bias: false }))
    }
    if (stage < 3) x = net.averagePool(net.conv(normed(x), channelsOf(x) / 2, 1, { bias: false }), 2)
  })
  return net.linear(net.globalPool(normed(x)), 1000)
})

/** Self-attention with eight heads over 50 tokens of 256 features. */
export function attention(): Graph {
  const graph = new Graph('attention')
  const builder = new Builder(graph)
  const x = graph.input('x', 'float32', [symbol('N'), 50, 256])
  const linear = (y: Value) => builder.add(builder.matmul(y, graph.parameter('weight', Tensor.zeros('float32', [256, 256]))), graph.parameter('bias', Tensor.zeros('float32', [256])))
  const heads = (y: Value) => builder.transpose(builder.op('Reshape', [linear(y), builder.int64([0, 50, 8, 32])]), [0, 2, 1, 3])
  const [query, key, value] = [heads(x), heads(x), heads(x)]
  const weights = builder.op('Softmax', [builder.matmul(query, builder.transpose(key, [0, 1, 3, 2]))])
  const joined = builder.op('Reshape', [builder.transpose(builder.matmul(weights, value), [0, 2, 1, 3]), builder.int64([0, 50, 256])])
  graph.addOutput(linear(joined), 'y')
  return graph
}
