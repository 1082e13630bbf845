import type { Builder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'

export interface Update {
  readonly graph: Builder
  readonly parameter: Value
  readonly gradient: Value
  /** What the optimizer remembers of this parameter, in the order of its names. */
  readonly state: readonly Value[]
  /** Number of this step, from 1 on: a float32 scalar. */
  readonly step: () => Value
}

/** How a parameter moves along its gradient; what is remembered between steps is named state, one tensor of the parameter's shape each. */
export interface Optimizer {
  readonly name: string
  readonly state: readonly string[]
  /** Writes one parameter's update; the answer's `state` is in the order of the names. */
  update(update: Update): { parameter: Value; state: readonly Value[] }
}

export interface SgdOptions {
  lr: number
  momentum?: number
  weightDecay?: number
}

/** Stochastic gradient descent with momentum, as PyTorch's SGD: v ← μ·v + g + λ·w; w ← w − lr·v. */
export function sgd({ lr, momentum = 0, weightDecay = 0 }: SgdOptions): Optimizer {
  return {
    name: 'sgd',
    state: momentum ? ['momentum'] : [],
    update({ graph, parameter, gradient, state: [velocity] }) {
      const decayed = weightDecay ? graph.add(gradient, graph.mul(parameter, weightDecay)) : gradient
      const moved = velocity ? graph.add(graph.mul(velocity, momentum), decayed) : decayed
      return { parameter: graph.sub(parameter, graph.mul(moved, lr)), state: velocity ? [moved] : [] }
    },
  }
}

export interface AdamOptions {
  lr?: number
  betas?: readonly [number, number]
  eps?: number
}

/** Kingma & Ba 2015, https://arxiv.org/abs/1412.6980, as PyTorch's Adam. */
export function adam({ lr = 1e-3, betas: [beta1, beta2] = [0.9, 0.999], eps = 1e-8 }: AdamOptions = {}): Optimizer {
  return {
    name: 'adam',
    state: ['mean', 'square'],
    update({ graph, parameter, gradient, state: [mean, square], step }) {
      const m = graph.add(graph.mul(mean!, beta1), graph.mul(gradient, 1 - beta1))
      const v = graph.add(graph.mul(square!, beta2), graph.mul(graph.mul(gradient, gradient), 1 - beta2))
      const corrected = (moment: Value, beta: number) => graph.div(moment, graph.cast(graph.sub(1, graph.pow(graph.scalar(beta, 'float32'), step())), moment.dtype))
      const moved = graph.div(corrected(m, beta1), graph.add(graph.sqrt(corrected(v, beta2)), eps))
      return { parameter: graph.sub(parameter, graph.mul(moved, lr)), state: [m, v] }
    },
  }
}
