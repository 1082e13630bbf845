import { Tensor } from '../graph/tensor.ts'
import { correctSide } from './classes.ts'
import { Dataset } from './dataset.ts'

export interface PixelTokenOptions<Label> {
  /** Words of a text: so many pixels, evenly spread over the picture. */
  readonly length: number
  /** Which labels are positive. */
  readonly positive: (label: Label) => boolean
}

/** The numbers of padding and of unknown words are no brightness. */
const FIRST = 2

/**
 * Pictures read pixel by pixel, as if they were texts: input `tokens` [N, length], int64, a word for each of 256 brightnesses; labels 1 (positive) and 0, as
 * those of reviews. Le, Jaitly, Hinton 2015, https://arxiv.org/abs/1504.00941
 * @throws RangeError where a picture has fewer pixels than `length`.
 */
export function pixelTokens<Label>(pictures: Dataset<Label>, { length, positive }: PixelTokenOptions<Label>): Dataset<number> {
  const tokens = new BigInt64Array(pictures.size * length)
  let n = 0
  for (const { inputs } of pictures.batches(1000)) {
    const [pixels] = Object.values(inputs)
    const size = pixels.size / pixels.shape[0]
    if (length > size) throw new RangeError(`${pictures.name}: a picture has ${size} pixels, too few for ${length} words`)
    const brightness = pixels.toFloat32()
    for (let picture = 0; picture < pixels.shape[0]; picture++, n++)
      for (let word = 0; word < length; word++) tokens[n * length + word] = BigInt(FIRST + Math.round(255 * brightness[picture * size + Math.floor((word * size) / length)]))
  }
  return Dataset.of({
    name: `${pictures.name}, read as texts`,
    source: pictures.source,
    complete: pictures.complete,
    inputs: { tokens: Tensor.of('int64', [pictures.size, length], tokens) },
    labels: pictures.labels.map((label) => Number(positive(label))),
    classes: ['negative', 'positive'],
    target: (labels) => Tensor.float32([labels.length], labels),
    correct: correctSide,
  })
}
