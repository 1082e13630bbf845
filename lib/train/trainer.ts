import type { Dataset } from '../data/dataset.ts'
import type { Tensor } from '../graph/tensor.ts'
import { throwIfInterrupted } from '../interrupt.ts'
import { lower } from '../lower/index.ts'
import { mean } from '../measure/stats.ts'
import { Model } from '../nn/model.ts'
import { progress } from '../progress.ts'
import { random } from '../random.ts'
import { resolveDevice } from '../runtime/devices.ts'
import { Session, type SessionOptions } from '../runtime/session.ts'
import { table, type TableBundle } from '../table.ts'
import { digits, timeText } from '../units.ts'
import type { Loss } from './loss.ts'
import type { Optimizer } from './optimizer.ts'
import { initialState, next, stateOf, trainingStep } from './step.ts'

export interface FitOptions<Label> extends Pick<SessionOptions, 'device' | 'threads'> {
  epochs: number
  batchSize: number
  loss: Loss
  optimizer: Optimizer
  /** What the loss compares the output with; the first axis counts the labels. */
  target: (labels: readonly Label[]) => Tensor
  /** Decides the order of the samples (0). */
  seed?: number
  /** Convolutions by fewer multiplications, which round 3 to 5 times as coarsely (fast, the default), or as the runtime computes them (direct). */
  numerics?: 'fast' | 'direct'
}

export interface Epoch {
  readonly epoch: number
  /** Mean over the epoch's steps. */
  readonly loss: number
  readonly seconds: number
}

/** A trained model, and how it got there. Shows itself as a table of epochs. */
export class Fit {
  readonly model: Model
  readonly epochs: readonly Epoch[]
  /** Loss of every step. */
  readonly losses: readonly number[]

  constructor(model: Model, epochs: readonly Epoch[], losses: readonly number[]) {
    this.model = model
    this.epochs = epochs
    this.losses = losses
  }

  [Symbol.for('Jupyter.display')](): TableBundle {
    return table(this.epochs, [
      { heading: 'epoch', cell: ({ epoch }) => `${epoch}` },
      { heading: 'mean loss', cell: ({ loss }) => digits(loss) },
      { heading: 'time', cell: ({ seconds }) => timeText(seconds) },
    ], `${this.model.name}: ${this.losses.length} steps`)
  }
}

/**
 * Trains a model, which stays as it is: the whole step (forward, gradient, update) runs as one ONNX graph. Every epoch sees the samples in another order;
 * a last batch that is not full is left out. An interrupt takes effect after a step.
 * @throws Error where the data set does not fill a batch, the labels do not fit, or the loss is no longer a number.
 */
export async function fit<Label>(model: Model, dataset: Dataset<Label>, options: FitOptions<Label>): Promise<Fit> {
  const { epochs, batchSize, loss, optimizer, target, seed = 0, numerics = 'fast', ...settings } = options
  if (dataset.size < batchSize) throw new RangeError(`${dataset.name}: ${dataset.size} samples do not fill a batch of ${batchSize}`)
  const { dtype, shape } = target(dataset.labels.slice(0, 1))
  const step = trainingStep(model.graph, { loss, optimizer, target: { dtype, shape: [model.graph.inputs[0]!.shape?.[0] ?? null, ...shape.slice(1)] } })
  const device = await resolveDevice(settings.device ?? 'auto')
  const lowered = lower(step, device, { sizes: { [String(model.graph.inputs[0]!.shape?.[0])]: batchSize }, numerics, state: stateOf(step) })
  const session = await Session.create(lowered.graph, { ...settings, device })
  let state = lowered.pack(initialState(step, model.graph))
  const bar = progress(`Training ${model.name}`, epochs * Math.floor(dataset.size / batchSize))
  const { shuffled } = random(seed)
  const history: Epoch[] = []
  const losses: number[] = []
  try {
    for (let epoch = 1; epoch <= epochs; epoch++) {
      const start = performance.now()
      const before = losses.length
      for (const { inputs, labels } of dataset.reordered(shuffled).batches(batchSize)) {
        if (labels.length < batchSize) break
        throwIfInterrupted()
        const results = await session.run({ ...inputs, target: target(labels), ...state })
        const value = results.loss!.toNumbers()[0]!
        if (!Number.isFinite(value)) throw new Error(`${model.name}: the loss is ${value} at step ${losses.length + 1}. Lower the learning rate, or look for such values in the data.`)
        state = Object.fromEntries(Object.keys(state).map((name) => [name, results[next(name)]!]))
        losses.push(value)
        bar.tick()
      }
      history.push({ epoch, loss: mean(losses.slice(before)), seconds: (performance.now() - start) / 1000 })
    }
  } finally {
    bar.done()
    await session.release()
  }
  return new Fit(trained(model, lowered.unpack(state)), history, losses)
}

/** The model with the state's tensors in place of its own. */
function trained(model: Model, state: Readonly<Record<string, Tensor>>): Model {
  const graph = model.graph.copy()
  for (const value of graph.initializers) value.initializer = state[value.name] ?? value.initializer
  return new Model(graph)
}
