import type { Node, Value } from '../graph/graph.ts'
import type { Tensor } from '../graph/tensor.ts'

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

/** Puts another tensor in the place of a stored one, for all its readers. */
export function storeIn(value: Value, tensor: Tensor): void {
  value.initializer = tensor
  value.dtype = tensor.dtype
  value.shape = tensor.shape
  value.contents = null
}
