import type { Builder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'
import { requireNumber, requireWhole } from '../require.ts'
import type { Clip } from './clip.ts'
import type { Optimizer } from './optimizer.ts'
import type { LossScale } from './precision.ts'
import type { Moving, Piece } from './moving.ts'
import { EMA, type StepState } from './state.ts'

export interface UpdateOptions {
  optimizer: Optimizer
  lr: number | Value
  clip?: Clip | undefined
  /** Gradients of so many steps are averaged before the parameters move (1). */
  accumulate?: number | undefined
  /** Decay of an exponential moving average of the parameters: the share of it that a step leaves as it is. The average is the state `NAME.ema`, and what the trained model holds. */
  ema?: number | undefined
  /** By what the loss was multiplied before its gradient was taken. */
  scale?: LossScale | null
  /** Number of the step, from 1 on. */
  step: () => Value
}

/**
 * Writes what becomes of each parameter and of what is remembered of it: its gradient is unscaled, accumulated, clipped, and handed to the optimizer. Where
 * a gradient is not finite under a loss scale, or more steps are to be accumulated, parameters stay as they are.
 * @returns whether the step is taken, where a loss scale may skip it.
 * @throws RangeError where a number is out of its bounds.
 */
export function writeUpdates(graph: Builder, state: StepState, moving: readonly (readonly [Moving, gradient: Value])[], options: UpdateOptions): Value | null {
  const { optimizer, lr, clip, accumulate = 1, ema, scale, step } = options
  requireWhole('accumulate', accumulate, 1)
  if (ema !== undefined) requireNumber('ema', ema, { from: 0, below: 1 })
  const unscaled = moving.map(([, gradient]) => (scale ? graph.div(gradient, scale.value) : gradient))
  const finite = scale ? allFinite(graph, unscaled) : null
  if (finite) scale!.move(finite)
  const full = accumulate > 1 ? graph.op('Equal', [graph.op('Mod', [step(), graph.scalar(accumulate, 'float32')], { fmod: 1 }), graph.scalar(0, 'float32')]) : null
  const due = finite && full ? graph.op('And', [finite, full]) : (finite ?? full)
  const settle = (piece: Piece, moved: Value) => piece.set(due ? graph.op('Where', [due, moved, piece.now]) : moved)

  const summed = moving.map(([it], i) => {
    const gradient = unscaled[i]!
    if (!full) return gradient
    if (it.isLazy) throw new Error('gradients of touched rows cannot be accumulated over several steps: leave out accumulate, or lazyEmbeddings')
    const zero = graph.scalar(0, gradient.dtype)
    const before = it.remembered('sum')
    const sum = graph.add(before.now, finite ? graph.op('Where', [finite, gradient, zero]) : gradient)
    before.set(graph.op('Where', [full, zero, sum]))
    return graph.div(sum, accumulate)
  })
  const gradients = clip ? clip(graph, summed) : summed

  const count = due ? counter(graph, state, due) : step
  moving.forEach(([{ own, remembered, isLazy }], i) => {
    const parameter = own.now
    const slots = optimizer.state.map((name) => remembered(name))
    const moved = optimizer.update({
      graph, parameter, gradient: gradients[i]!, state: slots.map(({ now }) => now), lr: typeof lr === 'number' ? lr : graph.cast(lr, parameter.dtype), step: count,
    })
    settle(own, moved.parameter)
    slots.forEach((slot, k) => settle(slot, moved.state[k]!))
    if (ema === undefined) return
    if (isLazy) throw new Error('the average of a table moves with every step, also where its rows do not: leave out ema, or lazyEmbeddings')
    const mean = remembered(EMA)
    settle(mean, graph.add(graph.mul(mean.now, ema), graph.mul(moved.parameter, 1 - ema)))
  })
  return finite
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
