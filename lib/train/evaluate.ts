import type { Dataset } from '../data/dataset.ts'
import { Builder } from '../graph/builder.ts'
import type { Graph } from '../graph/graph.ts'
import type { Tensor } from '../graph/tensor.ts'
import { Session, type SessionOptions } from '../runtime/session.ts'
import type { State } from './checkpoint.ts'
import type { Loss } from './loss.ts'
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
    const output = graph.outputs[0]
    const { dtype, shape: [, ...rest] } = options.targets.example(dataset)
    const loss = options.loss(new Builder(graph), output, graph.input('target', dtype, [graph.inputs[0].shape?.[0] ?? null, ...rest]))
    graph.truncateOutputs(0)
    graph.addOutput(output)
    graph.addOutput(loss, 'loss')
    const session = await Session.create(graph, { device: options.device, threads: options.threads })
    return new Evaluation(dataset, options, session, moving.map(({ name }) => name))
  }

  /** The loss, the accuracy, and the other metrics over all samples. */
  async run(weights: State): Promise<Record<string, number>> {
    const { batchSize, targets, metrics } = this.#options
    const own = Object.fromEntries(this.#weights.map((name) => [name, weights[name]]))
    const sums = new Map<string, number>()
    for (const { inputs, labels } of this.#dataset.batches(batchSize)) {
      const results = await this.#session.run({ ...inputs, target: targets.of({ labels }), ...own })
      const output = results[this.#session.outputs[0].name]
      const right = this.#dataset.correct(output, labels).filter(Boolean).length / labels.length
      const figures = { loss: results.loss.toNumbers()[0], accuracy: right, ...Object.fromEntries(Object.entries(metrics).map(([name, metric]) => [name, metric(output, labels)])) }
      for (const [name, value] of Object.entries(figures)) sums.set(name, (sums.get(name) ?? 0) + value * labels.length)
    }
    return Object.fromEntries([...sums].map(([name, sum]) => [name, sum / this.#dataset.size]))
  }

  release(): Promise<void> {
    return this.#session.release()
  }
}
