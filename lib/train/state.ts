import type { Shape } from '../graph/dim.ts'
import type { Graph, Value } from '../graph/graph.ts'
import { Tensor, type DataType } from '../graph/tensor.ts'

/** Name of the output that holds the new value of a piece of state. */
export const next = (name: string): string => `next.${name}`

const AVERAGE = '.average'

/** Name of a parameter's moving average. */
export const average = (name: string): string => name + AVERAGE

/** The parameter that a piece of state is the moving average of, which begins as the parameter does. */
export const averagedName = (name: string): string | null => (name.endsWith(AVERAGE) ? name.slice(0, -AVERAGE.length) : null)

/** A step's state: inputs that the next run is fed with what came out of this one. */
export class StepState {
  readonly #graph: Graph
  readonly #moved = new Map<Value, Value>()

  constructor(graph: Graph) {
    this.#graph = graph
  }

  /** State that the optimizer keeps; at first zeros, or `initial`. */
  input(name: string, dtype: DataType | null, shape: Shape | null, initial?: Tensor): Value {
    const input = this.#graph.input(name, dtype, shape)
    if (initial) this.#graph.store(name, initial)
    return input
  }

  /** A number, at first `initial`. */
  number(name: string, initial: number): Value {
    return this.input(name, 'float32', [], Tensor.scalar('float32', initial))
  }

  /** A stored tensor becomes state, under its own name. */
  adopt(value: Value): Value {
    const input = this.#graph.input(value.name, value.dtype, value.shape)
    value.replaceWith(input)
    return input
  }

  /** Says what a piece of state becomes. */
  set(input: Value, value: Value): void {
    this.#moved.set(input, value)
  }

  /** Adds the outputs. */
  write(): void {
    for (const [input, value] of this.#moved) this.#graph.addOutput(value, next(input.name))
  }
}
