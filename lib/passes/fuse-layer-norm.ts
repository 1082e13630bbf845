import { float } from '../graph/attribute.ts'
import type { Node, Value } from '../graph/graph.ts'
import { numberOf, operands, soleReader } from './neighbours.ts'
import { pass, type Pass } from './pass.ts'

/** The first operator set that has LayerNormalization. https://onnx.ai/onnx/operators/onnx__LayerNormalization.html */
const LAYER_NORM_OPSET = 17

/**
 * Makes one LayerNormalization of (x − mean)/√(variance + ε)·γ + β over the last axes, as exporters write it out. Exact but for rounding. Ba et al. 2016,
 * https://arxiv.org/abs/1607.06450
 */
export function fuseLayerNorm(): Pass {
  return pass('fuse-layer-norm', {}, (graph, report) => {
    for (const root of graph.nodes('Sqrt')) {
      const found = normalizationOf(root)
      if (typeof found === 'string') report.refuse(root, found)
      else if (found) {
        const { x, scale, bias, axis, epsilon, y, divided } = found
        const version = graph.root.opsets.get('') ?? 1
        if (version < LAYER_NORM_OPSET) {
          report.refuse(divided, `operator set ${version} has no LayerNormalization, ${LAYER_NORM_OPSET} is the first`)
          continue
        }
        const norm = graph.add('LayerNormalization', bias ? [x, scale, bias] : [x, scale], new Map([['axis', { type: 'int', value: axis }], ['epsilon', float(epsilon)]]), { types: [y] })
        y.replaceWith(norm.output)
        report.change(divided, `${x} through one LayerNormalization`)
      }
    }
  })
}

interface Normalization {
  readonly x: Value
  readonly scale: Value
  readonly bias: Value | null
  readonly axis: number
  readonly epsilon: number
  readonly y: Value
  readonly divided: Node
}

/** What the square root is part of; why it cannot be fused; null where it has nothing to do with a normalization. */
function normalizationOf(root: Node): Normalization | string | null {
  const shifted = producerOf(root.input(0), 'Add')
  const variance = shifted && operands(shifted, (value) => value.producer?.type === 'ReduceMean')
  const divided = root.output.users.find((node) => node.type === 'Div' && !node.domain && node.input(1) === root.output)
  if (!variance || !divided) return null
  const epsilon = numberOf(variance[1])
  const mean = variance[0].producer!
  const squared = mean.input(0).producer
  const centred = divided.input(0)
  const square = squared?.type === 'Mul' ? squared.input(0) === centred && squared.input(1) === centred : squared?.type === 'Pow' && squared.input(0) === centred && numberOf(squared.inputs[1]) === 2
  const difference = producerOf(centred, 'Sub')
  const first = difference && producerOf(difference.input(1), 'ReduceMean')
  if (epsilon === null || !square || !difference || !first || first.input(0) !== difference.input(0)) return null
  const x = difference.input(0)
  const axes = axesOf(mean)
  if (!x.shape || !axes || String(axes) !== String(axesOf(first))) return 'the axes of its mean and of its variance are not the same known ones'
  const axis = x.shape.length - axes.length
  if (axes.some((a, i) => a !== axis + i)) return 'it normalizes other axes than the last'
  const extents = x.shape.slice(axis)
  const spans = (value: Value) => value.constant !== null && String(value.shape) === String(extents)
  const scaled = soleReader(divided.output, 'Mul')
  const scale = scaled && operands(scaled, (value) => value !== divided.output)?.[0]
  if (!scaled || !scale || !spans(scale)) return `what it is multiplied by is not a stored tensor of shape [${extents}]`
  const moved = soleReader(scaled.output, 'Add')
  const bias = moved && operands(moved, (value) => value !== scaled.output)?.[0]
  const last = moved && bias && spans(bias) ? moved : scaled
  return { x, scale, bias: last === moved ? bias! : null, axis, epsilon, y: last.output, divided }
}

const producerOf = (value: Value, type: string): Node | null => (value.producer?.type === type && !value.producer.domain ? value.producer : null)

/** The axes that a mean runs over, sorted; null where they are known only at run time, or it drops them. */
function axesOf(mean: Node): readonly number[] | null {
  const rank = mean.input(0).shape?.length
  const axes = mean.inputs[1] ? mean.inputs[1].constant?.toNumbers() : mean.ints('axes')
  if (!rank || !axes?.length || mean.int('keepdims', 1) !== 1) return null
  return axes.map((axis) => (axis < 0 ? axis + rank : axis)).toSorted((a, b) => a - b)
}
