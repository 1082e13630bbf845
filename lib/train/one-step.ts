import type { Dataset } from '../data/dataset.ts'
import type { Graph } from '../graph/graph.ts'
import { Tensor } from '../graph/tensor.ts'
import { lower } from '../lower/index.ts'
import type { Layer } from '../nn/layers.ts'
import type { Model } from '../nn/model.ts'
import type { Device } from '../runtime/devices.ts'
import type { FitOptions } from './fit-options.ts'
import { written } from './preparation.ts'
import { recomputed } from './recompute.ts'
import { rateAt } from './schedule.ts'
import { stateOf } from './state.ts'
import type { Feeds } from './step-session.ts'

/** A training step by itself. */
export interface OneStep {
  /** As it was written. */
  readonly step: Graph
  /** As the device runs it. */
  readonly graph: Graph
  readonly device: Device
  readonly feeds: Feeds
}

/**
 * The first step that `fit` would take: the graph that the device runs, and what it is fed, for `profile`, `memory` or `bench`:
 * `const { graph, feeds } = await oneStep(net, reviews, options)`. `print` shows it beside the step as it was written.
 * @throws Error as `fit` does.
 */
export async function oneStep<Label>(model: Model | Layer, dataset: Dataset<Label> | Promise<Dataset<Label>>, options: Omit<FitOptions<Label>, 'epochs'>): Promise<OneStep> {
  const { step, initial, device, sizes, loader, targets, optimizer } = await written(model, await dataset, { ...options, workers: 0 })
  const lowered = lower(step, device, { sizes, state: stateOf(step), ...(options.numerics && { numerics: options.numerics }) })
  const { value: batch } = await loader.epoch(0).next()
  const rate: Feeds = options.schedule ? { lr: Tensor.scalar('float32', rateAt(options.schedule, optimizer.lr, 0, loader.size)) } : {}
  return { step, device, graph: recomputed(lowered.graph, options.recompute ?? false), feeds: { ...batch!.inputs, target: targets.of(batch!), ...rate, ...lowered.pack(initial) } }
}
