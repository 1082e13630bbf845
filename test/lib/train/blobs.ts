import { Dataset } from '../../../lib/data/dataset.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import * as nn from '../../../lib/nn/index.ts'
import { random } from '../../../lib/random.ts'

const SIZE = 8

/** Small images of three classes that a network tells apart soon: each brightens a third of its rows. */
export function blobs(count: number, { seed = 1, labels = (i: number) => i % 3, name = 'blobs' } = {}): Dataset<number> {
  const source = random(seed)
  const classes = Array.from({ length: count }, (_, i) => labels(i))
  const pixels = Float32Array.from({ length: count * SIZE * SIZE }, (_, i) => source.next() + (Math.floor((3 * (Math.floor(i / SIZE) % SIZE)) / SIZE) === classes[Math.floor(i / SIZE ** 2)] ? 0.6 : 0))
  return Dataset.of({
    name, source: 'memory', complete: true, labels: classes,
    inputs: { x: Tensor.float32([count, 1, SIZE, SIZE], pixels) },
    correct: (output, wanted) => {
      const logits = output.toNumbers()
      return wanted.map((label, n) => logits.slice(n * 3, n * 3 + 3).every((v, c) => c === label || v < logits[n * 3 + label]!))
    },
  })
}

/** Convolution, batch normalization and dropout: all that a step has state and randomness for. */
export const network = (): nn.Layer => nn.sequential(
  nn.conv2d(1, 4, 3, { padding: 1 }), nn.batchNorm2d(4), nn.relu(), nn.maxPool2d(2), nn.dropout(0.2), nn.flatten(), nn.linear(64, 3))

/** Every tensor of a model, by name. */
export const weightsOf = (model: nn.Model): Record<string, number[]> =>
  Object.fromEntries(model.graph.initializers.filter(({ initializer }) => initializer!.shape.length).map(({ name, initializer }) => [name, initializer!.toNumbers()]))
