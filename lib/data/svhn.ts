import { CHANNELS, colourDataset, IMAGE, SIDE } from './cifar.ts'
import type { Dataset } from './dataset.ts'
import { readMat } from './mat.ts'
import { obtain, type OfficialFile } from './official.ts'
import type { SplitOptions } from './split.ts'

const file = (name: string, bytes: number, md5: string): OfficialFile => ({
  folder: 'svhn', name, url: `http://ufldl.stanford.edu/housenumbers/${name}`, bytes, checksum: { md5 },
})

const FILES = {
  train: { mat: file('train_32x32.mat', 182_040_794, 'e26dedcc434d2e4c54c9b2d4a06d8373'), count: 73_257 },
  test: { mat: file('test_32x32.mat', 64_275_384, 'eb5a983be6a315427106f1b164d9cef3'), count: 26_032 },
}

const CLASSES = Array.from('0123456789')

/**
 * Digits of house numbers from street pictures: 73,257 to learn from and 26,032 to test with; input `x` [N, 3, 32, 32], float32 from 0 to 1. Read from
 * the official .mat files in `$HONE_DATA/svhn` or the cache, else downloaded. Their label 10 is the digit 0. Netzer et al. 2011:
 * http://ufldl.stanford.edu/housenumbers/
 * @throws Error naming a file that is damaged, or saying how far its download came.
 */
export async function svhn({ train = true }: SplitOptions = {}): Promise<Dataset<number>> {
  const { mat, count } = FILES[train ? 'train' : 'test']
  const source = await obtain(mat)
  const arrays = readMat(source)
  const [X, y] = [arrays.get('X'), arrays.get('y')]
  const samples = X?.shape[3] ?? 1
  if (!X || !y || X.shape.slice(0, 3).join() !== [SIDE, SIDE, CHANNELS].join() || y.data.length !== samples || !(X.data instanceof Uint8Array))
    throw new Error(`${source} holds X [${X?.shape ?? 'nothing'}] and y [${y?.shape ?? 'nothing'}], where X of bytes [${SIDE},${SIDE},${CHANNELS},N] and y [N] belong. Fetch it again.`)
  const labels = Array.from(y.data, (label) => label % 10)
  return colourDataset({ name: train ? 'SVHN' : 'SVHN test', source, complete: samples === count, classes: CLASSES }, labels, rowMajor(X.data))
}

/** Each plane stands column by column. */
function rowMajor(columns: Uint8Array): Uint8Array {
  const images = new Uint8Array(new SharedArrayBuffer(columns.length))
  for (let plane = 0; plane < (columns.length / IMAGE) * CHANNELS; plane++)
    for (let y = 0; y < SIDE; y++)
      for (let x = 0; x < SIDE; x++) images[(plane * SIDE + y) * SIDE + x] = columns[(plane * SIDE + x) * SIDE + y]
  return images
}
