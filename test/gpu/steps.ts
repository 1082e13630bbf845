import type { Graph } from '../../lib/graph/graph.ts'
import type { Tensor } from '../../lib/graph/tensor.ts'
import { lower } from '../../lib/lower/index.ts'
import type { Device } from '../../lib/runtime/devices.ts'
import { Session } from '../../lib/runtime/session.ts'
import { initialState, next, stateOf, trainingStep, type StepOptions } from '../../lib/train/step.ts'
import { sgd } from '../../lib/train/optimizer.ts'

export type Tensors = Readonly<Record<string, Tensor>>

/** A network, and a batch to train it on. */
export interface Task extends Pick<StepOptions, 'loss' | 'target' | 'precision'> {
  readonly model: Graph
  readonly feeds: Tensors
}

/** By how much each parameter moves in a step of plain gradient descent at rate 1: its gradient; and the loss. */
export async function gradientsOn(device: Device, { model, feeds, ...options }: Task): Promise<Record<string, Float64Array>> {
  const step = trainingStep(model, { ...options, optimizer: sgd({ lr: 1 }) })
  const state = initialState(step, model)
  const sizes = { N: Object.values(feeds)[0]!.shape[0]! }
  const lowered = lower(step, device, { sizes, numerics: 'direct', state: stateOf(step) })
  const session = await Session.create(lowered.graph, { device })
  const results = await session.run({ ...feeds, ...lowered.pack(state) })
  await session.release()
  const moved = lowered.unpack(Object.fromEntries(Object.keys(state).map((name) => [name, results[next(name)]!])))
  const change = (name: string) => {
    const after = moved[name]!.toFloat32()
    return Float64Array.from(state[name]!.toFloat32(), (value, i) => value - after[i]!)
  }
  return { loss: Float64Array.from(results['loss']!.toNumbers()), ...Object.fromEntries(Object.keys(state).map((name) => [name, change(name)])) }
}

/**
 * The largest distance between the gradients of a parameter, in shares of its own norm; or of the mean norm of all, where its own is smaller: a bias before
 * a batch normalization has the gradient 0, which no computation meets.
 */
export function distance(found: Readonly<Record<string, Float64Array>>, expected: Readonly<Record<string, Float64Array>>): number {
  const norms = Object.fromEntries(Object.entries(expected).map(([name, values]) => [name, norm(values)]))
  const mean = Object.values(norms).reduce((sum, n) => sum + n, 0) / Object.keys(norms).length
  return Math.max(...Object.entries(expected).map(([name, values]) => norm(values.map((v, i) => v - found[name]![i]!)) / Math.max(norms[name]!, mean)))
}

const norm = (values: Float64Array): number => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0))
