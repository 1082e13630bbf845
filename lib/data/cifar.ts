import { Tensor } from '../graph/tensor.ts'
import { correctClass } from './classes.ts'
import { Dataset } from './dataset.ts'
import { toFloat } from './transforms.ts'

export const CHANNELS = 3
export const SIDE = 32
/** Bytes of an image: its red, green and blue plane. */
export const IMAGE = CHANNELS * SIDE * SIDE

/** What CIFAR's binary files hold: for each image its labels, a byte each, then its planes. https://www.cs.toronto.edu/~kriz/cifar.html */
export interface Records {
  readonly source: string
  readonly labelsEach: number
  readonly files: readonly Uint8Array[]
}

/** Labels and planes apart. @throws Error saying which file does not end with a record. */
export function separated({ source, labelsEach, files }: Records): { labels: Uint8Array; images: Uint8Array } {
  const record = labelsEach + IMAGE
  const odd = files.findIndex((file) => file.length % record !== 0)
  if (odd >= 0) throw new Error(`${source}: file ${odd + 1} of ${files.length} has ${files[odd].length.toLocaleString('en')} bytes, no multiple of the ${record} that an image takes. Fetch it again.`)
  const count = files.reduce((sum, file) => sum + file.length / record, 0)
  const labels = new Uint8Array(count * labelsEach)
  const images = new Uint8Array(new SharedArrayBuffer(count * IMAGE))
  let n = 0
  for (const file of files)
    for (let at = 0; at < file.length; at += record, n++) {
      labels.set(file.subarray(at, at + labelsEach), n * labelsEach)
      images.set(file.subarray(at + labelsEach, at + record), n * IMAGE)
    }
  return { labels, images }
}

/** Coloured images of 32 x 32 pixels with a class each. @throws Error where a label is no class. */
export function colourDataset(about: { name: string; source: string; complete: boolean; classes: readonly string[] }, labels: readonly number[], images: Uint8Array): Dataset<number> {
  const bad = labels.findIndex((label) => label >= about.classes.length)
  if (bad >= 0) throw new Error(`${about.source}: sample ${bad} has the label ${labels[bad]}, and there are ${about.classes.length} classes. Fetch it again.`)
  const x = Tensor.raw('uint8', [labels.length, CHANNELS, SIDE, SIDE], images)
  return Dataset.of({ ...about, inputs: { x }, transforms: [toFloat()], labels, correct: correctClass })
}
