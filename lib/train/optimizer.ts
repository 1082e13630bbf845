import type { Builder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'

/** How a parameter moves along its gradient; what it remembers between steps is named state, one tensor of the parameter's shape each. */
export interface Optimizer {
  readonly name: string
  readonly state: readonly string[]
  /** Writes one parameter's update. `state` and the answer's `state` are in the order of the names. */
  update(graph: Builder, parameter: Value, gradient: Value, state: readonly Value[]): { parameter: Value; state: readonly Value[] }
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
    update(graph, parameter, gradient, [velocity]) {
      const decayed = weightDecay ? graph.add(gradient, graph.mul(parameter, weightDecay)) : gradient
      const moved = velocity ? graph.add(graph.mul(velocity, momentum), decayed) : decayed
      return { parameter: graph.sub(parameter, graph.mul(moved, lr)), state: velocity ? [moved] : [] }
    },
  }
}
