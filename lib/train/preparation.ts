import type { Dataset } from '../data/dataset.ts'
import { DataLoader } from '../data/loader.ts'
import type { Graph } from '../graph/graph.ts'
import type { Layer } from '../nn/layers.ts'
import type { Model } from '../nn/model.ts'
import { requireOneOf, requireWhole } from '../require.ts'
import { resolveDevice, type Device } from '../runtime/devices.ts'
import { fixedBatch } from '../runtime/samples.ts'
import { checkpointOf, type CheckpointOptions, type Settings, type State } from './checkpoint.ts'
import { BestEpoch } from './early-stopping.ts'
import { Evaluation, figuresOf } from './evaluate.ts'
import { checkOptions, type FitOptions } from './fit-options.ts'
import { crossEntropy, type Loss } from './loss.ts'
import type { Optimizer } from './optimizer.ts'
import { checkBatch, checkData, checkInputs, checkNorms, checkTokens, modelOf, optimizerOf, sizedFor } from './plan.ts'
import { checkDevice, precisionOf, type Precision } from './precision.ts'
import { constant, rateAt } from './schedule.ts'
import { StepSession } from './step-session.ts'
import { initialState, trainingStep } from './step.ts'
import { Targets } from './targets.ts'

/** All that a run of `fit` is made of before its first step. */
export interface Preparation<Label> {
  readonly model: Model
  readonly optimizer: Optimizer
  /** The step as it was written, before it was turned into what the device runs. */
  readonly step: Graph
  readonly initial: State
  readonly session: StepSession
  readonly loader: DataLoader<Label>
  readonly targets: Targets<Label>
  readonly evaluation: Evaluation<Label> | null
  /** Learning rate of each step. */
  readonly rate: (step: number) => number
  readonly best: BestEpoch | null
  readonly checkpoint: CheckpointOptions | null
  /** What must be the same for a checkpoint to be resumed. */
  readonly settings: Settings
}

/** A training step as it is written, before it is turned into what a device runs; and what it is fed. */
export type Written<Label> = Pick<Preparation<Label>, 'model' | 'optimizer' | 'step' | 'initial' | 'loader' | 'targets'> & {
  readonly device: Device
  readonly precision: Precision | null
  readonly loss: Loss
  /** The batch size under its symbol. */
  readonly sizes: Readonly<Record<string, number>>
}

/** Checks that model, data and options fit, and writes the step. @throws Error as `fit` does. */
export async function written<Label>(network: Model | Layer, dataset: Dataset<Label>, options: Omit<FitOptions<Label>, 'epochs'>): Promise<Written<Label>> {
  checkOptions(options)
  checkData(dataset)
  const { batchSize, loss = crossEntropy, target = (labels) => dataset.target(labels), seed = 0, schedule } = options
  requireWhole('seed', seed)
  if (options.numerics !== undefined) requireOneOf('numerics', options.numerics, ['fast', 'direct'])
  const optimizer = optimizerOf(options.optimizer)
  const precision = precisionOf(options.precision ?? 'float32')
  const device = await resolveDevice(options.device ?? 'auto')
  if (precision) await checkDevice(precision, device)
  checkBatch(dataset, batchSize)
  const transformed = options.transforms ? dataset.withTransforms(options.transforms) : dataset
  const model = modelOf(network, transformed, seed)
  const samples = transformed.fedTo(model.graph)
  checkInputs(model, samples)
  checkTokens(model, samples)

  const { workers, prefetch } = options
  const loader = new DataLoader(samples, { batchSize, shuffle: true, seed, dropLast: true, ...(workers !== undefined && { workers }), ...(prefetch !== undefined && { prefetch }) })
  const targets = new Targets(target, loss, model)
  const example = targets.example(samples, loader.isBlended)
  const batch = model.graph.inputs[0].shape?.[0] ?? null
  if (typeof batch === 'number' && batch !== batchSize) throw new RangeError(`${model.name} takes batches of ${batch}, and batchSize is ${batchSize}`)
  const { batchNorm, clip, accumulate, ema } = options
  // on the CPU rows are written in place: what would come out the same need not travel as a whole table
  const { lazyEmbeddings = device === 'cpu' && optimizer.leavesUntouched === true && !precision && ema === undefined && (accumulate ?? 1) === 1 } = options
  const step = trainingStep(sizedFor(model.graph, samples), {
    loss, optimizer, target: { dtype: example.dtype, shape: [batch, ...example.shape.slice(1)] }, seed, batchNorm, scheduled: schedule !== undefined, precision, clip, accumulate, ema, lazyEmbeddings,
  })
  const sizes = { [String(batch)]: batchSize }
  checkNorms(model, step, sizes, batchSize)
  targets.check(samples)
  return { model, optimizer, step, device, precision, loss, targets, loader, initial: initialState(step, model.graph), sizes }
}

