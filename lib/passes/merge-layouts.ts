import { isStatic } from '../graph/dim.ts'
import { Builder } from '../graph/builder.ts'
import type { Node, Value } from '../graph/graph.ts'
import { bitsPerElement, isFloat, type DataType } from '../graph/tensor.ts'
import { labelOf, pass, type Pass } from './pass.ts'

const RESHAPES: ReadonlySet<string> = new Set(['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze'])

/**
 * Makes one of two neighbouring nodes that only lay elements out anew, or change their type: Transpose after Transpose, any reshaping after another, Cast
 * after a Cast that lost nothing. What they come to may be nothing at all: `removeIdentities` then removes it. Exact.
 */
export function mergeLayouts(): Pass {
  return pass('merge-layouts', {}, (graph, report) => {
    const builder = new Builder(graph)
    for (const node of graph.nodes()) {
      const before = node.domain ? null : node.inputs[0]?.producer
      if (!before || before.domain || before.graph !== graph) continue
      const merged = mergedWith(before, node, builder)
      if (!merged) continue
      report.change(node, `reads ${before.input(0)}, past ${labelOf(before)}`)
      if (merged !== node.output) node.output.replaceWith(merged)
    }
  })
}

/** What computes the node's output from the input of the one before it; null where the two are no such pair. */
function mergedWith(before: Node, node: Node, builder: Builder): Value | null {
  const [x] = before.inputs
  if (!x) return null
  if (node.type === 'Transpose' && before.type === 'Transpose') {
    const rank = x.shape?.length
    if (!rank) return null
    const perm = (of: Node) => of.ints('perm', Array.from({ length: rank }, (_, axis) => rank - 1 - axis))
    node.setInput(0, x)
    node.set('perm', perm(node).map((axis) => perm(before)[axis]))
    return node.output
  }
  if (RESHAPES.has(node.type) && RESHAPES.has(before.type)) {
    const { shape } = node.output
    const open = shape?.filter((d) => typeof d !== 'number').length ?? Infinity
    if (!shape || open > 1 || (isStatic(shape) && shape.includes(0))) return null
    return builder.reshape(x, shape.map((d) => (typeof d === 'number' ? d : -1)))
  }
  if (node.type === 'Cast' && before.type === 'Cast' && x.dtype && before.output.dtype && widens(x.dtype, before.output.dtype)) {
    node.setInput(0, x)
    return node.output
  }
  return null
}

/** Whether every number of one type is one of the other. */
function widens(from: DataType, to: DataType): boolean {
  if (from === to) return true
  if (isFloat(from) && isFloat(to)) return to === 'float64' || (to === 'float32' && (from === 'float16' || from === 'bfloat16'))
  const bits = /^(u?)int(\d+)$/
  const [a, b] = [bits.exec(from), bits.exec(to)]
  if (from === 'bool') return b !== null || isFloat(to)
  if (!a || !b) return false
  return a[1] === b[1] ? bitsPerElement(to) >= bitsPerElement(from) : a[1] === 'u' && bitsPerElement(to) > bitsPerElement(from)
}
