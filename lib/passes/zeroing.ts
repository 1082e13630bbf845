import type { Graph, Node, Value } from '../graph/graph.ts'
import { isFloat, Tensor } from '../graph/tensor.ts'
import { nonzeros } from '../measure/size.ts'
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
  return isFloat(tensor.dtype) && tensor.data.length === tensor.size ? null : `its weight "${weight}" is ${tensor.dtype}, not a floating-point number`
}

function zeroed(tensor: Tensor, zeros: Uint8Array): Tensor {
  const bytes = new Uint8Array(tensor.bytes)
  const Bits = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: BigUint64Array }[bytes.length / tensor.size]!
  const elements = new Bits(bytes.buffer)
  // which ones go has no pattern that a processor could foresee: masks cost less than branches
  if (elements instanceof BigUint64Array) zeros.forEach((zero, i) => zero && (elements[i] = 0n))
  else for (let i = 0; i < zeros.length; i++) elements[i] &= zeros[i] - 1
  return Tensor.raw(tensor.dtype, tensor.shape, bytes)
}

/** Other readers of the weight keep it as it was. */
function put(pruned: Tensor, weight: Value, readers: readonly Node[], graph: Graph, report: Report): void {
  const zeros = pruned.size - nonzeros(pruned)
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

/** Marks the `count` numbers of smallest magnitude, those of several lists together; of equal ones the first. */
export function smallest(lists: readonly Float32Array[], count: number): readonly Uint8Array[] {
  const magnitudes = lists.map((list) => new Uint32Array(list.buffer, list.byteOffset, list.length))
  if (!count) return magnitudes.map(({ length }) => new Uint8Array(length))
  const { threshold, below } = thresholdOf(magnitudes, count)
  let ties = count - below
  return magnitudes.map((bits) => {
    const marks = new Uint8Array(bits.length)
    for (let i = 0; i < bits.length; i++) {
      const magnitude = bits[i] & MAGNITUDE
      marks[i] = (magnitude - threshold) >>> 31
      if (magnitude === threshold && ties-- > 0) marks[i] = 1
    }
    return marks
  })
}

/** The bits of a float but for its sign: they are ordered as magnitudes are. */
const MAGNITUDE = 0x7fffffff

/** The bits of the `count`-th smallest magnitude, and how many are below it: counted by the upper half of the bits, then, among those, by the lower. */
function thresholdOf(lists: readonly Uint32Array[], count: number): { threshold: number; below: number } {
  const [uppers, lowers] = [new Uint32Array(2 ** 15), new Uint32Array(2 ** 16)]
  let [upper, lower, below] = [0, 0, 0]
  for (const list of lists) for (let i = 0; i < list.length; i++) uppers[(list[i] & MAGNITUDE) >>> 16]++
  while (below + uppers[upper] < count) below += uppers[upper++]
  for (const list of lists) for (let i = 0; i < list.length; i++) if ((list[i] & MAGNITUDE) >>> 16 === upper) lowers[list[i] & 0xffff]++
  while (below + lowers[lower] < count) below += lowers[lower++]
  return { threshold: upper * 2 ** 16 + lower, below }
}