/** Checks that everything fits, and compiles the step. @throws Error as `fit` does. */
export async function prepare<Label>(network: Model | Layer, dataset: Dataset<Label>, options: FitOptions<Label>): Promise<Preparation<Label>> {
  const { epochs, batchSize, seed = 0, schedule, numerics, recompute, stepsPerRun, threads, denormalsAsZero, metrics = {}, earlyStopping } = options
  requireWhole('epochs', epochs, 1)
  const checkpoint = options.checkpoint ? checkpointOf(options.checkpoint) : null
  const { device, precision, loss, sizes, ...plan } = await written(network, dataset, options)
  const { model, optimizer, step, initial, loader, targets } = plan
  const rate = (at: number) => rateAt(schedule ?? constant, optimizer.lr, at, epochs * loader.size)
  rate(0)
  const unseen = (await options.validation) ?? undefined
  if (unseen !== undefined) checkData(unseen)
  else if (Object.keys(metrics).length) throw new RangeError('metrics measure the validation, and there is none: give `validation`')
  const validation = unseen?.fedTo(model.graph)
  if (validation) {
    checkBatch(validation, 1)
    checkInputs(model, validation)
    checkTokens(model, validation)
    targets.check(validation)
    const fixed = fixedBatch(model.graph)
    if (fixed !== null && validation.size % fixed) throw new RangeError(`${validation.name}: ${validation.size} samples do not fill batches of ${fixed}, which ${model.name} takes. Validate with a multiple of ${fixed}.`)
  }
  const figures = validation ? figuresOf(validation, metrics) : []
  const best = earlyStopping ? new BestEpoch(earlyStopping, figures) : null
  return {
    ...plan, rate, best, checkpoint,
    session: await StepSession.open(step, initial, { device, threads, denormalsAsZero, numerics, recompute, stepsPerRun, sizes }),
    evaluation: validation ? await Evaluation.open(model.graph, validation, initial, { device, threads, loss, targets, batchSize, metrics }) : null,
    settings: {
      optimizer: optimizer.name, ...texts(optimizer.options ?? { update: optimizer.update }), 'batch size': batchSize, seed, data: dataset.name, samples: dataset.size, ...precisionTexts(precision),
      ...(schedule && { epochs }), ...texts({ schedule, loss, clip: options.clip, accumulate: options.accumulate ?? 1, ema: options.ema, batchNorm: options.batchNorm, lazyEmbeddings: options.lazyEmbeddings ?? false }),
      transforms: JSON.stringify(loader.dataset.transforms),
    },
  }
}

/** Settings as a checkpoint keeps them; those that are not set are left out. */
const texts = (settings: Readonly<Record<string, unknown>>): Settings =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined).map(([name, value]) => [name, typeof value === 'number' ? value : String(value)]))

const precisionTexts = (precision: Precision | null): Settings =>
  texts(Object.fromEntries(Object.entries(precision ?? { dtype: 'float32' }).map(([name, value]) => [`precision: ${name}`, value])))
