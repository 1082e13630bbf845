import { Builder } from '../graph/builder.ts'
import type { Graph, Node, Value } from '../graph/graph.ts'
import { sizeOf, Tensor } from '../graph/tensor.ts'
import { nonzeros } from '../measure/size.ts'
import { storeIn } from './constant.ts'
import { isEmbedding, matricesOf } from './columns.ts'
import { marginals } from './criterion.ts'
import { pass, type Pass, type Report } from './pass.ts'
import { chosenLayers, type Selection } from './weight.ts'

/**
 * Keeps what pruning set to zero at zero while the network is trained on: multiplies each weight that has zeros by a fixed mask, through which their
 * gradients vanish, too. Where whole columns are zero the mask is as long as a row; that of an embedding stands behind the lookup. `foldConstants` merges
 * weight and mask afterwards.
 */
export function holdZeros(selection: Selection = {}): Pass {
  return pass('hold-zeros', selection, (graph, report) => {
    for (const layer of chosenLayers('hold-zeros', graph, (node) => matricesOf(node).length > 0, selection, report))
      for (const { index, axis } of matricesOf(layer)) {
        const weight = layer.input(index)
        const tensor = weight.initializer
        const zeros = tensor ? tensor.size - nonzeros(tensor) : 0
        const columns = tensor && zeros ? columnMask(tensor, axis) : null
        const whole = columns !== null && heldBy(columns, tensor!) === zeros
        if (!tensor || !zeros) report.refuse(layer, tensor ? `its weight "${weight}" has no zeros` : `its weight "${weight}" is not stored`)
        else if (isEmbedding(layer) && !whole) report.refuse(layer, `its weight "${weight}" has zeros that are not whole columns`)
        else {
          const mask = graph.constant(whole ? columns : elementMask(tensor), `${weight}${MASK}`)
          if (isEmbedding(layer)) behind(layer, mask)
          else layer.setInput(index, new Builder(graph).mul(weight, mask))
          report.change(layer, `${zeros.toLocaleString('en-US')} of ${tensor.size.toLocaleString('en-US')} weights held at zero`)
        }
      }
  })
}

/** The stored weight behind a mask of `holdZeros`; a value without one is itself. */
export function unmasked(value: Value): Value {
  const [weight, mask] = value.producer?.type === 'Mul' ? value.producer.inputs : []
  return weight?.initializer && mask?.initializer && mask.name === `${weight}${MASK}` ? weight : value
}

/** Merges the masks of `holdZeros` into the weights, which are not trained any more. */
export function mergeMasks(graph: Graph, report: Report): void {
  for (const node of graph.nodes('Mul')) {
    const weight = unmasked(node.output)
    if (weight === node.output) continue
    const [tensor, mask] = [weight.initializer!, node.input(1).initializer!]
    const [factors, axis] = [mask.toFloat32(), mask.shape.findIndex((extent) => extent > 1)]
    const run = mask.size === tensor.size ? 1 : sizeOf(tensor.shape.slice(axis + 1))
    storeIn(weight, Tensor.of(tensor.dtype, tensor.shape, tensor.toFloat32().map((w, i) => w * factors[Math.floor(i / run) % mask.size]!)))
    node.output.replaceWith(weight)
    report.change(weight, 'its zeros are held no more: the mask is merged into it')
  }
}

/** How many parameters the masks of `holdZeros` hold at zero. */
export function heldAtZero({ graph }: { readonly graph: Graph }): number {
  const masked = graph.nodes('Mul').flatMap((node) => {
    const mask = node.inputs[1]
    const weight = node.inputs[0]?.producer && isEmbedding(node.inputs[0].producer) ? node.inputs[0].producer.inputs[0] : node.inputs[0]
    return mask?.initializer && weight?.initializer && mask.name === `${weight}${MASK}` ? [heldBy(mask.initializer, weight.initializer)] : []
  })
  return masked.reduce((sum, count) => sum + count, 0)
}

const MASK = '.mask'

/** Elements of a weight that a mask, which may be broadcast, holds at zero. */
const heldBy = (mask: Tensor, weight: Tensor): number => (mask.size - nonzeros(mask)) * (weight.size / mask.size)

function columnMask(tensor: Tensor, axis: number): Tensor {
  const shape = tensor.shape.map((extent, i) => (i === axis ? extent : 1))
  return Tensor.of(tensor.dtype, shape, Array.from(marginals(tensor, axis, 1), (sum) => (sum ? 1 : 0)))
}

function elementMask(tensor: Tensor): Tensor {
  const data = tensor.toFloat32()
  const mask = new Float32Array(data.length)
  for (let i = 0; i < data.length; i++) mask[i] = Number(data[i] !== 0)
  return Tensor.of(tensor.dtype, tensor.shape, mask)
}

/** What was looked up is masked, not the table. */
function behind(layer: Node, mask: Value): void {
  const { output, graph } = layer
  const masked = graph.add('Mul', [null, mask], {}, { name: graph.unique(`${layer.name}.mask`), types: [{ dtype: output.dtype, shape: output.shape }] })
  output.replaceWith(masked.output)
  masked.setInput(0, output)
}
