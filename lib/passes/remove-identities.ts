import { isStatic, sameDim, type Shape } from '../graph/dim.ts'
import type { Node } from '../graph/graph.ts'
import { numberOf } from './neighbours.ts'
import { pass, type Pass } from './pass.ts'

/** Whether a node hands its first input on unchanged, by what is known of it; by its operator. */
const UNCHANGED: Readonly<Record<string, (node: Node) => boolean>> = {
  Identity: () => true,
  Dropout: () => true,
  Cast: (node) => node.input(0).dtype !== null && node.input(0).dtype === node.output.dtype,
  Transpose: (node) => node.attributes.has('perm') && node.ints('perm').every((from, axis) => from === axis),
  Reshape: sameShape,
  Flatten: sameShape,
  Expand: sameShape,
  Squeeze: sameShape,
  Pad: sameShape,
  // a step of -1 keeps the shape, too
  Slice: (node) => sameShape(node) && (!node.inputs[4] || (node.inputs[4].constant?.toNumbers() ?? [-1]).every((step) => step > 0)),
  Concat: (node) => node.inputs.length === 1,
  Sum: (node) => node.inputs.length === 1,
  Add: (node) => sameShape(node) && numberOf(node.inputs[1]) === 0,
  Sub: (node) => sameShape(node) && numberOf(node.inputs[1]) === 0,
  Mul: (node) => sameShape(node) && numberOf(node.inputs[1]) === 1,
  Div: (node) => sameShape(node) && numberOf(node.inputs[1]) === 1,
  Pow: (node) => sameShape(node) && numberOf(node.inputs[1]) === 1,
}

/**
 * Removes nodes that hand their input on unchanged: Identity, Dropout as inference runs it, a Cast to the same type, a Transpose, Reshape, Slice, Pad or
 * Expand that changes nothing, 0 added, 1 multiplied. Exact.
 */
export function removeIdentities(): Pass {
  return pass('remove-identities', {}, (graph, report) => {
    for (const node of graph.nodes()) {
      if (node.domain || !UNCHANGED[node.type]?.(node)) continue
      const reason = obstacle(node)
      if (reason) {
        report.refuse(node, reason)
        continue
      }
      report.change(node, `removed: its readers read ${node.input(0)}`)
      node.output.replaceWith(node.input(0))
    }
  })
}

function obstacle(node: Node): string | null {
  const x = node.input(0)
  if (node.type === 'Dropout' && node.inputs[2] && node.inputs[2].constant?.toNumbers()[0] !== 0) return 'it may run in training mode'
  if (node.outputs[1]?.uses.length) return `its mask "${node.outputs[1]}" is read`
  if (node.output.isOutput && (!x.producer || x.isOutput)) return `it gives the output "${node.output}" its name`
  return null
}

function sameShape(node: Node): boolean {
  const [from, to] = [node.input(0).shape, node.output.shape]
  return isKnown(from) && isKnown(to) && from.length === to.length && from.every((d, axis) => sameDim(d, to[axis]!))
}

const isKnown = (shape: Shape | null): shape is Shape => shape !== null && (isStatic(shape) || shape.every((d) => d !== null))
