import type { Node, Value } from '../../graph/graph.ts'
import { knownStretches, spread, type KnownStretch } from '../../graph/ops/slice.ts'
import { transpose, type Matrix } from './bilinear.ts'
import { isImage, IMAGE } from './layout.ts'
import type { Recipe } from './lowering.ts'

const CHANNELS = 1
const images = (values: readonly Value[]) => (values.every(isImage) ? new Map(values.map((value) => [value, IMAGE])) : null)

/** Some of the channels. Every second or fourth is a matrix product: taking numbers one by one is slower. */
export const slice: Recipe = {
  layouts: (node) => (stretchOf(node) ? images([node.input(0), node.output]) : null),
  lower(node, lowering) {
    const stretch = stretchOf(node)!
    const { start, step, count } = stretch
    const x = lowering.read(node.input(0), IMAGE)
    const taken = step === 1 ? lowering.builder.slice(x, [start], [start + count], [CHANNELS]) : lowering.builder.matmul(x, lowering.matrix(transpose(selection(stretch, Number(x.shape![CHANNELS])))))
    lowering.write(node.output, taken, IMAGE)
  },
}

/** The gradient of those, among zeros for the others. */
export const sliceGrad: Recipe = {
  layouts: (node) => (String(node.ints('axes')) === `${CHANNELS}` ? images([node.input(0), node.output]) : null),
  lower(node, lowering) {
    const dy = lowering.read(node.input(0), IMAGE)
    const [start, step, extent] = ['starts', 'steps', 'extents'].map((name) => node.ints(name)[0]!) as [number, number, number]
    const stretch = { axis: CHANNELS, start, step, count: Number(dy.shape![CHANNELS]) }
    const dx = step === 1 ? spread(lowering.builder, dy, stretch, extent) : lowering.builder.matmul(dy, lowering.matrix(selection(stretch, extent)))
    lowering.write(node.output, dx, IMAGE)
  },
}

/** [taken, all channels]: 1 where one is the other. */
function selection({ start, step, count }: Pick<KnownStretch, 'start' | 'step' | 'count'>, extent: number): Matrix {
  return Array.from({ length: count }, (_, i) => Array<number>(extent).fill(0).with(start + i * step, 1))
}

/** Channels of several images beside each other. */
export const concat: Recipe = {
  layouts: (node) => (isAlongChannels(node) ? images([...node.inputs as Value[], node.output]) : null),
  lower(node, lowering) {
    lowering.write(node.output, lowering.builder.concat(node.inputs.map((_, i) => lowering.read(node.input(i), IMAGE)), CHANNELS), IMAGE)
  },
}

/** And apart again. */
export const split: Recipe = {
  layouts: (node) => (isAlongChannels(node) ? images([node.input(0), ...node.outputs]) : null),
  lower(node, lowering) {
    const parts = lowering.builder.split(lowering.read(node.input(0), IMAGE), node.outputs.map(({ shape }) => Number(shape![CHANNELS])), CHANNELS)
    node.outputs.forEach((output, i) => lowering.write(output, parts[i]!, IMAGE))
  },
}

/** What a Slice takes where that is channels, in order; undefined where it takes of other axes too, or what is known only at run time. */
function stretchOf(node: Node) {
  if (!isImage(node.input(0)) || !isImage(node.output)) return undefined
  const [stretch, ...others] = knownStretches(node)
  return stretch?.axis === CHANNELS && stretch.step > 0 && !others.length ? stretch : undefined
}

const isAlongChannels = (node: Node): boolean => [CHANNELS, CHANNELS - 4].includes(node.int('axis'))
