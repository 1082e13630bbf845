import type { Builder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'
import { requireKnown, requireNumber, told, type Bounds } from '../require.ts'

export interface Update {
  readonly graph: Builder
  readonly parameter: Value
  readonly gradient: Value
  /** What the optimizer remembers of this parameter, in the order of its names. */
  readonly state: readonly Value[]
  /** The learning rate: a number, or a float32 scalar where a schedule changes it. */
  readonly lr: number | Value
  /** Number of this update, from 1 on: a float32 scalar. */
  readonly step: () => Value
}

/** How a parameter moves along its gradient; what is remembered between steps is named state, one tensor of the parameter's shape each. */
export interface Optimizer {
  readonly name: string
  /** What it was made with: a run that is resumed has the same. */
  readonly options?: Readonly<Record<string, unknown>>
  /** The learning rate that a schedule scales. */
  readonly lr: number
  readonly state: readonly string[]
  /** Whether what has no gradient in a step stays as it is (false). */
  readonly leavesUntouched?: boolean
  /** Writes one parameter's update; the answer's `state` is in the order of the names. */
  update(update: Update): { parameter: Value; state: readonly Value[] }
}

/** What the numbers of an optimizer may be, as PyTorch has it. */
const BOUNDS: Readonly<Record<string, Bounds>> = {
  lr: { from: 0 }, momentum: { from: 0 }, weightDecay: { from: 0 }, betas: { from: 0, below: 1 }, alpha: { from: 0 }, eps: { from: 0 },
}

/** `given` are those that were said, `options` all of them. @throws RangeError naming a number that is out of its bounds; TypeError naming an option that there is not. */
function optimizer(name: string, given: object, options: Readonly<Record<string, unknown>> & { readonly lr: number }, rest: Pick<Optimizer, 'state' | 'leavesUntouched' | 'update'>): Optimizer {
  requireKnown(name, given, options)
  if ('betas' in options && [options['betas']].flat().length !== 2) throw new RangeError(`${name}: betas are two numbers such as [0.9, 0.999], not ${told(options['betas'])}`)
  for (const [option, bounds] of Object.entries(BOUNDS))
    if (option in options) for (const value of [options[option]].flat()) requireNumber(`${name}: ${option}`, value, bounds)
  return { name, options, lr: options.lr, ...rest }
}

export interface SgdOptions {
  /** Learning rate (0.001). */
  lr?: number
  /** Share of the former direction that is kept (0). */
  momentum?: number
  /** Looks ahead along the momentum (false). */
  nesterov?: boolean
  /** Share of a parameter that is added to its gradient (0). */
  weightDecay?: number
}

/**
 * Stochastic gradient descent with momentum, as PyTorch's SGD: v ← μ·v + g + λ·w; w ← w − lr·v, with `nesterov` w ← w − lr·(g + λ·w + μ·v).
 * @throws RangeError where a number is out of its bounds, or nesterov is asked for without momentum.
 */
export function sgd(given: SgdOptions = {}): Optimizer {
  const { lr = 1e-3, momentum = 0, nesterov = false, weightDecay = 0 } = given
  if (nesterov && !momentum) throw new RangeError('sgd: nesterov needs a momentum, such as 0.9')
  return optimizer('sgd', given, { lr, momentum, nesterov, weightDecay }, {
    state: momentum ? ['momentum'] : [],
    leavesUntouched: !momentum && !weightDecay,
    update({ graph, parameter, gradient, state: [velocity], lr: rate }) {
      const decayed = weightDecay ? graph.add(gradient, graph.mul(parameter, weightDecay)) : gradient
      const moved = velocity ? graph.add(graph.mul(velocity, momentum), decayed) : decayed
      const direction = nesterov ? graph.add(decayed, graph.mul(moved, momentum)) : moved
      return { parameter: graph.sub(parameter, graph.mul(direction, rate)), state: velocity ? [moved] : [] }
    },
  })
}

export interface AdamOptions {
  /** Learning rate (0.001). */
  lr?: number
  /** Shares of the old mean and of the old mean square that stay (0.9 and 0.999). */
  betas?: readonly [number, number]
  /** Added to the root of the mean square (1e-8). */
  eps?: number
  /** Share of a parameter that is added to its gradient (0); in AdamW, that the rate takes away (0.01). */
  weightDecay?: number
}

/** Kingma & Ba 2015, https://arxiv.org/abs/1412.6980, as PyTorch's Adam: weight decay is part of the gradient. @throws RangeError where a number is out of its bounds. */
export function adam(given: AdamOptions = {}): Optimizer {
  const { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0 } = given
  return optimizer('adam', given, { lr, betas, eps, weightDecay }, {
    state: ['mean', 'square'],
    update: (update) => adaptive(update, betas, eps, weightDecay ? update.graph.add(update.gradient, update.graph.mul(update.parameter, weightDecay)) : update.gradient, update.parameter),
  })
}

/** Adam whose weight decay acts on the parameter itself, as PyTorch's AdamW. Loshchilov & Hutter 2019, https://arxiv.org/abs/1711.05101 @throws RangeError where a number is out of its bounds. */
export function adamW(given: AdamOptions = {}): Optimizer {
  const { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0.01 } = given
  return optimizer('adamW', given, { lr, betas, eps, weightDecay }, {
    state: ['mean', 'square'],
    update(update) {
      const { graph, parameter, gradient, lr: rate } = update
      const shrunk = typeof rate === 'number' ? graph.mul(parameter, 1 - rate * weightDecay) : graph.mul(parameter, graph.sub(1, graph.mul(rate, weightDecay)))
      return adaptive(update, betas, eps, gradient, shrunk)
    },
  })
}

/**
 * Adam's step from `from`, along the mean of `gradient` over the root of its mean square. Both are corrected for their start at 0, by single numbers (the paper's
 * section 2, its last paragraph): large tensors pass through memory twice less.
 */
function adaptive({ graph, state: [mean, square], lr, step }: Update, [beta1, beta2]: readonly [number, number], eps: number, gradient: Value, from: Value): { parameter: Value; state: readonly Value[] } {
  const m = graph.add(graph.mul(mean!, beta1), graph.mul(gradient, 1 - beta1))
  const v = graph.add(graph.mul(square!, beta2), graph.mul(graph.mul(gradient, gradient), 1 - beta2))
  const correction = (beta: number) => graph.sub(1, graph.pow(graph.scalar(beta, 'float32'), step()))
  const root = graph.sqrt(correction(beta2))
  const rate = graph.div(graph.mul(root, lr), correction(beta1))
  const moved = graph.div(m, graph.add(graph.sqrt(v), graph.cast(graph.mul(root, eps), v.dtype)))
  return { parameter: graph.sub(from, graph.mul(moved, graph.cast(rate, m.dtype))), state: [m, v] }
}

export interface RmspropOptions {
  /** Learning rate (0.01). */
  lr?: number
  /** Share of the old mean square that stays (0.99). */
  alpha?: number
  /** Added to the root of the mean square (1e-8). */
  eps?: number
  /** Share of the former direction that is kept (0). */
  momentum?: number
  /** Share of a parameter that is added to its gradient (0). */
  weightDecay?: number
}

/** Divides by the root of a running mean square, as PyTorch's RMSprop. https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf @throws RangeError where a number is out of its bounds. */
export function rmsprop(given: RmspropOptions = {}): Optimizer {
  const { lr = 1e-2, alpha = 0.99, eps = 1e-8, momentum = 0, weightDecay = 0 } = given
  return optimizer('rmsprop', given, { lr, alpha, eps, momentum, weightDecay }, {
    state: ['square', ...(momentum ? ['momentum'] : [])],
    update({ graph, parameter, gradient, state: [square, velocity], lr: rate }) {
      const decayed = weightDecay ? graph.add(gradient, graph.mul(parameter, weightDecay)) : gradient
      const v = graph.add(graph.mul(square!, alpha), graph.mul(graph.mul(decayed, decayed), 1 - alpha))
      const scaled = graph.div(decayed, graph.add(graph.sqrt(v), eps))
      const moved = velocity ? graph.add(graph.mul(velocity, momentum), scaled) : scaled
      return { parameter: graph.sub(parameter, graph.mul(moved, rate)), state: velocity ? [v, moved] : [v] }
    },
  })
}
