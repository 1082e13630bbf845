import type { Value } from '../../graph/graph.ts'
import type { Scope } from '../scope.ts'

/** A layer writes its nodes for an input, and answers with its output. Arguments and defaults are PyTorch's. */
export type Layer = (scope: Scope, x: Value) => Value

/** A size for both axes of an image, or one for each. */
export type Pair = number | readonly [number, number]

export const pair = (p: Pair): readonly [number, number] => (typeof p === 'number' ? [p, p] : p)

/** A layer of one node, without parameters. */
export function operation(type: string, attributes: Parameters<Scope['op']>[2] = {}): Layer {
  return (scope, x) => scope.op(type, [x], attributes)
}
