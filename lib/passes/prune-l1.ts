import type { Graph, Node, Value } from '../graph/graph.ts'
import { bitsPerElement, isFloat, Tensor } from '../graph/tensor.ts'
import { storeIn } from './constant.ts'
import { pass, type Pass, type Report } from './pass.ts'
import { roundHalfToEven } from './rounding.ts'
import { chosenLayers, weightIndex, type Selection } from './weight.ts'

export interface PruneOptions extends Selection {
  /** Share of each layer's weights that becomes zero, 0 to 1. */
  amount: number
}

/**
 * L1 unstructured pruning, layer by layer: sets the smallest weights of each convolution and product to zero, as many and the same as
 * torch.nn.utils.prune.l1_unstructured does. A weight that several layers share is pruned once.
 * @throws RangeError where `amount` is not a share; the pass throws where `include` or `exclude` names no layer.
 */
export function pruneL1({ amount, ...selection }: PruneOptions): Pass {
  if (typeof amount !== 'number' || !(amount >= 0 && amount <= 1)) throw new RangeError(`pruneL1: amount is a share from 0 to 1, not ${amount}`)
  return pass('prune-l1', { amount, ...selection }, (graph, report) => {
    const chosen = chosenLayers('prune-l1', graph.nodes().filter((node) => weightIndex(node) !== null), selection)
    for (const [weight, readers] of byWeight(chosen)) prune(weight, readers, amount, graph, report)
  })
}

function byWeight(layers: readonly Node[]): Map<Value, readonly Node[]> {
  const readers = new Map<Value, readonly Node[]>()
  for (const layer of layers) {
    const weight = layer.input(weightIndex(layer)!)
    readers.set(weight, [...(readers.get(weight) ?? []), layer])
  }
  return readers
}

function prune(weight: Value, readers: readonly Node[], amount: number, graph: Graph, report: Report): void {
  const tensor = weight.constant
  if (!tensor) return readers.forEach((layer) => report.refuse(layer, `its weight "${weight}" is not a constant`))
  if (!isFloat(tensor.dtype)) return readers.forEach((layer) => report.refuse(layer, `its weight "${weight}" is ${tensor.dtype}, not a floating-point number`))
  const count = roundHalfToEven(amount * tensor.size)
  if (!count) return
  const pruned = withoutSmallest(tensor, count)
  if (weight.initializer && weight.users.every((user) => readers.includes(user)) && !weight.isOutput) storeIn(weight, pruned)
  else {
    const own = graph.constant(pruned, weight.name)
    own.trainable = weight.trainable
    for (const layer of readers) layer.setInput(weightIndex(layer)!, own)
  }
  for (const layer of readers) report.change(layer, `${count.toLocaleString('en-US')} of ${tensor.size.toLocaleString('en-US')} weights set to zero`)
}

/** The `count` elements of smallest magnitude as zeros; of equal ones the first. */
export function withoutSmallest(tensor: Tensor, count: number): Tensor {
  const magnitudes = Float32Array.from(tensor.toFloat32(), Math.abs)
  const threshold = magnitudes.toSorted()[count - 1]
  let ties = count - magnitudes.reduce((below, m) => below + (m < threshold ? 1 : 0), 0)
  const size = bitsPerElement(tensor.dtype) / 8
  const bytes = Uint8Array.from(tensor.bytes)
  magnitudes.forEach((m, i) => {
    if (m < threshold || (m === threshold && ties-- > 0)) bytes.fill(0, i * size, (i + 1) * size)
  })
  return Tensor.raw(tensor.dtype, tensor.shape, bytes)
}
