import type { Builder } from '../builder.ts'
import { add, formatShape, isStatic, type Dim, type Shape } from '../dim.ts'
import type { Node } from '../graph.ts'
import { fixed, link, operator, part, type Link } from '../operator.ts'
import { axisWithin, integers, knownShape, numbers } from './arguments.ts'

/** https://onnx.ai/onnx/operators/onnx__Pad.html */
export const pad = operator('Pad', {
  shape([x], node) {
    const pads = x.shape && padding(node, x.shape)
    return [{ dtype: x.dtype, shape: x.shape && x.shape.map((d, axis) => (pads ? add(d, pads[axis]!.before, pads[axis]!.after) : null)) }]
  },
  cost: () => ({ flops: 0 }),
  gradient({ graph, node, inputs: [, pads, fill, axes], gradients: [dy], wants }) {
    const mode = node.string('mode', 'constant')
    if (mode !== 'constant') throw new Error(`padding in mode "${mode}" is not differentiable yet; only "constant" is`)
    const given = numbers(node, 1, 'pads')
    const cropped = graph.op('Pad', [dy, given ? graph.int64(given.map((n) => -n)) : graph.neg(pads), null, axes])
    const all = knownShape(dy).map((_, axis) => axis)
    return [cropped, null, fill && wants(2) ? graph.reshape(graph.sub(graph.reduceSum(dy, all), graph.reduceSum(cropped, all)), graph.shapeOf(fill)) : null]
  },
  coupling(node) {
    const shape = knownShape(node.input(0))
    const pads = knownPadding(node, shape)
    return shape.map((d, axis): Link => {
      const [from, to] = [{ value: node.input(0), axis }, { value: node.output, axis }]
      const { before, after } = pads[axis]!
      if (!before && !after) return link(from, to)
      if (node.string('mode', 'constant') !== 'constant' || typeof d !== 'number' || before < 0 || after < 0) return fixed(from, `${node} pads axis ${axis} of ${formatShape(shape)}`)
      return part(from, to, before, d)
    })
  },
  resized(node, kept, builder) {
    const shape = knownShape(node.input(0))
    const pads = knownPadding(node, shape).map(({ before, after }, axis) => {
      const d = shape[axis]
      if (typeof d !== 'number') return { before, after }
      const entries = kept({ value: node.output, axis })
      if (entries.length === d + before + after) return { before, after }
      return { before: entries.filter((i) => i < before).length, after: entries.filter((i) => i >= before + d).length }
    })
    write(node, [...pads.map((p) => p.before), ...pads.map((p) => p.after)], builder)
  },
})

/** What is added at both ends of each axis; negative where it is cut off. Null where that is computed at run time. */
function padding(node: Node, shape: Shape): { before: Dim; after: Dim }[] | null {
  const pads = integers(node, 1, 'pads')
  const named = node.inputs[3] ? numbers(node, 3, 'axes') : shape.map((_, axis) => axis)
  if (!pads || !named) return null
  if (pads.length !== 2 * named.length) throw new Error(`its ${pads.length} pads are not two for each of ${named.length} axes`)
  const padded = named.map((axis) => axisWithin(axis, shape.length))
  return shape.map((_, axis) => {
    const at = padded.indexOf(axis)
    return at < 0 ? { before: 0, after: 0 } : { before: pads[at]!, after: pads[at + named.length]! }
  })
}

function knownPadding(node: Node, shape: Shape): { before: number; after: number }[] {
  const pads = padding(node, shape)
  if (!pads?.every(({ before, after }) => isStatic([before, after]))) throw new Error(`${node}: how much it pads is known only at run time, or once foldConstants has computed it`)
  return pads as { before: number; after: number }[]
}

/** Sets the pads of all axes. */
function write(node: Node, pads: readonly number[], builder: Builder): void {
  if (!node.inputs[1]) node.set('pads', pads)
  else {
    node.setInput(1, builder.int64(pads))
    node.truncateInputs(3)
  }
}
