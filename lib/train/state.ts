import type { Shape } from '../graph/dim.ts'
import type { Graph, Value } from '../graph/graph.ts'
import { Tensor, type DataType } from '../graph/tensor.ts'
import type { State } from './checkpoint.ts'
import { OwnNames } from './own-names.ts'

/** Name of the output that holds the new value of a piece of state. */
export const next = (name: string): string => `next.${name}`

/** Names of the outputs that hold the rows of a piece of state that the step moved, and which rows these are. */
const nextRows = (name: string): string => `next_rows.${name}`
const movedRows = (name: string): string => `rows.${name}`

/** Under this name a parameter's moving average is remembered. */
export const EMA = 'ema'

/** The state that holds a parameter's moving average. */
export const emaOf = (name: string): string => `${name}.${EMA}`

/** The parameter that a piece of state is the moving average of, which begins as the parameter does. */
export const averagedName = (name: string): string | null => (name.endsWith(`.${EMA}`) ? name.slice(0, -EMA.length - 1) : null)

/** The tensors of a state as a network is used with them: parameters' moving averages where they are kept. */
export const used = (state: State): State => Object.fromEntries(Object.keys(state).map((name) => [name, state[emaOf(name)] ?? state[name]!]))

/** A network with the tensors of a state. */
export function withState(network: Graph, state: State): Graph {
  const graph = network.copy()
  for (const value of graph.initializers) {
    const stored = state[value.name]
    if (stored) Object.assign(value, { initializer: stored, dtype: stored.dtype, shape: stored.shape })
  }
  return graph
}

/** A step's state: which output holds the next value of an input. */
export function stateOf(step: Graph): ReadonlyMap<string, string> {
  const outputs = new Set(step.outputs.map((output) => output.name))
  return new Map(step.inputs.map(({ name }) => [name, next(name)] as const).filter(([, output]) => outputs.has(output)))
}

/** State of which a step moves some rows: which outputs tell the rows, and hold their next values. */
export function rowStateOf(step: Graph): ReadonlyMap<string, { readonly rows: string; readonly values: string }> {
  const outputs = new Set(step.outputs.map((output) => output.name))
  const names = step.inputs.map(({ name }) => [name, { rows: movedRows(name), values: nextRows(name) }] as const)
  return new Map(names.filter(([, { values }]) => outputs.has(values)))
}

/** A step's state: inputs that the next run is fed with what came out of this one. */
export class StepState {
  readonly #graph: Graph
  readonly #names: OwnNames
  readonly #adopted = new Map<Value, Value>()
  readonly #moved = new Map<Value, Value>()
  readonly #rows = new Map<Value, { readonly rows: Value; readonly values: Value }>()

  constructor(graph: Graph) {
    this.#graph = graph
    this.#names = new OwnNames(graph)
  }

  /** What a step is fed beside its state and the network's inputs. */
  fed(name: string, dtype: DataType | null, shape: Shape | null): Value {
    return this.#graph.input(this.#names.take(name), dtype, shape)
  }

  /** State that the optimizer keeps; at first zeros, or `initial`. */
  input(name: string, dtype: DataType | null, shape: Shape | null, initial?: Tensor): Value {
    const input = this.fed(name, dtype, shape)
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
    this.#adopted.set(input, value)
    return input
  }

  /** What was adopted, and no step moves, is a stored tensor again. */
  leave(input: Value): void {
    input.replaceWith(this.#adopted.get(input)!)
    this.#graph.removeInput(input)
  }

  /** Says what a piece of state becomes. */
  set(input: Value, value: Value): void {
    this.#moved.set(input, value)
  }

  /** Says what some rows of a piece of state become; the others stay. */
  setRows(input: Value, rows: Value, values: Value): void {
    this.#rows.set(input, { rows, values })
  }

  /** Adds the outputs, the loss first. */
  write(loss: Value): void {
    const add = (value: Value, name: string) => this.#graph.addOutput(value, this.#names.take(name))
    add(loss, 'loss')
    for (const [input, value] of this.#moved) add(value, next(input.name))
    for (const [{ name }, { rows, values }] of this.#rows) {
      add(rows, movedRows(name))
      add(values, nextRows(name))
    }
  }
}
