import { build } from '../build.ts'
import { conv2d, dropout, flatten, linear, maxPool2d, relu, sequential } from '../layers.ts'
import type { Model } from '../model.ts'
import type { ClassifierOptions } from './model-options.ts'

/**
 * Two convolutions and two linear layers for images of 28x28, 1,199,882 parameters: PyTorch's own example.
 * https://github.com/pytorch/examples/blob/main/mnist/main.py
 */
export function mnistCnn({ classes = 10, channels = 1, dropout: dropped = true, ...options }: Omit<ClassifierOptions, 'imageSize'> & { dropout?: boolean } = {}): Model {
  const layers = sequential({
    conv1: conv2d(channels, 32, 3), relu1: relu(),
    conv2: conv2d(32, 64, 3), relu2: relu(),
    pool: maxPool2d(2),
    dropout1: dropout(dropped ? 0.25 : 0),
    flatten: flatten(),
    fc1: linear(64 * 12 * 12, 128), relu3: relu(),
    dropout2: dropout(dropped ? 0.5 : 0),
    fc2: linear(128, classes),
  })
  return build(layers, { x: ['N', channels, 28, 28] }, { name: 'mnist_cnn', output: 'logits', ...options })
}
