// @ts-ignore: the package is optional; where it is absent its types are `any`
import type * as TensorFlow from '@tensorflow/tfjs'
import type { Writing } from './family.ts'

/**
 * A value of a graph as TensorFlow.js holds it: `axes` tells for each axis of the tensor which axis of the value it is. Axes that are not listed are 1 long. So an
 * image [N, C, H, W] is held with its channels last as [0, 2, 3, 1], and moving axes costs nothing until something asks for an order.
 */
export interface Held {
  readonly tensor: TensorFlow.SymbolicTensor
  readonly axes: readonly number[]
}

/** Channels last. */
export const IMAGE = [0, 2, 3, 1]

/** As the value has them. */
export const natural = (rank: number): readonly number[] => Array.from({ length: rank }, (_, axis) => axis)

/** The rank of an input. @throws Error where it is not known. */
export const rankOf = (writing: Writing, index = 0): number => writing.node.input(index).rank ?? writing.refuse(`the rank of its input "${writing.node.input(index)}" is not known`)

/** The same value with its axes in the given order, of which those that were left out are written as 1. */
export function ordered(writing: Writing, { tensor, axes }: Held, wanted: readonly number[]): TensorFlow.SymbolicTensor {
  if (String(axes) === String(wanted)) return tensor
  const { tf } = writing
  const listed = wanted.filter((axis) => axes.includes(axis))
  if (axes[0] !== listed[0]) writing.refuse('it moves the batch axis, which TensorFlow.js keeps first')
  const permutation = listed.map((axis) => axes.indexOf(axis))
  const moved = permutation.every((from, to) => from === to) ? tensor : writing.apply(tf.layers.permute({ name: writing.name('permute'), dims: permutation.slice(1) }), tensor)
  if (listed.length === wanted.length) return moved
  const sizes = new Map(listed.map((axis, i) => [axis, moved.shape[i]]))
  const shape = wanted.map((axis) => (sizes.has(axis) ? sizes.get(axis)! : 1)).slice(1)
  if (shape.filter((size) => size === null).length > 1) writing.refuse('its sizes are not known')
  return writing.apply(tf.layers.reshape({ name: writing.name('reshape'), targetShape: shape.map((size) => size ?? -1) }), moved)
}
