import { readTarGz } from './archive.ts'
import { colourDataset, separated } from './cifar.ts'
import type { Dataset } from './dataset.ts'
import { obtain, type OfficialFile } from './official.ts'
import type { SplitOptions } from './split.ts'

const ARCHIVE: OfficialFile = {
  folder: 'cifar-100',
  name: 'cifar-100-binary.tar.gz',
  url: 'https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz',
  bytes: 168_513_733,
  checksum: { md5: '03b5dce01913d631647c71ecec9e9cb8' },
}

export interface Cifar100Options extends SplitOptions {
  /** 100 classes, or the 20 that they make up ('fine'). */
  readonly labels?: 'fine' | 'coarse'
}

/**
 * Coloured pictures of 100 kinds of things: 50,000 to learn from and 10,000 to test with; input `x` [N, 3, 32, 32], float32 from 0 to 1. Read from
 * the official archive in `$HONE_DATA/cifar-100` or the cache, else downloaded. Krizhevsky 2009: https://www.cs.toronto.edu/~kriz/cifar.html
 * @throws Error naming a file that is damaged, or saying how far its download came.
 */
export async function cifar100({ train = true, labels = 'fine' }: Cifar100Options = {}): Promise<Dataset<number>> {
  const source = await obtain(ARCHIVE)
  const split = train ? 'train' : 'test'
  const files = await readTarGz(source, new RegExp(`/(${split}\\.bin|${labels}_label_names\\.txt)$`))
  const named = (end: string): Uint8Array => {
    const [, bytes] = [...files].find(([name]) => name.endsWith(end)) ?? []
    if (!bytes) throw new Error(`${source} holds no ${end.slice(1)}: it is not CIFAR-100's binary archive. Fetch it again.`)
    return bytes
  }
  const classes = new TextDecoder().decode(named(`/${labels}_label_names.txt`)).trim().split(/\s+/)
  const records = separated({ source, labelsEach: 2, files: [named(`/${split}.bin`)] })
  const chosen = Array.from(records.labels).filter((_, i) => i % 2 === (labels === 'coarse' ? 0 : 1))
  const complete = chosen.length === (train ? 50_000 : 10_000)
  return colourDataset({ name: train ? 'CIFAR-100' : 'CIFAR-100 test', source, complete, classes }, chosen, records.images)
}
