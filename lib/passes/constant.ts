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

/** A tensor with every element multiplied by a factor that depends on its place; it is asked for once for `run` neighbours. */
export function scaled(tensor: Tensor, factor: (i: number) => number, run = 1): Tensor {
  const data = tensor.toFloat32()
  const product = tensor.dtype === 'float32' ? new Float32Array(data.length) : new Float64Array(data.length)
  for (let from = 0; from < data.length; from += run) {
    const by = factor(from)
    for (let i = from; i < from + run; i++) product[i] = data[i] * by
  }
  return Tensor.of(tensor.dtype, tensor.shape, product)
}

/** Puts another tensor in the place of a stored one, for all its readers. */
export function storeIn(value: Value, tensor: Tensor): void {
  value.initializer = tensor
  value.dtype = tensor.dtype
  value.shape = tensor.shape
  value.contents = null
}
