import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { throwIfInterrupted } from '../interrupt.ts'
import { progress } from '../progress.ts'
import { IMAGE, separated, SIDE } from './cifar.ts'
import { readGzip } from './gzip.ts'
import { decodePicture } from './picture.ts'

/**
 * CIFAR-10 as JPEG: `train.jpgs.gz` and `test.jpgs.gz` hold all images in the official order, each a uint32 (little endian) length and a JPEG file;
 * `train_labels.u8` and `test_labels.u8` a byte for each; `data_batch_1.first4000.bin.gz` the first 4,000 records without loss, in the official layout.
 * @throws Error naming the file that is damaged.
 */
export function cifar10Copy(folder: string, split: 'train' | 'test'): { labels: number[]; images: Uint8Array } {
  const path = join(folder, `${split}.jpgs.gz`)
  const labels = [...readFileSync(join(folder, `${split}_labels.u8`))]
  const packed = readGzip(path)
  const images = new Uint8Array(new SharedArrayBuffer(labels.length * IMAGE))
  const exact = split === 'train' ? exactImages(join(folder, 'data_batch_1.first4000.bin.gz')) : new Uint8Array()
  const bar = progress(`Decoding CIFAR-10 (${split})`, labels.length)
  let at = 0
  for (let n = 0; n < labels.length; n++) {
    throwIfInterrupted()
    const length = at + 4 <= packed.length ? packed.readUInt32LE(at) : Infinity
    if (at + 4 + length > packed.length) throw new Error(`${path} is damaged: image ${n} of ${labels.length} ends beyond byte ${packed.length.toLocaleString('en')}. Fetch it again.`)
    if (n * IMAGE >= exact.length) images.set(planes(path, n, packed.subarray(at + 4, at + 4 + length)), n * IMAGE)
    at += 4 + length
    bar.tick()
  }
  bar.done()
  images.set(exact)
  return { labels, images }
}

function planes(path: string, n: number, jpeg: Uint8Array): Uint8Array | Float32Array {
  const { height, width, pixels } = decodePicture(`${path}, image ${n}`, jpeg)
  if (height !== SIDE || width !== SIDE) throw new Error(`${path}, image ${n} is ${height} x ${width} pixels, not ${SIDE} x ${SIDE}. Fetch it again.`)
  return pixels
}

function exactImages(path: string): Uint8Array {
  if (!existsSync(path)) return new Uint8Array()
  return separated({ source: path, labelsEach: 1, files: [readGzip(path)] }).images
}
