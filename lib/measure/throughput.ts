import { availableParallelism } from 'node:os'
import type { Dataset } from '../data/dataset.ts'
import { DataLoader } from '../data/loader.ts'
import type { Graph } from '../graph/graph.ts'
import type { Tensors } from '../runtime/boundary.ts'
import { Session, type SessionOptions } from '../runtime/session.ts'
import { load } from './load.ts'
import { replicas } from './replicas.ts'
import { median } from './stats.ts'
import { sweep, type Sweep } from './sweep.ts'

type Runnable = Graph | { readonly graph: Graph }

export interface ThroughputOptions extends Pick<SessionOptions, 'device'> {
  /** Samples of a run to try ([1, 8, 32]). */
  readonly batches?: readonly number[]
  /** Sessions at once to try, each in a thread of its own, which share the cores ([1, 2]). */
  readonly sessions?: readonly number[]
  /** Time for each setting and round (1 s). */
  readonly seconds?: number
  /** Rounds (3). */
  readonly repeats?: number
}

/**
 * Samples a second, and how long a run takes, by batch size and number of sessions: `feedsOf` gives what a run of so many samples is fed.
 *
 * @example await throughput(net, (batch) => plates.batch(batch)); plot.sweep(found.rows)
 * @throws Error where the model does not run with what it is fed.
 */
export async function throughput(model: Runnable, feedsOf: (batch: number) => Tensors, options: ThroughputOptions = {}): Promise<Sweep<string>> {
  const { batches = [1, 8, 32], sessions = [1, 2], seconds = 1, repeats = 3, device = 'cpu' } = options
  const settings = new Map(sessions.flatMap((count) => batches.map((batch) => [`batch ${batch}, ${count} ${count === 1 ? 'session' : 'sessions'}`, { batch, count }] as const)))
  return sweep([...settings.keys()], async (setting) => {
    const { batch, count } = settings.get(setting)!
    const served = await replicas(model, feedsOf(batch), { count, device, spinning: false, threads: Math.max(1, Math.floor(availableParallelism() / count)) })
    try {
      const { levels: [level] } = await load(served.run, { clients: [count], seconds, perCall: batch })
      if (level!.failure !== null) throw new Error(level!.failure)
      return { 'samples/s': level!.throughput, 'seconds a run': median(level!.latencies) }
    } finally {
      await served.close()
    }
  }, { repeats })
}

export interface PipelinedOptions extends Pick<SessionOptions, 'device' | 'threads'> {
  /** Samples of a run (32). */
  readonly batch?: number
  /** Threads that decode and transform the next inputs while the model runs; 0: it waits for its input each time ([0, 1, 2]). */
  readonly workers?: readonly number[]
  /** Rounds (3). */
  readonly repeats?: number
}

/** Samples a second of a model that runs over a data set, by how many threads prepare its input meanwhile. */
export async function pipelined<Label>(model: Runnable, dataset: Dataset<Label>, { batch = 32, workers = [0, 1, 2], repeats = 3, ...options }: PipelinedOptions = {}): Promise<Sweep<number>> {
  const session = await Session.create(model, { spinning: false, ...options })
  try {
    return await sweep(workers, async (count) => {
      const loader = new DataLoader(dataset, { batchSize: batch, workers: count })
      try {
        // threads start, and the first batch is decoded, before the clock does
        for await (const { inputs } of loader) await session.run(inputs)
        const start = performance.now()
        for await (const { inputs } of loader) await session.run(inputs)
        return { 'samples/s': (1000 * dataset.size) / (performance.now() - start) }
      } finally {
        await loader.close()
      }
    }, { repeats })
  } finally {
    await session.release()
  }
}
