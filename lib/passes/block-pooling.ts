import { pass, type Pass } from './pass.ts'
import { blocked, blocksText, inBlocks } from './window-blocks.ts'

export interface BlockPoolingOptions {
  /** Output positions along each axis that are computed at once. */
  block: number
}

/**
 * Loop blocking of average pooling: each AveragePool [N, C, ...] is computed in blocks small enough for the cache, cut in output coordinates. Exact.
 */
export function blockPooling({ block }: BlockPoolingOptions): Pass {
  if (!Number.isInteger(block) || block < 1) throw new RangeError(`blockPooling: block is a whole number from 1 on, not ${block}`)
  return pass('block-pooling', { block }, (graph, report) => {
    for (const node of graph.nodes('AveragePool')) {
      const kernel = node.ints('kernel_shape')
      const cut = blocked(node, kernel, kernel.map(() => block))
      if (typeof cut === 'string') report.refuse(node, cut)
      else {
        node.output.replaceWith(inBlocks(cut))
        report.change(node, blocksText(cut))
      }
    }
  })
}
