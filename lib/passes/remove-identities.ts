import type { Node } from '../graph/graph.ts'
import { pass, type Pass } from './pass.ts'

/** Removes nodes that hand their input on unchanged: Identity, and Dropout as inference runs it. Exact. */
export function removeIdentities(): Pass {
  return pass('remove-identities', {}, (graph, report) => {
    for (const node of [...graph.nodes('Identity'), ...graph.nodes('Dropout')]) {
      const reason = obstacle(node)
      if (reason) report.refuse(node, reason)
      else {
        report.change(node, `removed: its readers read ${node.input(0)}`)
        node.output.replaceWith(node.input(0))
      }
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
