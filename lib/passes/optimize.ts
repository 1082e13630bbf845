import type { Dataset } from '../data/dataset.ts'
import type { Dim } from '../graph/dim.ts'
import type { Graph } from '../graph/graph.ts'
import { accuracy, type Accuracy } from '../measure/accuracy.ts'
import { cost } from '../measure/cost.ts'
import { intervalText, type Measurement } from '../measure/result.ts'
import { batchSymbol, sampleFeeds } from '../measure/sample-feeds.ts'
import { sizes, type Sizes } from '../measure/size.ts'
import type { Interval } from '../measure/stats.ts'
import { Model } from '../nn/model.ts'
import type { Tensors } from '../runtime/boundary.ts'
import { batchOf, firstSamples } from '../runtime/samples.ts'
import { Session, type SessionOptions } from '../runtime/session.ts'
import { stacked, table, type TableBundle } from '../table.ts'
import { countRange, countText, digits, percentText, sizeText, timeRange, timeText } from '../units.ts'
import { checkBudget, excesses, sentence, type Budget } from './budget.ts'
import { compare } from './compare.ts'
import type { Change, Pass, Refusal } from './pass.ts'
import { timedSideBySide } from './side-by-side.ts'

export interface OptimizeOptions<Label> extends Pick<SessionOptions, 'device' | 'threads'> {
  /** Samples for the accuracy, and for what is fed when times are measured; noise is fed without them. */
  data?: Dataset<Label>
  /** Samples of a run that is timed (what the network fixes, or 1). */
  batch?: number
  /** Time to measure for (5 s). */
  seconds?: number
  /** What the result must keep to; what it does not is told. */
  budget?: Budget
}

/** A network at one stage of its optimization. */
export interface Stage {
  /** Name of the pass that made it; `base` of the network as it was. */
  readonly name: string
  readonly model: Model<Change, Refusal>
  readonly parameters: number
  /** Multiply-adds of one run. */
  readonly macs: Dim
  readonly bytes: Sizes
  /** Most bytes of computed values alive at once, by the graph; null where sizes are not known. */
  readonly peak: number | null
  /** Seconds a run, measured beside the other stages. */
  readonly latency: Measurement
  /** Absent without data. */
  readonly accuracy: Accuracy | null
  /** Largest difference of an output from the base's, on what was fed. */
  readonly difference: number
}

/** A network before and after each pass. Shows itself as a table. */
export class Optimization {
  readonly stages: readonly Stage[]
  /** What of the budget the last stage does not keep to, a sentence each. */
  readonly unmet: readonly string[]
  readonly #batch: number

  constructor(stages: readonly Stage[], batch: number, budget: Budget) {
    this.stages = stages
    this.unmet = unmetOf(stages, budget)
    this.#batch = batch
  }

  /** The network after all passes. */
  get model(): Model<Change, Refusal> {
    return this.stages.at(-1)!.model
  }

  /** Everything that was done, in order. */
  get changes(): readonly Change[] {
    return this.stages.flatMap(({ model }) => model.changes)
  }

  /** Everything that was not done, and why. */
  get refusals(): readonly Refusal[] {
    return this.stages.flatMap(({ model }) => model.refusals)
  }

  /** What each stage stores, computes and needs; under it how it runs, and how right it is. */
  table(): TableBundle {
    const [base] = this.stages
    const stage = { heading: 'stage', cell: ({ name }: Stage) => name }
    const caption = [`Runs of ${this.#batch} ${this.#batch === 1 ? 'sample' : 'samples'}, timed in turn; peak memory by the graph; the largest difference of an output from the base's.`, ...this.unmet].join('\n')
    const costs = table(this.stages, [
      stage,
      { heading: 'changed', cell: ({ model }) => `${model.changes.length}` },
      { heading: 'refused', cell: ({ model }) => `${model.refusals.length}` },
      { heading: 'parameters', cell: ({ parameters }) => parameters.toLocaleString('en') },
      { heading: 'multiply-adds', cell: ({ macs }) => (typeof macs === 'number' ? countText(macs) : `${macs ?? '?'}`) },
      { heading: 'stored', cell: ({ bytes }) => sizeText(bytes.dense) },
      { heading: 'sparse', cell: ({ bytes }) => sizeText(bytes.sparse) },
      { heading: 'compressed', cell: ({ bytes }) => sizeText(bytes.compressed) },
      { heading: 'peak memory', cell: ({ peak }) => (peak === null ? '?' : sizeText(peak)) },
    ])
    const runs = table(this.stages, [
      stage,
      { heading: 'time', cell: ({ latency }) => `${timeText(latency.median)} (${intervalText(latency.interval, timeRange)})` },
      { heading: 'samples a second', cell: ({ latency }) => `${countText(this.#batch / latency.median)} (${intervalText(this.#throughput(latency), countRange)})` },
      { heading: 'times as fast', cell: ({ latency }) => (latency.speedup ? `${digits(latency.speedup.value)}${['faster', 'slower'].includes(latency.verdict) ? '' : ` (${latency.verdict})`}` : '1') },
      ...(base?.accuracy ? [{ heading: 'accuracy', cell: ({ accuracy: it }: Stage) => percentText(it!.value) }] : []),
      { heading: 'difference', cell: ({ difference }) => (difference ? difference.toExponential(1) : '0') },
    ], caption)
    return stacked([costs, runs])
  }

