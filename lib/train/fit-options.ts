import type { Dataset } from '../data/dataset.ts'
import type { LoaderOptions } from '../data/loader.ts'
import type { Tensor } from '../graph/tensor.ts'
import { requireKnown, told } from '../require.ts'
import type { SessionOptions } from '../runtime/session.ts'
import type { CheckpointOptions } from './checkpoint.ts'
import type { EarlyStopping } from './early-stopping.ts'
import type { Metric } from './evaluate.ts'
import type { Epoch } from './fit.ts'
import type { Loss } from './loss.ts'
import type { Optimizer } from './optimizer.ts'
import type { OptimizerName } from './plan.ts'
import type { Precision, PrecisionName } from './precision.ts'
import type { Schedule } from './schedule.ts'
import type { StepSessionOptions } from './step-session.ts'
import type { StepOptions } from './step.ts'

/** What a callback answers with to end the training. */
type Stop = 'stop' | void

export interface Callbacks {
  /** After each step. */
  step?: (step: { readonly step: number; readonly loss: number; readonly lr: number }) => Stop | Promise<Stop>
  /** After each epoch and its validation. */
  epoch?: (epoch: Epoch) => Stop | Promise<Stop>
}

export interface FitOptions<Label>
  extends Pick<StepOptions, 'batchNorm' | 'clip' | 'accumulate' | 'ema' | 'lazyEmbeddings'>, Pick<LoaderOptions, 'workers' | 'prefetch' | 'transforms'>,
    Pick<SessionOptions, 'device' | 'threads' | 'denormalsAsZero'>, Pick<StepSessionOptions, 'numerics' | 'recompute' | 'stepsPerRun'> {
  epochs: number
  batchSize: number
  /** One such as `sgd({ lr: 0.1, momentum: 0.9 })`, or a name. */
  optimizer: Optimizer | OptimizerName
  /** What is made small: `train.crossEntropy`, `train.bceWithLogits`, or a function of your own that writes one (cross entropy). */
  loss?: Loss
  /** Labels as the loss compares them with the output; the first axis counts them (as the data set has it). Where `transforms` blend samples, so are targets. */
  target?: (labels: readonly Label[]) => Tensor
  /** How the learning rate changes over the steps (not at all). */
  schedule?: Schedule
  /** 16-bit arithmetic with float32 parameters, or float32 (float32). */
  precision?: PrecisionName | Precision
  /** Measured after each epoch: its loss, its accuracy where there is one, and `metrics`. */
  validation?: Dataset<Label> | Promise<Dataset<Label>>
  /** Further figures of the validation: each of a batch's output and labels, averaged over the samples. */
  metrics?: Readonly<Record<string, Metric<Label>>>
  /** Ends training where a figure of the validation gets no better, and keeps the best epoch's model: `{ patience: 3 }`. */
  earlyStopping?: EarlyStopping
  callbacks?: Callbacks
  /** A file that training is written to after each epoch, and can go on from. */
  checkpoint?: string | CheckpointOptions
  /** Decides the order of the samples, augmentation, dropout, and how a layer's parameters begin (0). The same seed gives the same bits on the CPU. */
  seed?: number
  /** Shows neither progress nor the curve (false): for runs that are one of many. */
  quiet?: boolean
  /** Ends training after the step that runs. In a notebook an interrupt does so too. */
  signal?: AbortSignal
}

const NAMES: Readonly<Record<keyof FitOptions<unknown>, true>> = {
  epochs: true, batchSize: true, optimizer: true, loss: true, target: true, schedule: true, precision: true, validation: true, metrics: true, earlyStopping: true, callbacks: true, checkpoint: true,
  seed: true, quiet: true, signal: true, batchNorm: true, clip: true, accumulate: true, ema: true, lazyEmbeddings: true, workers: true, prefetch: true, transforms: true,
  device: true, threads: true, denormalsAsZero: true, numerics: true, recompute: true, stepsPerRun: true,
}

const CALLBACKS: Readonly<Record<keyof Callbacks, true>> = { step: true, epoch: true }

/** What is said to an optimizer, and to `fit` by mistake. */
const OF_OPTIMIZERS = ['lr', 'learningRate', 'learning_rate', 'momentum', 'nesterov', 'weightDecay', 'weight_decay', 'betas', 'eps']

/** Options that are functions, and what makes one. */
const FUNCTIONS = { loss: 'train.crossEntropy', target: '(labels) => Tensor.int64(labels)', schedule: 'train.cosine()', clip: 'train.clipNorm(1)' } as const

/** @throws TypeError naming an option that there is not, or a function that is none. */
export function checkOptions<Label>(options: Partial<FitOptions<Label>>): void {
  const misplaced = OF_OPTIMIZERS.find((name) => name in options)
  if (misplaced) throw new TypeError(`fit has no option "${misplaced}", since that is the optimizer's: say \`optimizer: sgd({ lr: 0.1, momentum: 0.9 })\``)
  requireKnown('fit', options, NAMES)
  for (const [name, example] of Object.entries(FUNCTIONS) as [keyof typeof FUNCTIONS, string][]) checkFunction(name, options[name], example)
  const { callbacks = {} } = options
  if (typeof callbacks !== 'object') throw new TypeError(`callbacks are functions by name, such as { epoch: ({ loss }) => console.log(loss) }, not ${told(callbacks)}`)
  requireKnown('callbacks', callbacks, CALLBACKS)
  for (const [name, callback] of Object.entries(callbacks)) checkFunction(`callbacks: ${name}`, callback, '({ loss }) => console.log(loss)')
}

function checkFunction(name: string, value: unknown, example: string): void {
  if (value !== undefined && typeof value !== 'function') throw new TypeError(`${name} is a function such as ${example}, not ${told(value)}`)
}
