import type { Graph, Node, Value } from '../graph/graph.ts'
import { isFloat, Tensor } from '../graph/tensor.ts'
import { bitsOf, MAGNITUDE } from './bits.ts'
import { storeIn } from './constant.ts'
import { pass, type Pass } from './pass.ts'
import { hasWeight, selected, weightIndex, type Selection } from './weight.ts'

/** A stored weight and the layers that read it. */
export interface Prunable {
  readonly tensor: Tensor
  readonly readers: readonly Node[]
  /** The bits of its numbers in float32, for the pass to change: words that become 0 are weights that become zero. */
  readonly words: Int32Array
}

/** Sets words of each weight to 0, and says how many of them are zeros then (0 where none was set), or why none could be. */
export type Choice = (weights: readonly Prunable[]) => readonly (number | string)[]

/** A pass that sets weights of convolutions and products to zero and keeps every shape. A weight that several layers share is pruned once. */
export function zeroing(name: string, options: object, selection: Selection, choose: Choice): Pass {
  return pass(name, { ...options, ...selection }, (graph, report) => {
    const layers = selected(name, graph.allNodes().filter(hasWeight), selection)
    const weights = [...byWeight(layers)].flatMap(([value, readers]) => {
      const reason = obstacle(value)
      if (reason) for (const layer of readers) report.refuse(layer, reason)
      return reason ? [] : [{ value, tensor: value.constant!, readers, words: wordsOf(value.constant!) }]
    })
    choose(weights).forEach((zeros, i) => {
      const { value, tensor, readers, words } = weights[i]
      if (zeros === tensor.size) zeros = 'nothing of its weights would be left: prune less of it'
      if (typeof zeros !== 'string' && zeros) put(pruned(tensor, words), value, readers, graph)
      for (const layer of readers) {
        if (typeof zeros === 'string') report.refuse(layer, zeros)
        else if (zeros) report.change(layer, `${zeros.toLocaleString('en-US')} of ${tensor.size.toLocaleString('en-US')} weights set to zero`)
      }
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

/** Words of other types than float32 all have the sign, so that 0 is none but those that were set to it. */
function wordsOf(tensor: Tensor): Int32Array {
  const words = new Int32Array(bitsOf(tensor.toFloat32()))
  if (tensor.dtype !== 'float32') for (let i = 0; i < words.length; i++) words[i] |= ~MAGNITUDE
  return words
}

function pruned({ dtype, shape, data }: Tensor, words: Int32Array): Tensor {
  if (dtype === 'float32') return Tensor.of(dtype, shape, new Float32Array(words.buffer))
  const elements = data.slice()
  for (let i = 0; i < words.length; i++) if (words[i] === 0) elements[i] = 0
  return Tensor.of(dtype, shape, elements)
}

/** Other readers of the weight keep it as it was. */
function put(tensor: Tensor, weight: Value, readers: readonly Node[], graph: Graph): void {
  if (weight.initializer && weight.users.every((user) => readers.includes(user)) && !weight.isOutput) return storeIn(weight, tensor)
  const own = graph.constant(tensor, weight.name)
  own.trainable = weight.trainable
  for (const layer of readers) layer.setInput(weightIndex(layer)!, own)
}

/** @throws RangeError where it is not a share. */
export function checkAmount(pass: string, amount: number): void {
  if (typeof amount !== 'number' || !(amount >= 0 && amount <= 1)) throw new RangeError(`${pass}: amount is a share from 0 to 1, not ${amount}`)
}

/**
 * Sets the `count` words of smallest magnitude to 0, those of several lists together; of equal ones the first. Says how many words of each list are zeros then, 0
 * where none was set. Upper bits tell what goes but for the few words that share those of the last one to go.
 */
export function zeroSmallest(lists: readonly Int32Array[], count: number): number[] {
  const uppers = new Uint32Array(2 ** 15)
  for (const words of lists) for (let i = 0; i < words.length; i++) uppers[(words[i] & MAGNITUDE) >>> 16]++
  const last = binOf(uppers, count)
  const places = new Uint32Array(uppers[last.bin])
  let found = 0
  const edges = lists.map((words) => {
    const { gone, equal } = zeroBelow(words, last.bin, places.subarray(found))
    return { words, gone, places: places.subarray(found, (found += equal)) }
  })
  const lowers = new Uint32Array(2 ** 16)
  for (const { words, places } of edges) for (const i of places) lowers[words[i] & 0xffff]++
  let { bin, left } = binOf(lowers, last.left)
  return edges.map(({ words, gone, places }) => {
    let zeros = gone
    for (const i of places) {
      const lower = words[i] & 0xffff
      if (lower < bin || (lower === bin && left-- > 0)) {
        words[i] = 0
        gone++
      }
      if ((words[i] & MAGNITUDE) === 0) zeros++
    }
    return gone && zeros
  })
}

/** A mask for each score, none of them negative: 0 for the `count` smallest, of equal ones the first, and every bit for the others. */
export function maskOfSmallest(scores: Float64Array, count: number): Int32Array {
  const words = bitsOf(new Float32Array(scores))
  // with a sign, none is 0 but those that are set to it
  for (let i = 0; i < words.length; i++) words[i] |= ~MAGNITUDE
  zeroSmallest([words], count)
  for (let i = 0; i < words.length; i++) words[i] >>= 31
  return words
}

/** Where the `rank`-th of what was counted lies, and its place in that bin. */
function binOf(counts: Uint32Array, rank: number): { bin: number; left: number } {
  let [bin, left] = [0, rank]
  while (left > counts[bin]) left -= counts[bin++]
  return { bin, left }
}

/** Sets words with smaller upper bits to 0, and notes the places of those with the same. Which ones go has no pattern that a processor could foresee: masks cost less than branches. */
function zeroBelow(words: Int32Array, upperBits: number, places: Uint32Array): { gone: number; equal: number } {
  let [gone, equal] = [0, 0]
  for (let i = 0; i < words.length; i++) {
    const word = words[i]
    const distance = (word & MAGNITUDE) - (upperBits << 16)
    const below = distance >> 31
    words[i] = word & ~below
    gone -= below
    if (distance >>> 16 === 0) places[equal++] = i
  }
  return { gone, equal }
}
