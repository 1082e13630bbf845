import { mergeEqual } from '../lower/merge-equal.ts'
import { labelOf, pass, type Pass } from './pass.ts'

/** Computes what several nodes compute from the same inputs, with the same attributes, once; small constants that are equal are stored once. Exact. */
export function commonSubexpressions(): Pass {
  return pass('common-subexpressions', {}, (graph, report) => {
    mergeEqual(graph, (node, known) => report.change(node, `the same as ${labelOf(known)}`))
  })
}
