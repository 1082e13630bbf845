import { correctClass } from '../../../lib/data/classes.ts'
import { Dataset } from '../../../lib/data/dataset.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import * as nn from '../../../lib/nn/index.ts'
import { random } from '../../../lib/random.ts'
import type { FitOptions } from '../../../lib/train/index.ts'

const SIZE = 8

interface BlobOptions {
  seed?: number
  /** The class of each image. */
  labels?: (i: number) => number
  /** The label that it is given; another one is a lie. */
  told?: (label: number) => number
  /** Changes each pixel. */
  pixel?: (value: number, i: number) => number
  name?: string
}

/** Small images of three classes that a network tells apart soon: each brightens a third of its rows. */
export function blobs(count: number, { seed = 1, labels = (i) => i % 3, told = (label) => label, pixel = (value) => value, name = 'blobs' }: BlobOptions = {}): Dataset<number> {
  const source = random(seed)
  const classes = Array.from({ length: count }, (_, i) => labels(i))
  const bright = (i: number) => Math.floor((3 * (Math.floor(i / SIZE) % SIZE)) / SIZE) === classes[Math.floor(i / SIZE ** 2)]
  const pixels = Float32Array.from({ length: count * SIZE * SIZE }, (_, i) => pixel(source.next() + (bright(i) ? 0.6 : 0), i))
  return Dataset.of({ name, source: 'memory', complete: true, labels: classes.map(told), inputs: { x: Tensor.float32([count, 1, SIZE, SIZE], pixels) }, correct: correctClass })
}

/** Convolution, batch normalization and dropout: all that a step has state and randomness for. */
export const network = (): nn.Layer => nn.sequential(
  nn.conv2d(1, 4, 3, { padding: 1 }), nn.batchNorm2d(4), nn.relu(), nn.maxPool2d(2), nn.dropout(0.2), nn.flatten(), nn.linear(64, 3))

export const options: FitOptions<number> = { epochs: 2, batchSize: 8, optimizer: 'adam', device: 'cpu', threads: 1 }

/** Every tensor of a model, by name. */
export const weightsOf = (model: nn.Model): Record<string, number[]> =>
  Object.fromEntries(model.graph.initializers.filter(({ initializer }) => initializer!.shape.length).map(({ name, initializer }) => [name, initializer!.toNumbers()]))
