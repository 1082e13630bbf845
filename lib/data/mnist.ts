import { join } from 'node:path'
import { packageFolder } from '../files.ts'
import type { Dataset } from './dataset.ts'
import { DownloadError } from './download.ts'
import { idxDataset } from './idx-dataset.ts'
import { obtain, type OfficialFile } from './official.ts'
import type { SplitOptions } from './split.ts'

const file = (name: string, bytes: number, sha256: string): OfficialFile => ({
  folder: 'mnist', name, url: `https://ossci-datasets.s3.amazonaws.com/mnist/${name}`, bytes, checksum: { sha256 },
})

const FILES = {
  train: {
    images: file('train-images-idx3-ubyte.gz', 9_912_422, '440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609'),
    labels: file('train-labels-idx1-ubyte.gz', 28_881, '3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c'),
  },
  test: {
    images: file('t10k-images-idx3-ubyte.gz', 1_648_877, '8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6'),
    labels: file('t10k-labels-idx1-ubyte.gz', 4_542, 'f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6'),
  },
}

const SHIPPED = { train: 'MNIST (first 10,000)', test: 'MNIST test (first 2,000)' }
const CLASSES = Array.from('0123456789')

/**
 * Handwritten digits: 60,000 to learn from and 10,000 to test with; input `x` [N, 1, 28, 28], float32 from 0 to 1. Read from `$HONE_DATA/mnist`
 * or the cache, else downloaded. Where that fails, the first 10,000 (2,000) that ship with hone, and the name says so. LeCun, Cortes, Burges:
 * http://yann.lecun.com/exdb/mnist/
 * @throws Error naming a file that is damaged.
 */
export async function mnist({ train = true }: SplitOptions = {}): Promise<Dataset<number>> {
  const split = train ? 'train' : 'test'
  const { images, labels } = FILES[split]
  const paths = await Promise.all([obtain(images), obtain(labels)]).catch(nothingArrived)
  if (paths) return idxDataset({ name: train ? 'MNIST' : 'MNIST test', images: paths[0], labels: paths[1], complete: true, classes: CLASSES })
  const shipped = (name: string) => join(packageFolder(), 'notebooks', 'data', 'mnist-small', name)
  return idxDataset({ name: SHIPPED[split], images: shipped(images.name), labels: shipped(labels.name), complete: false, classes: CLASSES })
}

function nothingArrived(error: unknown): undefined {
  if (!(error instanceof DownloadError)) throw error
}
