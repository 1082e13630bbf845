import { Builder } from '../graph/builder.ts'
import type { Graph, Value } from '../graph/graph.ts'
import { axisOf } from '../graph/operator.ts'
import type { StepState } from './state.ts'

/** A piece of state, as an optimizer sees it. */
export interface Piece {
  readonly now: Value
  set(moved: Value): void
}

/** What an optimizer moves: a parameter, or the rows of one that a step reads. */
export interface Moving {
  readonly own: Piece
  /** What is remembered of it under a name: state `PARAMETER.name`, of the parameter's shape. */
  remembered(name: string): Piece
  /** Whether a step reads some rows only, and leaves the others as they are. */
  readonly isLazy: boolean
}

/** A whole parameter. */
export function whole(parameter: Value, state: StepState): Moving {
  const piece = (input: Value): Piece => ({ now: input, set: (moved) => state.set(input, moved) })
  return { own: piece(parameter), remembered: (name) => piece(state.input(`${parameter.name}.${name}`, parameter.dtype, parameter.shape)), isLazy: false }
}

/**
 * The rows of a table that a step reads, each once: the lookup is written anew as one in these rows, which get a gradient of their own. Null where anything
 * but one lookup of whole rows reads the table.
 */
export function touchedRows(table: Value, state: StepState): Moving | null {
  const [lookup, ...others] = table.users
  if (!lookup || others.length || table.isOutput || lookup.type !== 'Gather' || lookup.inputs[0] !== table || axisOf(lookup.int('axis'), table.rank ?? 1) !== 0) return null
  const graph: Graph = lookup.graph
  const builder = new Builder(graph, `${lookup.name}_`)
  const indices = lookup.input(1)
  const [touched, , place] = builder.ops('Unique', [builder.reshape(indices, [-1])], { sorted: 1 }, { outputs: 4 })
  const piece = (input: Value): Piece => ({ now: builder.gather(input, touched!), set: (moved) => state.setRows(input, touched!, moved) })
  const own = piece(table)
  lookup.output.replaceWith(builder.gather(own.now, builder.reshape(place!, builder.shapeOf(indices))))
  lookup.remove()
  return { own, remembered: (name) => piece(state.input(`${table.name}.${name}`, table.dtype, table.shape)), isLazy: true }
}
