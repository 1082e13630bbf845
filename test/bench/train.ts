import { symbol } from '../../lib/graph/dim.ts'
import type { Graph } from '../../lib/graph/graph.ts'
import { sizeOf, Tensor, type DataType } from '../../lib/graph/tensor.ts'
import { bench as time, cost, nn, Session, type Model } from '../../lib/index.ts'
import type { Contender } from '../../lib/measure/contender.ts'
import { random, type Random } from '../../lib/random.ts'
import { bceWithLogits, crossEntropy, ctc, type Loss } from '../../lib/train/loss.ts'
import { adam, sgd, type Optimizer } from '../../lib/train/optimizer.ts'
import { StepSession } from '../../lib/train/step-session.ts'
import { initialState, next, trainingStep } from '../../lib/train/step.ts'
import { figures, printThroughput, wanted } from './figures.ts'
import type { BenchOptions, Row } from './main.ts'
import { networkPeers, type NetworkTask } from './peers.ts'

const BATCH = 64
const THREADS = 2
const SECONDS = 40

interface Case {
  readonly model: Model
  readonly optimizer: Optimizer
  readonly loss: Loss
  readonly target: DataType
  /** Numbers of one target (a single one). */
  readonly length?: number
  /** So many tokens, or labels, there are (10). */
  readonly vocabulary?: number
  /** Only the rows of an embedding that a step read move (false). */
  readonly lazyEmbeddings?: boolean
}

const momentum = sgd({ lr: 0.01, momentum: 0.9 })
const classifier = { loss: crossEntropy, target: 'int64' } as const
const sentiment = { loss: bceWithLogits, target: 'float32', vocabulary: 121_301 } as const

/** Made one after the other: an LSTM's table alone takes 124 MB. */
const networks: Readonly<Record<NetworkTask['network'], () => Case>> = {
  vgg11: () => ({ ...classifier, model: nn.models.vgg11(), optimizer: momentum }),
  resnet18: () => ({ ...classifier, model: nn.models.resnet18(), optimizer: momentum }),
  'mnist-cnn': () => ({ ...classifier, model: nn.models.mnistCnn({ dropout: false }), optimizer: adam() }),
  lprnet: () => ({ loss: ctc({ blank: 67 }), target: 'int64', length: 7, model: nn.models.lprnet({ dropout: 0 }), optimizer: adam() }),
  lstm: () => ({ ...sentiment, model: nn.models.lstmSentiment(), optimizer: sgd({ lr: 0.01 }) }),
  'lstm-adam': () => ({ ...sentiment, model: nn.models.lstmSentiment(), optimizer: adam(), lazyEmbeddings: true }),
}

/** Samples that a training step takes in a second: lowered, beside the step as written, or beside the peers; and how long the lowered step takes to compile. */
export async function bench(print: (row: Row) => void, { peers, cases, seconds = SECONDS }: BenchOptions): Promise<void> {
  for (const [name, make] of wanted(networks, cases)) {
    const { model: { graph }, optimizer, loss, target, length, vocabulary = 10, lazyEmbeddings = false } = make()
    const step = trainingStep(graph, { loss, optimizer, target: { dtype: target, shape: [symbol('N'), ...(length ? [length] : [])] }, lazyEmbeddings })
    const settings = { threads: THREADS, parameters: cost(graph).parameters }
    const state = initialState(step, graph)
    const batch = batchOf(step, state, vocabulary)
    const begin = performance.now()
    const session = await StepSession.open(step, state, { ...SETTINGS, sizes: { N: BATCH } })
    const compiled = (performance.now() - begin) / 1000
    const plain = peers || lazyEmbeddings ? undefined : await Session.create(step, SETTINGS)
    const contenders: Record<string, Contender> = {
      hone: { run: () => session.run([batch]), perCall: BATCH, settings },
      ...(plain && { 'as written': { run: stepping(plain, batch, state), perCall: BATCH, settings } }),
      ...(peers && await networkPeers({ network: name as NetworkTask['network'], mode: 'train', batch: BATCH, threads: THREADS })),
    }
    printThroughput(print, await time(contenders, { seconds, rest: peers ? 0.02 : 0 }), { bench: 'train', case: name, unit: 'samples/s' })
    print({ bench: 'train', case: name, who: 'hone', metric: 'time to compile', unit: 's', ...figures([compiled]) })
    await Promise.all([session.release(), plain?.release()])
  }
}

const SETTINGS = { device: 'cpu', threads: THREADS, denormalsAsZero: true } as const

/** One step after the other on the same batch. */
function stepping(session: Session, batch: Record<string, Tensor>, state: Record<string, Tensor>): () => Promise<void> {
  return async () => {
    const results = await session.run({ ...batch, ...state })
    state = Object.fromEntries(Object.keys(state).map((name) => [name, results[next(name)]!]))
  }
}

/** Noise for images; tokens and labels by chance. */
function batchOf(step: Graph, state: Readonly<Record<string, Tensor>>, vocabulary: number): Record<string, Tensor> {
  const source: Random = random(1)
  return Object.fromEntries(step.inputs.filter(({ name }) => !(name in state)).map(({ name, dtype, shape }) => {
    const dims = [BATCH, ...(shape!.slice(1) as number[])]
    const values = Array.from({ length: sizeOf(dims) }, () => (dtype === 'int64' ? source.below(vocabulary) : source.next()))
    return [name, Tensor.of(dtype!, dims, values)]
  }))
}
