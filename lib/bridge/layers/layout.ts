import type { Builder } from '../../graph/builder.ts'
import type { Value } from '../../graph/graph.ts'

/** Where an axis that TensorFlow counts stands in the graph, in which an image [N, H, W, C] is [N, C, H, W]. */
export function axisInGraph(x: Value, axis: number): number {
  const rank = x.rank!
  const counted = axis < 0 ? axis + rank : axis
  return rank === 4 ? [0, 2, 3, 1][counted]! : counted
}

/** An image as TensorFlow has it, [N, H, W, C]; other values as they are. */
export const channelsLast = (builder: Builder, x: Value): Value => (x.rank === 4 ? builder.transpose(x, [0, 2, 3, 1]) : x)

/** What TensorFlow has as [N, H, W, C] as the graph has it; other values as they are. */
export const channelsFirst = (builder: Builder, x: Value): Value => (x.rank === 4 ? builder.transpose(x, [0, 3, 1, 2]) : x)

/** @throws Error where a layer keeps its channels before the positions. */
export function checkChannelsLast({ config, refuse }: { readonly config: Readonly<Record<string, unknown>>; refuse(reason: string): never }): void {
  if (config['dataFormat'] === 'channelsFirst') refuse('its data format is channelsFirst, and only channelsLast is known')
}
