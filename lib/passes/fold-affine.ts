import type { Node, Value } from '../graph/graph.ts'
import { isFloat, sizeOf, Tensor } from '../graph/tensor.ts'
import { replaceConstant, scaled } from './constant.ts'
import { channelAxis } from './int8-layers.ts'
import { alsoFeeds, operands, originOf } from './neighbours.ts'
import { labelOf, pass, type Pass } from './pass.ts'

/** What an elementwise operator with a constant does to every number: x·factor + shift. */
const AFFINE: Readonly<Record<string, (constant: number) => { factor: number; shift: number }>> = {
  Add: (c) => ({ factor: 1, shift: c }),
  Sub: (c) => ({ factor: 1, shift: -c }),
  Mul: (c) => ({ factor: c, shift: 0 }),
  Div: (c) => ({ factor: 1 / c, shift: 0 }),
}

const LAYERS: ReadonlySet<string> = new Set(['Conv', 'Gemm'])

/**
 * Folds chains of additions and multiplications by constants, one for all channels or one for each, into the convolution or linear layer before them:
 * w' = w·factor, b' = b·factor + shift. Exact but for rounding.
 */
export function foldAffine(): Pass {
  return pass('fold-affine', {}, (graph, report) => {
    for (const node of graph.nodes()) {
      if (node.domain || !AFFINE[node.type]) continue
      const found = node.type === 'Sub' || node.type === 'Div' ? (node.inputs[1]?.constant ? ([node.input(1), node.input(0)] as const) : null) : operands(node, (value) => value.constant !== null)
      if (!found) continue
      const [constant, x] = found
      const layer = x.producer
      const reason = layer && LAYERS.has(layer.type) && !layer.domain ? obstacle(layer, node, constant) : `its input is ${originOf(x)}, not a layer with weights`
      if (reason) {
        report.refuse(node, reason)
        continue
      }
      fold(layer!, node, constant)
      node.output.replaceWith(layer!.output)
      node.remove()
      report.change(node, `folded into ${labelOf(layer!)}`)
    }
  })
}

/** The channels that a layer computes, along axis 1 of its output: how many, and how many neighbours in its weight belong to the same. */
function channels(layer: Node): { count: number; run: number } {
  const { shape } = layer.input(1).constant!
  const axis = channelAxis(layer)
  return { count: shape[axis], run: sizeOf(shape.slice(axis + 1)) }
}

function obstacle(layer: Node, node: Node, constant: Value): string | null {
  const feeds = alsoFeeds(layer.output, node)
  if (feeds) return feeds
  if (layer.inputs.slice(1).some((value) => value && !(value.constant && isFloat(value.constant.dtype)))) return `the weights of ${labelOf(layer)} are not stored numbers`
  if (layer.type === 'Gemm' && (layer.float('alpha', 1) !== 1 || layer.float('beta', 1) !== 1)) return `${labelOf(layer)} scales its product`
  if ((layer.inputs[2]?.shape?.length ?? 1) > 1) return `the bias of ${labelOf(layer)} has rows`
  const rank = layer.output.shape?.length
  if (rank === undefined || !node.output.shape || String(node.output.shape) !== String(layer.output.shape)) return 'it makes another shape of its input'
  const { count } = channels(layer)
  const spread = constant.shape!.map((d, a) => (a + rank - constant.shape!.length === 1 ? d === 1 || d === count : d === 1))
  return spread.every(Boolean) ? null : `"${constant}" is not one number for each channel`
}

function fold(layer: Node, node: Node, constant: Value): void {
  const { count, run } = channels(layer)
  const numbers = constant.constant!.toNumbers()
  const steps = Array.from({ length: count }, (_, c) => AFFINE[node.type](numbers[numbers.length === 1 ? 0 : c]))
  const weight = layer.input(1).constant!
  const bias = layer.inputs[2]?.constant?.toNumbers() ?? [0]
  const moved = steps.map(({ factor, shift }, c) => bias[bias.length === 1 ? 0 : c] * factor + shift)
  if (steps.some(({ factor }) => factor !== 1)) replaceConstant(layer, 1, scaled(weight, steps.map(({ factor }) => factor), run), 'weight')
  if (layer.inputs[2] || moved.some((b) => b !== 0)) replaceConstant(layer, 2, Tensor.of(weight.dtype, [count], moved), `${labelOf(layer)}.bias`)
}
