import { symbol } from '../../lib/graph/dim.ts'
import type { Graph } from '../../lib/graph/graph.ts'
import { sizeOf, Tensor, type DataType } from '../../lib/graph/tensor.ts'
import { bench as time, cost, lower, nn, Session, type Model } from '../../lib/index.ts'
import type { Contender } from '../../lib/measure/contender.ts'
import { random, type Random } from '../../lib/random.ts'
import { bceWithLogits, crossEntropy, ctc, type Loss } from '../../lib/train/loss.ts'
import { adam, sgd, type Optimizer } from '../../lib/train/optimizer.ts'
import { initialState, next, stateOf, trainingStep } from '../../lib/train/step.ts'
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
}

const momentum = sgd({ lr: 0.01, momentum: 0.9 })
const classifier = { loss: crossEntropy, target: 'int64' } as const

/** Made one after the other: an LSTM's table alone takes 124 MB. */
const networks: Readonly<Record<NetworkTask['network'], () => Case>> = {
  vgg11: () => ({ ...classifier, model: nn.models.vgg11(), optimizer: momentum }),
  resnet18: () => ({ ...classifier, model: nn.models.resnet18(), optimizer: momentum }),
  'mnist-cnn': () => ({ ...classifier, model: nn.models.mnistCnn({ dropout: false }), optimizer: adam() }),
  lprnet: () => ({ loss: ctc({ blank: 67 }), target: 'int64', length: 7, model: nn.models.lprnet({ dropout: 0 }), optimizer: adam() }),
  lstm: () => ({ loss: bceWithLogits, target: 'float32', model: nn.models.lstmSentiment(), optimizer: sgd({ lr: 0.01 }) }),
}

/** Samples that a training step takes in a second: lowered, beside the step as written, or beside the peers; and how long the lowered step takes to compile. */
export async function bench(print: (row: Row) => void, { peers, cases, seconds = SECONDS }: BenchOptions): Promise<void> {
  for (const [name, make] of wanted(networks, cases)) {
    const { model: { graph }, optimizer, loss, target, length } = make()
    const step = trainingStep(graph, { loss, optimizer, target: { dtype: target, shape: [symbol('N'), ...(length ? [length] : [])] } })
    const settings = { threads: THREADS, parameters: cost(graph).parameters }
    const begin = performance.now()
    const lowered = lower(step, 'cpu', { sizes: { N: BATCH }, state: stateOf(step) })
    const session = await open(lowered.graph)
    const compiled = (performance.now() - begin) / 1000
    const state = initialState(step, graph)
    const batch = batchOf(step)
    const plain = peers ? undefined : await open(step)
    const contenders: Record<string, Contender> = {
      hone: { run: stepping(session, batch, lowered.pack(state)), perCall: BATCH, settings },
      ...(plain && { 'as written': { run: stepping(plain, batch, state), perCall: BATCH, settings } }),
      ...(peers && await networkPeers({ network: name as NetworkTask['network'], mode: 'train', batch: BATCH, threads: THREADS })),
    }
    printThroughput(print, await time(contenders, { seconds, rest: peers ? 0.02 : 0 }), { bench: 'train', case: name, unit: 'samples/s' })
    print({ bench: 'train', case: name, who: 'hone', metric: 'time to compile', unit: 's', ...figures([compiled]) })
    await Promise.all([session.release(), plain?.release()])
  }
}

const open = (graph: Graph) => Session.create(graph, { device: 'cpu', threads: THREADS, denormalsAsZero: true })

/** One step after the other on the same batch. */
function stepping(session: Session, batch: Record<string, Tensor>, state: Record<string, Tensor>): () => Promise<void> {
  return async () => {
    const results = await session.run({ ...batch, ...state })
    state = Object.fromEntries(Object.keys(state).map((name) => [name, results[next(name)]!]))
  }
}

/** Noise for images; tokens and labels below 10. */
function batchOf(step: Graph): Record<string, Tensor> {
  const state = stateOf(step)
  const source: Random = random(1)
  return Object.fromEntries(step.inputs.filter(({ name }) => !state.has(name)).map(({ name, dtype, shape }) => {
    const dims = [BATCH, ...(shape!.slice(1) as number[])]
    const values = Array.from({ length: sizeOf(dims) }, () => (dtype === 'int64' ? source.below(10) : source.next()))
    return [name, Tensor.of(dtype!, dims, values)]
  }))
}
