import { Builder } from '../graph/builder.ts'
import { isStatic } from '../graph/dim.ts'
import type { Node, Value } from '../graph/graph.ts'
import { windowOf, type Window } from '../graph/ops/window.ts'

/** A node that slides a window over images [N, C, ...], to be computed in blocks of its output. */
export interface Blocked {
  readonly node: Node
  readonly builder: Builder
  readonly window: Window
  readonly input: readonly number[]
  readonly output: readonly number[]
  /** Output positions of a block along each axis. */
  readonly block: readonly number[]
}

/** The node in blocks of so many positions along each axis, or why it cannot be cut into them. */
export function blocked(node: Node, kernel: readonly number[], positions: readonly number[]): Blocked | string {
  const [input, output] = [imageSize(node.input(0)), imageSize(node.output)]
  if (!input || !output) return 'the size of its images is not known'
  const block = output.map((size, axis) => Math.min(size, positions[axis] ?? size))
  if (node.int('ceil_mode')) return 'its last windows reach beyond its input (ceil_mode)'
  if (output.every((size, axis) => block[axis] === size)) return `its output of ${output.join(' x ')} is a single block`
  if ((node.graph.opsets.get('') ?? 1) < 10) return 'cutting a block out needs operator set 10 or newer'
  return { node, builder: new Builder(node.graph, `${node.name}.`), window: windowOf(node, kernel, input), input, output, block }
}

/** How many blocks of which size, in words. */
export const blocksText = ({ output, block }: Blocked): string => `${output.map((size, axis) => Math.ceil(size / block[axis]!)).join(' x ')} blocks of ${block.join(' x ')} outputs`

/** The output, computed block by block. Each block reads its windows' whole input, the halo that it shares with its neighbours included. */
export function inBlocks(it: Blocked, ranges: readonly (readonly [number, number])[] = []): Value {
  const { builder, output, block } = it
  const axis = ranges.length
  if (axis === output.length) return oneBlock(it, ranges)
  const [size, step] = [output[axis]!, block[axis]!]
  const parts = Array.from({ length: Math.ceil(size / step) }, (_, i) => inBlocks(it, [...ranges, [i * step, Math.min((i + 1) * step, size)]]))
  return parts.length === 1 ? parts[0]! : builder.concat(parts, axis + 2)
}

function imageSize({ shape }: Value): readonly number[] | null {
  const size = shape?.slice(2) ?? null
  return isStatic(size) ? size : null
}

function oneBlock({ node, builder, window, input }: Blocked, ranges: readonly (readonly [number, number])[]): Value {
  const { kernel, strides, dilations, pads } = window
  const needed = ranges.map(([start, end], a) => {
    const first = start * strides[a]! - pads[a]!
    return [first, first + (end - start - 1) * strides[a]! + dilations[a]! * (kernel[a]! - 1) + 1] as const
  })
  const starts = needed.map(([first]) => Math.max(0, first))
  const ends = needed.map(([, last], a) => Math.min(input[a]!, last))
  const cut = builder.slice(node.input(0), starts, ends, input.map((_, a) => a + 2))
  const padding = [...needed.map(([first], a) => starts[a]! - first), ...needed.map(([, last], a) => last - ends[a]!)]
  const { auto_pad: _, ...attributes } = Object.fromEntries(node.attributes)
  return builder.op(node.type, [cut, ...node.inputs.slice(1)], { ...attributes, pads: padding }, { domain: node.domain })
}
