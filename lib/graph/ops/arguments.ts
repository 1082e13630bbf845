import { isStatic, type Dim, type Shape } from '../dim.ts'
import type { Node, Value } from '../graph.ts'
import { contentsOf } from './elementwise.ts'

/**
 * Integers that newer operator sets take as an input and older ones as an attribute: axes, pads, the sizes of a split.
 * Undefined where the node gives none, null where they are computed at run time.
 */
export function integers(node: Node, input: number, name: string): readonly Dim[] | null | undefined {
  const value = node.inputs[input]
  if (value) return contentsOf(value)
  const a = node.attributes.get(name)
  if (a?.type === 'int') return [Number(a.value)]
  return a?.type === 'ints' ? a.value.map(Number) : undefined
}

/** The same, where they must be numbers: null where one is not known. */
export function numbers(node: Node, input: number, name: string): readonly number[] | null | undefined {
  const list = integers(node, input, name)
  return list === undefined ? undefined : isStatic(list) ? list : null
}

/** Resolves a negative axis. @throws RangeError where there is no such axis among `rank`. */
export function axisWithin(axis: number, rank: number): number {
  if (axis < -rank || axis >= rank) throw new RangeError(`axis ${axis} is outside its ${rank} axes`)
  return axis < 0 ? axis + rank : axis
}

/** The extents as one, of axes that must agree. @throws Error where two surely differ. */
export function agreed(dims: readonly Dim[], axis: number): Dim {
  const number = dims.find((d) => typeof d === 'number')
  const unlike = dims.find((d) => typeof d === 'number' && d !== number)
  if (unlike !== undefined) throw new Error(`axis ${axis} of its inputs is ${number} long in one and ${unlike} in another`)
  return number ?? dims.find((d) => d !== null) ?? null
}

/** The shape of a value whose rank a rule cannot do without. @throws Error where it is unknown. */
export function knownShape(value: Value): Shape {
  if (!value.shape) throw new Error(`the shape of ${value} is unknown`)
  return value.shape
}
