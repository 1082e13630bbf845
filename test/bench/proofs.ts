import { accuracy, data, fit, nn, train, type FitOptions, type Model } from '../../lib/index.ts'
import type { Dataset } from '../../lib/data/dataset.ts'
import type { BenchOptions, Row } from './main.ts'

const SEED = 1
const THREADS = 2

/** A network that learns real data, and how well it must do on data that it has not seen. */
interface Proof<Label> {
  /** What is trained, on what and how, as the figures' case says it. */
  readonly title: string
  readonly aim: number
  /** The network to be trained, the data, and what is different about this training. */
  prepare(): Promise<{ model: Model; learned: Dataset<Label>; unseen: Dataset<Label>; batch?: number; options: Partial<FitOptions<Label>> & Pick<FitOptions<Label>, 'epochs' | 'optimizer'> }>
}

const { adam, cosine, oneCycle, sgd } = train
const { normalize, randomCrop, randomFlip } = data
const proof = <Label>(it: Proof<Label>) => it

const proofs = {
  mnist: proof({
    title: 'MNIST, the CNN of PyTorch\'s example, 6 epochs of Adam, one cycle',
    aim: 0.99,
    prepare: async () => ({
      model: nn.models.mnistCnn({ seed: SEED }), learned: await data.mnist(), unseen: await data.mnist({ train: false }),
      options: { epochs: 6, optimizer: adam({ lr: 2e-3 }), schedule: oneCycle() },
    }),
  }),
  fashion: proof({
    title: 'Fashion-MNIST, the same CNN, 10 epochs of Adam, one cycle, flipped pictures',
    aim: 0.91,
    prepare: async () => {
      const learned = await data.fashionMnist()
      return {
        model: nn.models.mnistCnn({ seed: SEED }), learned, unseen: await data.fashionMnist({ train: false }),
        options: { epochs: 10, optimizer: adam({ lr: 2e-3 }), schedule: oneCycle(), transforms: [randomFlip(), ...learned.transforms] },
      }
    },
  }),
  lprnet: proof({
    title: 'LPRNet plates, 800 of 1,000, from the published weights, 8 epochs of Adam without dropout; the other 200 unseen',
    aim: 0.89,
    prepare: async () => {
      const [learned, unseen] = (await data.lprnet()).split(0.8, SEED)
      return {
        model: nn.models.lprnet({ weights: 'published', dropout: 0 }), learned, unseen, batch: 100,
        options: { epochs: 8, batchSize: 50, optimizer: adam({ lr: 1e-4 }), schedule: cosine(), loss: train.ctc({ blank: data.PLATE_ALPHABET.length - 1 }) },
      }
    },
  }),
  imdb: proof({
    title: 'IMDB, the LSTM of study 1 with 256 units, a vocabulary of 20,000 and 200 words a review, 2 epochs of Adam with lazy rows, one cycle',
    aim: 0.8,
    prepare: async () => ({
      model: nn.models.lstmSentiment({ vocabulary: 20_000, hiddenSize: 256, dropout: 0.3, seed: SEED }),
      learned: await data.imdb({ vocabulary: 20_000 }), unseen: await data.imdb({ vocabulary: 20_000, train: false }),
      options: { epochs: 2, optimizer: adam({ lr: 2e-3 }), schedule: oneCycle(), loss: train.bceWithLogits, lazyEmbeddings: true, clip: train.clipNorm(1) },
    }),
  }),
  cifar10: proof({
    title: 'CIFAR-10, VGG-11 of study 1, 6 epochs of SGD, one cycle, cropped and flipped pictures',
    aim: 0.7,
    prepare: async () => {
      const normalized = normalize({ mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] })
      return {
        model: nn.models.vgg11({ seed: SEED }), learned: (await data.cifar10()).withTransforms([normalized]), unseen: (await data.cifar10({ train: false })).withTransforms([normalized]),
        options: {
          epochs: 6, optimizer: sgd({ lr: 0.05, momentum: 0.9, weightDecay: 5e-4 }), schedule: oneCycle(), transforms: [randomCrop({ padding: 4 }), randomFlip(), normalized],
        },
      }
    },
  }),
}

/**
 * Whether networks learn real data: accuracy on unseen samples, the seconds that training took, and the seconds of processors in them, which a busy
 * machine does not change. `npm run bench -- proofs [NAME ...]`; all take about an hour and a half of two cores.
 */
export async function bench(print: (row: Row) => void, { cases }: BenchOptions): Promise<void> {
  for (const [name, it] of Object.entries(proofs)) if (!cases.length || cases.includes(name)) await prove(it as Proof<unknown>, print)
}

async function prove<Label>({ title, aim, prepare }: Proof<Label>, print: (row: Row) => void): Promise<void> {
  const { model, learned, unseen, batch = 100, options } = await prepare()
  const settings = { device: 'cpu', threads: THREADS } as const
  const row = (metric: string, unit: string, [low, middle, high]: readonly [number, number, number]) =>
    print({ bench: 'proofs', case: `${title}; ${learned.name}, seed ${SEED}`, who: 'hone', metric, unit, median: middle, p25: low, p75: high, runs: 1 })
  const [start, used] = [performance.now(), process.cpuUsage()]
  const { model: trained } = await fit(model, learned, { batchSize: 64, seed: SEED, denormalsAsZero: true, ...settings, ...options })
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(used)
  const { value, interval } = await accuracy(trained, unseen, { batch, ...settings })
  row(`accuracy on ${unseen.size} unseen samples (95 % interval), at least ${aim}`, 'share', [interval.low, value, interval.high])
  row('training', 's', [seconds, seconds, seconds])
  row('training, processor', 's', Array(3).fill((user + system) / 1e6) as [number, number, number])
  if (value < aim) process.exitCode = 1
}
