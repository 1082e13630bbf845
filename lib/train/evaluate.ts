import type { Batch, Dataset } from '../data/dataset.ts'
import { Builder } from '../graph/builder.ts'
import type { Graph } from '../graph/graph.ts'
import type { Tensor } from '../graph/tensor.ts'
import { told } from '../require.ts'
import { Session, type SessionOptions } from '../runtime/session.ts'
import type { State } from './checkpoint.ts'
import { badSample } from './diagnose.ts'
import { lossIn, type Loss } from './loss.ts'
import { OwnNames } from './own-names.ts'
import type { Targets } from './targets.ts'

/** A figure of a batch's outputs, averaged over the samples. */
export type Metric<Label> = (output: Tensor, labels: readonly Label[]) => number

export interface EvaluationOptions<Label> extends Pick<SessionOptions, 'device' | 'threads'> {
  readonly loss: Loss
  readonly targets: Targets<Label>
  readonly batchSize: number
  /** Beside the loss and the accuracy, by name. */
  readonly metrics: Readonly<Record<string, Metric<Label>>>
}

/** Measures a network on data that it is not trained on, with the weights of the moment. */
export class Evaluation<Label> {
  readonly #dataset: Dataset<Label>
  readonly #options: EvaluationOptions<Label>
  readonly #session: Session
  readonly #weights: readonly string[]

  private constructor(dataset: Dataset<Label>, options: EvaluationOptions<Label>, session: Session, weights: readonly string[]) {
    this.#dataset = dataset
    this.#options = options
    this.#session = session
    this.#weights = weights
  }

  /** `state` tells which of the model's tensors training moves. */
  static async open<Label>(model: Graph, dataset: Dataset<Label>, state: State, options: EvaluationOptions<Label>): Promise<Evaluation<Label>> {
    const graph = model.copy()
    const moving = graph.initializers.filter(({ name }) => state[name])
    for (const value of moving) value.replaceWith(graph.input(value.name, value.dtype, value.shape))
    graph.removeUnused()
    const names = new OwnNames(graph)
    const output = graph.outputs[0]
    const { dtype, shape: [, ...rest] } = options.targets.example(dataset)
    const loss = lossIn(new Builder(graph), options.loss, output, graph.input(names.take('target'), dtype, [graph.inputs[0].shape?.[0] ?? null, ...rest]))
    graph.truncateOutputs(0)
    graph.addOutput(output)
    graph.addOutput(loss, names.take('loss'))
    const session = await Session.create(graph, { device: options.device, threads: options.threads })
    return new Evaluation(dataset, options, session, moving.map(({ name }) => name))
  }

  /** The loss, the accuracy where there is one, and the other metrics over all samples. @throws Error naming a sample that is not finite, or a metric that fails. */
  async run(weights: State): Promise<Record<string, number>> {
    const sums = new Map<string, number>()
    for (const batch of this.#dataset.batches(this.#options.batchSize))
      for (const [name, value] of Object.entries(await this.#measured(batch, weights))) sums.set(name, (sums.get(name) ?? 0) + value * batch.labels.length)
    return Object.fromEntries([...sums].map(([name, sum]) => [name, sum / this.#dataset.size]))
  }

  /** Measures the first batch, so that what cannot be measured is known before the first step. @throws Error as `run` does. */
  async rehearse(weights: State): Promise<void> {
    for (const batch of this.#dataset.atMost(this.#options.batchSize).batches(this.#options.batchSize)) await this.#measured(batch, weights)
  }

  /** The figures of a batch. */
  async #measured({ inputs, labels, indices }: Batch<Label>, weights: State): Promise<Record<string, number>> {
    const own = Object.fromEntries(this.#weights.map((name) => [name, weights[name]]))
    const results = await this.#session.run({ ...inputs, target: this.#options.targets.of({ labels }), ...own })
    const loss = results.loss.toNumbers()[0]
    const sample = Number.isFinite(loss) ? null : badSample(inputs, { name: this.#dataset.name, indices })
    if (sample) throw new Error(`the validation's loss is ${loss}: ${sample}`)
    const output = results[this.#session.outputs[0].name]
    const accuracy = this.#dataset.hasAccuracy && { accuracy: this.#dataset.correct(output, labels).filter(Boolean).length / labels.length }
    return { loss, ...accuracy, ...Object.fromEntries(Object.entries(this.#options.metrics).map(([name, metric]) => [name, figure(name, metric, output, labels)])) }
  }

  release(): Promise<void> {
    return this.#session.release()
  }
}

/** Names of what the validation of a data set measures. @throws TypeError naming a metric that is no function; RangeError naming one that has another's name. */
export function figuresOf<Label>(dataset: Dataset<Label>, metrics: Readonly<Record<string, Metric<Label>>>): readonly string[] {
  const own = ['loss', ...(dataset.hasAccuracy ? ['accuracy'] : [])]
  for (const [name, metric] of Object.entries(metrics)) {
    if (own.includes(name)) throw new RangeError(`metrics: "${name}" is measured without being asked for: give yours another name`)
    if (typeof metric !== 'function') throw new TypeError(`metrics: "${name}" is a function from a batch's output and labels to a number, not ${told(metric)}`)
  }
  return [...own, ...Object.keys(metrics)]
}

function figure<Label>(name: string, metric: Metric<Label>, output: Tensor, labels: readonly Label[]): number {
  let value: unknown
  try {
    value = metric(output, labels)
  } catch (error) {
    throw new Error(`the metric "${name}" failed: ${(error as Error).message}`, { cause: error })
  }
  if (typeof value !== 'number') throw new TypeError(`the metric "${name}" answered with ${told(value)}, and a number is wanted`)
  return value
}
