import { symbol } from '../../lib/graph/dim.ts'
import { nn } from '../../lib/index.ts'
import { bceWithLogits, crossEntropy, ctc } from '../../lib/train/loss.ts'
import { adam, sgd, type Optimizer } from '../../lib/train/optimizer.ts'
import type { Task } from './steps.ts'
import { labels, noise, smallTasks, wholes } from './tasks.ts'

/** A network to check: its gradients with one batch, its step's time with another. */
export interface CheckedModel {
  readonly task: (batch: number) => Task
  readonly optimizer: Optimizer
  /** Samples of a batch whose gradients are compared, and of one whose steps are timed. */
  readonly batches: readonly [compared: number, timed: number]
}

const momentum = sgd({ lr: 0.01, momentum: 0.9 })
const pictures = (model: nn.Model, size: readonly number[]) => (batch: number): Task =>
  ({ model: model.graph, loss: crossEntropy, target: labels, feeds: { x: noise([batch, ...size]), target: wholes([batch], 10) } })

const VOCABULARY = 20_000
const LENGTH = 50

/** The library's networks, by name, each made when its turn comes. */
const large: Readonly<Record<string, () => CheckedModel>> = {
  'mnist-cnn': () => ({ task: pictures(nn.models.mnistCnn({ dropout: false }), [1, 28, 28]), optimizer: adam(), batches: [16, 256] }),
  vgg11: () => ({ task: pictures(nn.models.vgg11(), [3, 32, 32]), optimizer: momentum, batches: [8, 128] }),
  resnet18: () => ({ task: pictures(nn.models.resnet18(), [3, 32, 32]), optimizer: momentum, batches: [8, 128] }),
  'mobilenet-v2': () => ({ task: pictures(nn.models.mobilenetV2({ imageSize: 32, classes: 10 }), [3, 32, 32]), optimizer: momentum, batches: [8, 128] }),
  lstm: () => ({
    task: (batch) => ({
      model: nn.models.lstmSentiment({ vocabulary: VOCABULARY, length: LENGTH }).graph, loss: bceWithLogits, target: { dtype: 'float32', shape: [symbol('N')] },
      feeds: { tokens: wholes([batch, LENGTH], VOCABULARY), target: noise([batch]) },
    }),
    optimizer: sgd({ lr: 0.01 }), batches: [8, 64],
  }),
  lprnet: () => ({
    task: (batch) => ({
      model: nn.models.lprnet({ seed: 1, dropout: 0 }).graph, loss: ctc({ blank: 67 }), target: { dtype: 'int64', shape: [symbol('N'), 7] },
      feeds: { plate: noise([batch, 3, 24, 94]), target: wholes([batch, 7], 67) },
    }),
    optimizer: adam(), batches: [8, 64],
  }),
}

const small: Readonly<Record<string, () => CheckedModel>> = Object.fromEntries(Object.entries(smallTasks).map(([name, make]) => {
  const task = make()
  const [batch] = Object.values(task.feeds)[0]!.shape as [number]
  return [name, () => ({ task: () => task, optimizer: momentum, batches: [batch, batch] })]
}))

export const models: Readonly<Record<string, () => CheckedModel>> = { ...large, ...small }

export const LARGE = Object.keys(large)
export const SMALL = Object.keys(small)
