import type { Node, Value } from '../graph/graph.ts'
import { Tensor } from '../graph/tensor.ts'

/**
 * Puts another tensor in the place of a node's constant: under the same name where nothing else reads it, else beside it, since the other readers
 * keep theirs. What was trainable stays so; an input that was absent gets the given name.
 */
export function replaceConstant(node: Node, index: number, tensor: Tensor, name: string): void {
  const former = node.inputs[index]
  if (former?.initializer && former.uses.length === 1) storeIn(former, tensor)
  else {
    const value = node.graph.constant(tensor, former?.name ?? name)
    value.trainable = former?.trainable ?? false
    node.setInput(index, value)
  }
}

/** A tensor with every element multiplied by a factor: the factors hold for `run` neighbours each, and over again after the last. */
export function scaled(tensor: Tensor, factors: readonly number[], run: number): Tensor {
  const data = tensor.toFloat32()
  const product = tensor.dtype === 'float32' ? new Float32Array(data.length) : new Float64Array(data.length)
  for (let at = 0; at < data.length; )
    for (const factor of factors) for (const end = at + run; at < end; at++) product[at] = data[at] * factor
  return Tensor.of(tensor.dtype, tensor.shape, product)
}

/** Puts another tensor in the place of a stored one, for all its readers. */
export function storeIn(value: Value, tensor: Tensor): void {
  value.initializer = tensor
  value.dtype = tensor.dtype
  value.shape = tensor.shape
  value.contents = null
}
