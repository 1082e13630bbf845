import type { Dataset } from '../data/dataset.ts'
import type { Graph } from '../graph/graph.ts'
import { Tensor } from '../graph/tensor.ts'
import { lower } from '../lower/index.ts'
import type { Layer } from '../nn/layers.ts'
import type { Model } from '../nn/model.ts'
import type { FitOptions } from './fit-options.ts'
import { written } from './preparation.ts'
import { recomputed } from './recompute.ts'
import { rateAt } from './schedule.ts'
import { stateOf } from './state.ts'
import type { Feeds } from './step-session.ts'

/**
 * The first step that `fit` would take, as the graph that the device runs and what it is fed: `const { graph, feeds } = await oneStep(net, reviews, options)`,
 * for `profile`, `memory` or `bench`.
 * @throws Error as `fit` does.
 */
export async function oneStep<Label>(model: Model | Layer, dataset: Dataset<Label> | Promise<Dataset<Label>>, options: Omit<FitOptions<Label>, 'epochs'>): Promise<{ graph: Graph; feeds: Feeds }> {
  const { step, initial, device, sizes, loader, targets, optimizer } = await written(model, await dataset, { ...options, workers: 0 })
  const lowered = lower(step, device, { sizes, state: stateOf(step), ...(options.numerics && { numerics: options.numerics }) })
  const { value: batch } = await loader.epoch(0).next()
  const rate: Feeds = options.schedule ? { lr: Tensor.scalar('float32', rateAt(options.schedule, optimizer.lr, 0, loader.size)) } : {}
  return { graph: recomputed(lowered.graph, options.recompute ?? false), feeds: { ...batch!.inputs, target: targets.of(batch!), ...rate, ...lowered.pack(initial) } }
}
