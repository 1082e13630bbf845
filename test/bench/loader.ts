import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unzipSync } from 'fflate'
import { data } from '../../lib/index.ts'
import { packageFolder } from '../../lib/files.ts'
import { figures } from './figures.ts'
import type { Row } from './main.ts'

const WORKERS = [0, 1, 2]
const EPOCHS = 7
const BATCH = 64

/** Images per second of whole epochs, batch 64, with 0, 1 and 2 workers in turn; the threads' start is not counted. */
export async function bench(print: (row: Row) => void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'hone-loader-'))
  try {
    const cifar = await data.cifar10({ train: false })
    const digits = (await data.mnist({ train: false })).take(2000)
    const augmented = [data.randomCrop({ padding: 4 }), data.randomFlip(), data.normalize({ mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] })]
    await measure(print, `${cifar.name}, crop, flip, normalize`, (workers) => new data.DataLoader(cifar, { batchSize: BATCH, workers, shuffle: true, transforms: augmented }))
    await measure(print, 'MNIST', (workers) => new data.DataLoader(digits, { batchSize: BATCH, workers, shuffle: true }))
    const plates = data.imageFolder(looseJpegs(folder))
    await measure(print, 'plates from JPEG', (workers) => new data.DataLoader(plates, { batchSize: BATCH, workers, shuffle: true }))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

type Loader = InstanceType<typeof data.DataLoader<number>>

async function measure(print: (row: Row) => void, name: string, loader: (workers: number) => Loader): Promise<void> {
  const contenders = WORKERS.map((workers) => ({ workers, loader: loader(workers), rates: [] as number[] }))
  for (const contender of contenders) await epoch(contender.loader)
  for (let round = 0; round < EPOCHS; round++) for (const contender of contenders) contender.rates.push(await epoch(contender.loader))
  for (const { workers, loader: used, rates } of contenders) {
    await used.close()
    print({ bench: 'loader', case: `${name}, ${workers} workers`, who: 'hone', metric: 'throughput', unit: 'images/s', ...figures(rates) })
  }
}

/** Images per second. */
async function epoch(loader: Loader): Promise<number> {
  const start = performance.now()
  let images = 0
  for await (const { labels } of loader) images += labels.length
  return images / ((performance.now() - start) / 1000)
}

/** The plates that ship, a file each, as a folder of one class. */
function looseJpegs(folder: string): string {
  mkdirSync(join(folder, 'plate'))
  for (const [name, bytes] of Object.entries(unzipSync(readFileSync(join(packageFolder(), 'notebooks', 'data', 'lprnet', 'plates.zip')))))
    writeFileSync(join(folder, 'plate', name), bytes)
  return folder
}
