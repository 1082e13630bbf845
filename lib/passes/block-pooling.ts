import { Builder } from '../graph/builder.ts'
import { isStatic } from '../graph/dim.ts'
import type { Node, Value } from '../graph/graph.ts'
import { windowOf, type Window } from '../graph/ops/window.ts'
import { pass, type Pass } from './pass.ts'

export interface BlockPoolingOptions {
  /** Output positions along each axis that are computed at once. */
  block: number
}

/**
 * Loop blocking of average pooling: each AveragePool [N, C, ...] is computed in blocks small enough for the cache. The blocks are cut in output coordinates, and
 * each reads its windows' whole input, the halo that it shares with its neighbours included. Exact.
 */
export function blockPooling({ block }: BlockPoolingOptions): Pass {
  if (!Number.isInteger(block) || block < 1) throw new RangeError(`blockPooling: block is a whole number from 1 on, not ${block}`)
  return pass('block-pooling', { block }, (graph, report) => {
    for (const node of graph.nodes('AveragePool')) {
      const input = imageSize(node.input(0))
      const output = imageSize(node.output)
      if (!input || !output) {
        report.refuse(node, 'the size of its images is not known')
        continue
      }
      const blocks = output.map((size) => Math.ceil(size / block))
      const reason = obstacle(node, blocks, output)
      if (reason) {
        report.refuse(node, reason)
        continue
      }
      const pooling = { node, builder: new Builder(graph, `${node.name}.`), window: windowOf(node, node.ints('kernel_shape'), input), input, output, block }
      node.output.replaceWith(pooled(pooling, []))
      report.change(node, `${blocks.join(' x ')} blocks of ${output.map((size) => Math.min(size, block)).join(' x ')} outputs`)
    }
  })
}

interface Pooling {
  readonly node: Node
  readonly builder: Builder
  readonly window: Window
  readonly input: readonly number[]
  readonly output: readonly number[]
  readonly block: number
}

function imageSize({ shape }: Value): readonly number[] | null {
  const size = shape?.slice(2) ?? null
  return isStatic(size) ? size : null
}

function obstacle(node: Node, blocks: readonly number[], output: readonly number[]): string | null {
  if (node.int('ceil_mode')) return 'its last windows reach beyond its input (ceil_mode)'
  if (blocks.every((count) => count === 1)) return `its output of ${output.join(' x ')} is a single block`
  if ((node.graph.opsets.get('') ?? 1) < 10) return 'cutting a block out needs operator set 10 or newer'
  return null
}

/** The output within the given ranges of its first axes: the next axis is cut into blocks, and they are joined. */
function pooled(pooling: Pooling, ranges: readonly (readonly [number, number])[]): Value {
  const { builder, output, block } = pooling
  const axis = ranges.length
  if (axis === output.length) return pooledBlock(pooling, ranges)
  const starts = Array.from({ length: Math.ceil(output[axis] / block) }, (_, i) => i * block)
  return builder.concat(starts.map((start) => pooled(pooling, [...ranges, [start, Math.min(start + block, output[axis])]])), axis + 2)
}

function pooledBlock({ node, builder, window, input }: Pooling, ranges: readonly (readonly [number, number])[]): Value {
  const { kernel, strides, dilations, pads } = window
  const needed = ranges.map(([start, end], a) => {
    const first = start * strides[a] - pads[a]
    return [first, first + (end - start - 1) * strides[a] + dilations[a] * (kernel[a] - 1) + 1] as const
  })
  const starts = needed.map(([first]) => Math.max(0, first))
  const ends = needed.map(([, last], a) => Math.min(input[a], last))
  const cut = builder.slice(node.input(0), starts, ends, input.map((_, a) => a + 2))
  const padding = [...needed.map(([first], a) => starts[a] - first), ...needed.map(([, last], a) => last - ends[a])]
  const { auto_pad: _, ...attributes } = Object.fromEntries(node.attributes)
  return builder.op('AveragePool', [cut], { ...attributes, pads: padding })
}
