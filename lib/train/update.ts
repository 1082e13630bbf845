import type { Builder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'
import type { Clip } from './clip.ts'
import type { Optimizer } from './optimizer.ts'
import type { LossScale } from './precision.ts'
import { average as averageOf, type StepState } from './state.ts'

export interface UpdateOptions {
  optimizer: Optimizer
  lr: number | Value
  clip?: Clip | undefined
  /** Gradients of so many steps are averaged before the parameters move (1). */
  accumulate?: number | undefined
  /** Share of an exponential moving average of the parameters that a step leaves as it is; the average is the state `NAME.average`. */
  average?: number | undefined
  /** By what the loss was multiplied before its gradient was taken. */
  scale?: LossScale | null
  /** Number of the step, from 1 on. */
  step: () => Value
}

/**
 * Writes what becomes of each parameter and of what is remembered of it: its gradient is unscaled, accumulated, clipped, and handed to the optimizer. Where
 * a gradient is not finite under a loss scale, or more steps are to be accumulated, parameters stay as they are.
 */
export function writeUpdates(graph: Builder, state: StepState, gradientOf: ReadonlyMap<Value, Value>, options: UpdateOptions): void {
  const { optimizer, lr, clip, accumulate = 1, average, scale, step } = options
  const parameters = [...gradientOf.keys()]
  const unscaled = [...gradientOf.values()].map((gradient) => (scale ? graph.div(gradient, scale.value) : gradient))
  const finite = scale ? allFinite(graph, unscaled) : null
  if (finite) scale!.move(finite)
  const full = accumulate > 1 ? graph.op('Equal', [graph.op('Mod', [step(), graph.scalar(accumulate, 'float32')], { fmod: 1 }), graph.scalar(0, 'float32')]) : null
  const due = finite && full ? graph.op('And', [finite, full]) : (finite ?? full)
  const settle = (input: Value, moved: Value) => state.set(input, due ? graph.op('Where', [due, moved, input]) : moved)

  const sums = accumulate > 1 ? parameters.map((p) => state.input(`${p.name}.sum`, p.dtype, p.shape)) : []
  const summed = unscaled.map((gradient, i) => {
    if (!sums[i]) return gradient
    const sum = graph.add(sums[i], finite ? graph.op('Where', [finite, gradient, graph.scalar(0, gradient.dtype)]) : gradient)
    state.set(sums[i], graph.op('Where', [full!, graph.scalar(0, gradient.dtype), sum]))
    return graph.div(sum, accumulate)
  })
  const gradients = clip ? clip(graph, summed) : summed

  const count = due ? counter(graph, state, due) : step
  parameters.forEach((parameter, i) => {
    const remembered = optimizer.state.map((slot) => state.input(`${parameter.name}.${slot}`, parameter.dtype, parameter.shape))
    const moved = optimizer.update({ graph, parameter, gradient: gradients[i]!, state: remembered, lr: typeof lr === 'number' ? lr : graph.cast(lr, parameter.dtype), step: count })
    settle(parameter, moved.parameter)
    remembered.forEach((slot, k) => settle(slot, moved.state[k]!))
    if (average === undefined) return
    const mean = state.input(averageOf(parameter.name), parameter.dtype, parameter.shape)
    settle(mean, graph.add(graph.mul(mean, average), graph.mul(moved.parameter, 1 - average)))
  })
}

/** Whether every element is a finite number: 0 times it is 0, and not NaN. */
function allFinite(graph: Builder, values: readonly Value[]): Value {
  const sums = values.map((value) => graph.op('ReduceSum', [graph.mul(value, 0)], { keepdims: 0 }))
  return graph.op('Equal', [sums.reduce((a, b) => graph.add(a, b)), graph.scalar(0, 'float32')])
}

/** Number of this update, where not every step makes one. */
function counter(graph: Builder, state: StepState, due: Value): () => Value {
  let number: Value | undefined
  return () => {
    if (number) return number
    const updates = state.number('updates', 0)
    number = graph.add(updates, 1)
    state.set(updates, graph.op('Where', [due, number, updates]))
    return number
  }
}
