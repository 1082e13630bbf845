import { symbol } from '../../lib/graph/dim.ts'
import type { Graph } from '../../lib/graph/graph.ts'
import { sizeOf, Tensor, type DataType } from '../../lib/graph/tensor.ts'
import { cost, nn, Session, type Model } from '../../lib/index.ts'
import { random, type Random } from '../../lib/random.ts'
import { bceWithLogits, crossEntropy, ctc, type Loss } from '../../lib/train/loss.ts'
import { adam, sgd, type Optimizer } from '../../lib/train/optimizer.ts'
import { StepSession } from '../../lib/train/step-session.ts'
import { initialState, next, trainingStep } from '../../lib/train/step.ts'
import type { NetworkTask } from './peers.ts'

export const BATCH = 64
export const THREADS = 2
export const SETTINGS = { device: 'cpu', threads: THREADS, denormalsAsZero: true } as const

interface Case {
  readonly model: Model
  readonly optimizer: Optimizer
  readonly loss: Loss
  readonly target: DataType
  /** Numbers of one target (a single one). */
  readonly length?: number
  /** So many tokens, or labels, there are (10). */
  readonly vocabulary?: number
  /** Only the rows of an embedding that a step read move (false), as `fit` has it for plain SGD. */
  readonly lazyEmbeddings?: boolean
}

const momentum = sgd({ lr: 0.01, momentum: 0.9 })
const classifier = { loss: crossEntropy, target: 'int64' } as const
const sentiment = { loss: bceWithLogits, target: 'float32', vocabulary: 121_301 } as const

/** Made one after the other: an LSTM's table alone takes 124 MB. */
export const networks: Readonly<Record<NetworkTask['network'], () => Case>> = {
  vgg11: () => ({ ...classifier, model: nn.models.vgg11(), optimizer: momentum }),
  resnet18: () => ({ ...classifier, model: nn.models.resnet18(), optimizer: momentum }),
  'mnist-cnn': () => ({ ...classifier, model: nn.models.mnistCnn({ dropout: false }), optimizer: adam() }),
  lprnet: () => ({ loss: ctc({ blank: 67 }), target: 'int64', length: 7, model: nn.models.lprnet({ dropout: 0 }), optimizer: adam() }),
  lstm: () => ({ ...sentiment, model: nn.models.lstmSentiment(), optimizer: sgd({ lr: 0.01 }), lazyEmbeddings: true }),
  'lstm-adam': () => ({ ...sentiment, model: nn.models.lstmSentiment(), optimizer: adam(), lazyEmbeddings: true }),
}

/** A network's training step, its first state, and a batch of noise. */
export interface Task {
  readonly step: Graph
  readonly state: Record<string, Tensor>
  readonly batch: Record<string, Tensor>
  readonly settings: { readonly threads: number; readonly parameters: number }
  readonly lazyEmbeddings: boolean
}

export function taskOf({ model: { graph }, optimizer, loss, target, length, vocabulary = 10, lazyEmbeddings = false }: Case): Task {
  const step = trainingStep(graph, { loss, optimizer, target: { dtype: target, shape: [symbol('N'), ...(length ? [length] : [])] }, lazyEmbeddings })
  const state = initialState(step, graph)
  return { step, state, batch: batchOf(step, state, vocabulary), settings: { threads: THREADS, parameters: cost(graph).parameters }, lazyEmbeddings }
}

export const compiled = ({ step, state }: Task): Promise<StepSession> => StepSession.open(step, state, { ...SETTINGS, sizes: { N: BATCH } })

/** How a step runs: one after the other on the same batch, each telling its loss. */
export const FORMS = {
  async lowered(task: Task) {
    const session = await compiled(task)
    return async () => (await session.run([task.batch]))[0]!
  },
  async 'as written'({ step, state, batch }: Task) {
    const session = await Session.create(step, SETTINGS)
    return async () => {
      const { loss, ...results } = await session.run({ ...batch, ...state })
      state = Object.fromEntries(Object.keys(state).map((name) => [name, results[next(name)]!]))
      return loss!.toNumbers()[0]!
    }
  },
} as const satisfies Readonly<Record<string, (task: Task) => Promise<() => Promise<number>>>>

/** Noise for images; tokens and labels by chance. */
function batchOf(step: Graph, state: Readonly<Record<string, Tensor>>, vocabulary: number): Record<string, Tensor> {
  const source: Random = random(1)
  return Object.fromEntries(step.inputs.filter(({ name }) => !(name in state)).map(({ name, dtype, shape }) => {
    const dims = [BATCH, ...(shape!.slice(1) as number[])]
    const values = Array.from({ length: sizeOf(dims) }, () => (dtype === 'int64' ? source.below(vocabulary) : source.next()))
    return [name, Tensor.of(dtype!, dims, values)]
  }))
}
