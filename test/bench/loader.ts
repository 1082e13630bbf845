import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unzipSync } from 'fflate'
import { packageFolder } from '../../lib/files.ts'
import { bench as time, data } from '../../lib/index.ts'
import type { Contender } from '../../lib/measure/contender.ts'
import { printThroughput, wanted } from './figures.ts'
import type { BenchOptions, Row } from './main.ts'
import { loaderPeers } from './peers.ts'

const WORKERS = [0, 1, 2]
const SECONDS = 40
const BATCH = 64

type Images = Awaited<ReturnType<typeof data.mnist>>
type Transforms = ConstructorParameters<typeof data.DataLoader>[1]['transforms']

interface Case {
  readonly images: Images
  readonly transforms: NonNullable<Transforms>
  /** What another language does with the pictures: see peers/pytorch-loader.py. */
  readonly augmented: boolean
  /** Where the pictures lie as files. */
  readonly files?: string
}

const MEAN = [0.4914, 0.4822, 0.4465]
const STD = [0.247, 0.2435, 0.2616]

/** Images a second of whole epochs with 0, 1 and 2 workers, beside PyTorch's DataLoader over the same pictures; the threads' start is not counted. */
export async function bench(print: (row: Row) => void, { peers, cases, seconds = SECONDS }: BenchOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'hone-loader-'))
  const all: Readonly<Record<string, () => Promise<Case>>> = {
    'cifar-10, crop, flip, normalize': async () => ({
      images: (await data.cifar10({ train: false })).take(4000), augmented: true,
      transforms: [data.randomCrop({ padding: 4 }), data.randomFlip(), data.normalize({ mean: MEAN, std: STD })],
    }),
    mnist: async () => ({ images: (await data.mnist({ train: false })).take(4000), transforms: [data.toFloat()], augmented: false }),
    'plates from JPEG': async () => {
      const files = looseJpegs(join(folder, 'jpeg'))
      return { images: data.imageFolder(files), transforms: [data.toFloat()], augmented: false, files }
    },
  }
  try {
    for (const [name, make] of wanted(all, cases)) {
      const { files, ...set } = await make()
      const shared = join(folder, 'shared')
      await writeForPeers(shared, { files, ...set })
      const loaders = WORKERS.map((workers) => new data.DataLoader(set.images, { batchSize: BATCH, workers, shuffle: true, transforms: set.transforms }))
      const contenders: Record<string, Contender> = {}
      for (const loader of loaders) contenders[`hone, ${loader.workers} workers`] = { run: () => epoch(loader), perCall: set.images.size }
      if (peers)
        for (const workers of WORKERS)
          for (const [who, contender] of Object.entries(await loaderPeers(shared, { images: set.images.size, batch: BATCH, workers }))) contenders[`${who}, ${workers} workers`] = contender
      const result = await time(contenders, { seconds, rest: peers ? 0.02 : 0, precision: 0.03 })
      printThroughput((row) => {
        const [who, workers] = row.who.split(', ')
        print({ ...row, case: `${row.case}, ${workers}`, who: who! })
      }, result, { bench: 'loader', case: name, unit: 'images/s' })
      await Promise.all(loaders.map((loader) => loader.close()))
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function epoch(loader: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of loader);
}

/** Pictures as bytes [N, C, H, W] in a file, or as JPEG files, with a description. */
async function writeForPeers(folder: string, { images, augmented, files }: Case): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const [{ inputs }] = images.take(1).batches(1)
  const shape = [images.size, ...inputs.x.shape.slice(1)]
  if (files === undefined) {
    const bytes: Uint8Array[] = []
    for await (const { inputs: { x } } of new data.DataLoader(images, { batchSize: 500, transforms: [data.toFloat()] })) bytes.push(Uint8Array.from(x.toNumbers(), (value) => Math.round(255 * value)))
    writeFileSync(join(folder, 'images.bin'), Buffer.concat(bytes))
  }
  writeFileSync(join(folder, 'images.json'), JSON.stringify({ shape, files, ...(augmented && { mean: MEAN, std: STD }) }))
}

/** The plates that ship, a file each, as a folder of one class. */
function looseJpegs(folder: string): string {
  mkdirSync(join(folder, 'plate'), { recursive: true })
  for (const [name, bytes] of Object.entries(unzipSync(readFileSync(join(packageFolder(), 'notebooks', 'data', 'lprnet', 'plates.zip')))))
    writeFileSync(join(folder, 'plate', name), bytes)
  return folder
}
