import type { Graph, Node } from '../graph/graph.ts'
import { isFloat, Tensor } from '../graph/tensor.ts'
import { replaceConstant } from './constant.ts'
import { alsoFeeds, originOf } from './neighbours.ts'
import { labelOf, pass, type Pass, type Report } from './pass.ts'

/**
 * Makes one layer of two linear ones with nothing between: a linear layer after another (w = w₂·w₁, b = w₂·b₁ + b₂), and a 1x1 convolution after any
 * convolution. Where the one would have more weights than the two, which were a bottleneck, they stay. Exact but for rounding.
 */
export function mergeLinear(): Pass {
  return pass('merge-linear', {}, (graph, report) => {
    for (const node of graph.nodes()) {
      const kind = KINDS.find(({ fits }) => fits(node))
      if (kind && graph.has(node)) merge(kind, node, graph, report)
    }
  })
}

/** A layer's weight as a matrix [outputs, inputs], and back. */
interface Kind {
  /** Whether a node is the second of two such layers. */
  readonly fits: (node: Node) => boolean
  /** Whether a node is the first. */
  readonly follows: (node: Node) => boolean
  readonly matrix: (node: Node) => readonly [outputs: number, inputs: number, at: (o: number, i: number) => number]
  readonly weight: (first: Node, outputs: number, inputs: number, values: Float64Array) => Tensor
}

const weightOf = (node: Node): Tensor => node.input(1).constant!
const isLinear = (node: Node): boolean => node.type === 'Gemm' && !node.domain && node.int('transA') === 0 && node.float('alpha', 1) === 1 && node.float('beta', 1) === 1

const KINDS: readonly Kind[] = [
  {
    fits: isLinear,
    follows: isLinear,
    matrix(node) {
      const [rows = 0, columns = 0] = weightOf(node).shape
      const data = weightOf(node).toFloat32()
      return node.int('transB') ? [rows, columns, (o, i) => data[o * columns + i]] : [columns, rows, (o, i) => data[i * columns + o]]
    },
    weight: (first, outputs, inputs, values) => {
      const byRow = first.int('transB') === 1
      const turned = byRow ? values : values.map((_, at) => values[(at % outputs) * inputs + Math.floor(at / outputs)])
      return Tensor.of(weightOf(first).dtype, byRow ? [outputs, inputs] : [inputs, outputs], turned)
    },
  },
  {
    fits: (node) => node.type === 'Conv' && !node.domain && node.int('group', 1) === 1 && isPointwise(node),
    follows: (node) => node.type === 'Conv' && !node.domain && node.int('group', 1) === 1,
    matrix(node) {
      const { shape, size } = weightOf(node)
      const data = weightOf(node).toFloat32()
      const inputs = size / shape[0]!
      return [shape[0], inputs, (o, i) => data[o * inputs + i]]
    },
    weight: (first, outputs, _, values) => Tensor.of(weightOf(first).dtype, [outputs, ...weightOf(first).shape.slice(1)], values),
  },
]

function isPointwise(node: Node): boolean {
  const kernel = node.inputs[1]?.constant?.shape.slice(2)
  return kernel !== undefined && [...kernel, ...node.ints('strides'), ...node.ints('dilations')].every((x) => x === 1) && node.ints('pads').every((x) => x === 0) && node.string('auto_pad', 'NOTSET') !== 'SAME_UPPER'
}

/** Whether a layer adds the same to every sample: a Gemm's bias may be a matrix, too. */
function isByOutput(node: Node, outputs: number): boolean {
  const { size = 1, shape = [] } = node.inputs[2]?.constant ?? {}
  return size === 1 || (size === outputs && shape.at(-1) === outputs)
}

function merge(kind: Kind, second: Node, graph: Graph, report: Report): void {
  const first = second.input(0).producer
  if (!first || !kind.follows(first)) return report.refuse(second, `its input is ${originOf(second.input(0))}, not a layer that it could be merged with`)
  const stored = [first, second].flatMap((node) => node.inputs.slice(1)).every((value) => !value || (value.constant && isFloat(value.constant.dtype)))
  if (!stored) return report.refuse(second, `a weight of it or of ${labelOf(first)} is not a stored number`)
  const uneven = [first, second].find((node) => !isByOutput(node, kind.matrix(node)[0]))
  if (uneven) return report.refuse(second, `the bias of ${uneven === second ? 'it' : labelOf(first)} has the shape [${uneven.input(2).constant!.shape}], not one number for each output`)
  const feeds = alsoFeeds(first.output, second)
  if (feeds) return report.refuse(second, feeds)
  const [outputs, middle, w2] = kind.matrix(second)
  const [, inputs, w1] = kind.matrix(first)
  const [before, after] = [outputs * middle + middle * inputs, outputs * inputs]
  if (after > before) return report.refuse(second, `one layer would have ${after.toLocaleString('en')} weights, the two have ${before.toLocaleString('en')}`)

  const values = new Float64Array(outputs * inputs)
  for (let o = 0; o < outputs; o++) for (let m = 0; m < middle; m++) for (let i = 0; i < inputs; i++) values[o * inputs + i] += w2(o, m) * w1(m, i)
  const biasOf = (node: Node, count: number) => {
    const numbers = node.inputs[2]?.constant?.toNumbers() ?? [0]
    return Array.from({ length: count }, (_, o) => numbers[numbers.length === 1 ? 0 : o])
  }
  const hidden = biasOf(first, middle)
  const bias = biasOf(second, outputs).map((b, o) => b + hidden.reduce((sum, h, m) => sum + w2(o, m) * h, 0))
  const { dtype } = weightOf(first)
  const biased = first.inputs[2] || second.inputs[2]
  replaceConstant(first, 1, kind.weight(first, outputs, inputs, values), 'weight')
  if (biased) replaceConstant(first, 2, Tensor.of(dtype, [outputs], bias), `${labelOf(first)}.bias`)
  Object.assign(first.output, { dtype: second.output.dtype ?? first.output.dtype, shape: second.output.shape })
  second.output.replaceWith(first.output)
  report.change(second, `merged into ${labelOf(first)}`)
  graph.removeUnused()
}
