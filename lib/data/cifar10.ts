import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { dataFolders } from '../files.ts'
import { readTarGz } from './archive.ts'
import { colourDataset, separated } from './cifar.ts'
import { cifar10Copy } from './cifar10-copy.ts'
import type { Dataset } from './dataset.ts'
import { obtain, type OfficialFile } from './official.ts'
import type { SplitOptions } from './split.ts'

const ARCHIVE: OfficialFile = {
  folder: 'cifar-10',
  name: 'cifar-10-binary.tar.gz',
  url: 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz',
  bytes: 170_052_171,
  checksum: { sha256: 'c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd' },
}

const COUNT = { train: 50_000, test: 10_000 }
const CLASSES = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck']

/**
 * Coloured pictures of ten kinds of things: 50,000 to learn from and 10,000 to test with; input `x` [N, 3, 32, 32], float32 from 0 to 1. Read from
 * `$HONE_DATA/cifar-10` (the official archive, or a copy of the images as JPEG, and then the name says so) or the cache, else downloaded.
 * Krizhevsky 2009: https://www.cs.toronto.edu/~kriz/cifar.html
 * @throws Error naming a file that is damaged, or saying how far its download came.
 */
export async function cifar10({ train = true }: SplitOptions = {}): Promise<Dataset<number>> {
  const [folder] = dataFolders(ARCHIVE.folder)
  const split = train ? 'train' : 'test'
  if (!existsSync(join(folder, ARCHIVE.name)) && existsSync(join(folder, `${split}.jpgs.gz`))) {
    const { labels, images } = cifar10Copy(folder, split)
    return colourDataset({ name: train ? 'CIFAR-10 (JPEG copy)' : 'CIFAR-10 test (JPEG copy)', source: folder, complete: labels.length === COUNT[split], classes: CLASSES }, labels, images)
  }
  const source = await obtain(ARCHIVE)
  const files = await readTarGz(source, train ? /\/data_batch_[1-5]\.bin$/ : /\/test_batch\.bin$/)
  if (files.size !== (train ? 5 : 1)) throw new Error(`${source} holds ${files.size} of the files ${train ? 'data_batch_1.bin to data_batch_5.bin' : 'test_batch.bin'}: it is not CIFAR-10's binary archive. Fetch it again.`)
  const inOrder = [...files].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, bytes]) => bytes)
  const { labels, images } = separated({ source, labelsEach: 1, files: inOrder })
  return colourDataset({ name: train ? 'CIFAR-10' : 'CIFAR-10 test', source, complete: labels.length === COUNT[split], classes: CLASSES }, [...labels], images)
}
