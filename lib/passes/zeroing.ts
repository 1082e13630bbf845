import type { Graph, Node, Value } from '../graph/graph.ts'
import { bitsPerElement, isFloat, Tensor } from '../graph/tensor.ts'
import { storeIn } from './constant.ts'
import { pass, type Pass, type Report } from './pass.ts'
import { chosenLayers, weightIndex, type Selection } from './weight.ts'

/** A stored weight and the layers that read it. */
export interface Prunable {
  readonly tensor: Tensor
  readonly readers: readonly Node[]
}

/** Which elements of each weight become zero: 1 for those; or why none can. */
export type Choice = (weights: readonly Prunable[]) => readonly (Uint8Array | string)[]

/** A pass that sets weights of convolutions and products to zero and keeps every shape. A weight that several layers share is pruned once. */
export function zeroing(name: string, options: object, selection: Selection, choose: Choice): Pass {
  return pass(name, { ...options, ...selection }, (graph, report) => {
    const layers = chosenLayers(name, graph.nodes().filter((node) => weightIndex(node) !== null), selection)
    const weights = [...byWeight(layers)].flatMap(([value, readers]) => {
      const reason = obstacle(value)
      if (reason) for (const layer of readers) report.refuse(layer, reason)
      return reason ? [] : [{ value, tensor: value.constant!, readers }]
    })
    choose(weights).forEach((zeros, i) => {
      const { value, tensor, readers } = weights[i]
      if (typeof zeros === 'string') for (const layer of readers) report.refuse(layer, zeros)
      else if (zeros.includes(1)) put(zeroed(tensor, zeros), value, readers, graph, report)
    })
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

function obstacle(weight: Value): string | null {
  const tensor = weight.constant
  if (!tensor) return `its weight "${weight}" is not a constant`
  return isFloat(tensor.dtype) ? null : `its weight "${weight}" is ${tensor.dtype}, not a floating-point number`
}

function zeroed(tensor: Tensor, zeros: Uint8Array): Tensor {
  const size = bitsPerElement(tensor.dtype) / 8
  const bytes = Uint8Array.from(tensor.bytes)
  zeros.forEach((zero, i) => zero && bytes.fill(0, i * size, (i + 1) * size))
  return Tensor.raw(tensor.dtype, tensor.shape, bytes)
}

/** Other readers of the weight keep it as it was. */
function put(pruned: Tensor, weight: Value, readers: readonly Node[], graph: Graph, report: Report): void {
  const zeros = pruned.size - pruned.toFloat32().reduce((count, w) => count + (w ? 1 : 0), 0)
  if (weight.initializer && weight.users.every((user) => readers.includes(user)) && !weight.isOutput) storeIn(weight, pruned)
  else {
    const own = graph.constant(pruned, weight.name)
    own.trainable = weight.trainable
    for (const layer of readers) layer.setInput(weightIndex(layer)!, own)
  }
  for (const layer of readers) report.change(layer, `${zeros.toLocaleString('en-US')} of ${pruned.size.toLocaleString('en-US')} weights set to zero`)
}

/** @throws RangeError where it is not a share. */
export function checkAmount(pass: string, amount: number): void {
  if (typeof amount !== 'number' || !(amount >= 0 && amount <= 1)) throw new RangeError(`${pass}: amount is a share from 0 to 1, not ${amount}`)
}

/** Marks the `count` smallest of all scores, those of several lists together; of equal ones the first. */
export function smallest(scores: readonly Float32Array[], count: number): readonly Uint8Array[] {
  const all = new Float32Array(scores.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const list of scores) {
    all.set(list, at)
    at += list.length
  }
  const threshold = count ? all.sort()[count - 1]! : -Infinity
  let ties = count - all.findIndex((score) => score === threshold)
  return scores.map((list) => Uint8Array.from(list, (score) => Number(score < threshold || (score === threshold && ties-- > 0))))
}
