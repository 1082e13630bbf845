import { dirname } from 'node:path'
import type { Tensor } from '../graph/tensor.ts'
import { correctClass } from './classes.ts'
import { Dataset } from './dataset.ts'
import { readIdx } from './idx.ts'
import { toFloat } from './transforms.ts'

/** Two idx files, and what they are. */
export interface IdxPair {
  readonly name: string
  readonly images: string
  readonly labels: string
  readonly complete: boolean
  readonly classes: readonly string[]
}

/** Grey images [N, 1, height, width] with the class of each, from two idx files. @throws Error where they are damaged, or do not count the same samples. */
export function idxDataset({ name, images: imagesPath, labels: labelsPath, complete, classes }: IdxPair): Dataset<number> {
  const images = readIdx(imagesPath)
  const labels = readIdx(labelsPath)
  if (images.shape.length !== 3 || labels.shape.length !== 1 || images.shape[0] !== labels.shape[0])
    throw new Error(`${imagesPath} holds [${images.shape}], ${labelsPath} [${labels.shape}]: they are not images and a label for each. Fetch both again.`)
  return Dataset.of({
    name,
    source: dirname(imagesPath),
    complete,
    inputs: { x: channels(images) },
    transforms: [toFloat()],
    labels: Array.from(labels.bytes),
    classes,
    correct: correctClass,
  })
}

const channels = (images: Tensor): Tensor => images.reshape([images.shape[0], 1, ...images.shape.slice(1)])