  /** What an interval of a time is as one of samples a second. */
  #throughput({ interval: { value, low, high } }: Measurement): Interval {
    return { value: this.#batch / value, low: this.#batch / high, high: this.#batch / low }
  }

  [Symbol.for('Jupyter.display')](): TableBundle {
    return this.table()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.table()['text/plain']
  }
}

/**
 * Applies passes one after the other, and measures the network before and after each: what it stores, computes and needs, how long a run takes, how often it is
 * right, how far its outputs moved.
 *
 * @example await optimize(net, [foldBatchNorm(), fuseActivation(), quantize({ calibrate: plates.take(200) })], { data: plates, budget: { loss: 0.005 } })
 * @throws RangeError where an option is out of range, or a loss is to be kept to and there is no data; Error where a pass leaves a graph that is not valid, or the network cannot be run.
 */
export async function optimize<Label>(model: Model, passes: Pass | readonly Pass[], options: OptimizeOptions<Label> = {}): Promise<Optimization> {
  const { data, batch: wanted, seconds = 5, budget = {}, ...session } = options
  checkBudget('optimize', budget, data)
  const batch = batchOf(model.graph, wanted, 1)
  const list: readonly Pass[] = Array.isArray(passes) ? passes : [passes as Pass]
  const made: { name: string; model: Model<Change, Refusal> }[] = [{ name: 'base', model: new Model<Change, Refusal>(model.graph) }]
  for (const pass of list) made.push({ name: pass.name, model: await made.at(-1)!.model.apply(pass) })
  const named = made.map(({ name, model: it }, i) => ({ name: made.findIndex((other) => other.name === name) < i ? `${name} (${i})` : name, model: it }))

  const feeds = data ? firstSamples(data, batch) : await noise(model.graph, batch)
  const figures = await Promise.all(named.map(async ({ name, model: it }) => ({ name, model: it, ...graphFigures(it.graph, batch), bytes: await sizes(it.graph) })))
  const times = await timedSideBySide(named, feeds, seconds, session)
  const stages: Stage[] = []
  for (const figure of figures) {
    const { largest } = figure.name === 'base' ? { largest: 0 } : await compare(model.graph, figure.model.graph, feeds)
    stages.push({ ...figure, latency: times[figure.name]!, accuracy: data?.hasAccuracy ? await accuracy(figure.model, data, session) : null, difference: largest })
  }
  return new Optimization(stages, batch, budget)
}

function graphFigures(graph: Graph, batch: number): Pick<Stage, 'parameters' | 'macs' | 'peak'> {
  const symbol = graph.inputs[0]?.shape?.[0]
  const { parameters, macs, peak } = cost(graph, typeof symbol === 'object' && symbol ? { [String(symbol)]: batch } : {})
  return { parameters, macs, peak: peak?.bytes ?? null }
}

async function noise(graph: Graph, batch: number): Promise<Tensors> {
  const session = await Session.create(graph, { spinning: false })
  const symbol = batchSymbol(session.inputs)
  await session.release()
  return sampleFeeds(session.inputs, symbol ? { [symbol]: batch } : {})
}

function unmetOf(stages: readonly Stage[], budget: Budget): string[] {
  const [first, last] = [stages[0]!, stages.at(-1)!].map(({ accuracy: it, latency, bytes }) => ({ accuracy: it?.value ?? null, latency: latency.median, bytes: bytes.dense }))
  return excesses(budget, first!, last!).map(({ text }) => sentence(text))
}
