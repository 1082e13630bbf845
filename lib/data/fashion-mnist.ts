import type { Dataset } from './dataset.ts'
import { idxDataset } from './idx-dataset.ts'
import { obtain, type OfficialFile } from './official.ts'
import type { SplitOptions } from './split.ts'

const file = (name: string, bytes: number, sha256: string): OfficialFile => ({
  folder: 'fashion-mnist', name, url: `http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/${name}`, bytes, checksum: { sha256 },
})

const FILES = {
  train: {
    images: file('train-images-idx3-ubyte.gz', 26_421_880, '3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84'),
    labels: file('train-labels-idx1-ubyte.gz', 29_515, 'a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845'),
  },
  test: {
    images: file('t10k-images-idx3-ubyte.gz', 4_422_102, '346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073'),
    labels: file('t10k-labels-idx1-ubyte.gz', 5_148, '67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5'),
  },
}

const CLASSES = ['T-shirt/top', 'Trouser', 'Pullover', 'Dress', 'Coat', 'Sandal', 'Shirt', 'Sneaker', 'Bag', 'Ankle boot']

/**
 * Pictures of clothes: 60,000 to learn from and 10,000 to test with; input `x` [N, 1, 28, 28], float32 from 0 to 1. Read from
 * `$HONE_DATA/fashion-mnist` or the cache, else downloaded. MIT. https://github.com/zalandoresearch/fashion-mnist
 * @throws Error naming a file that is damaged, or saying how far its download came.
 */
export async function fashionMnist({ train = true }: SplitOptions = {}): Promise<Dataset<number>> {
  const { images, labels } = FILES[train ? 'train' : 'test']
  return idxDataset({ name: train ? 'Fashion-MNIST' : 'Fashion-MNIST test', images: await obtain(images), labels: await obtain(labels), complete: true, classes: CLASSES })
}
