import { Builder } from '../graph/builder.ts'
import type { Node, Value } from '../graph/graph.ts'
import { channelAxis } from './int8-layers.ts'
import { pass, type Pass } from './pass.ts'
import { chosenLayers, weightIndex, type Selection } from './weight.ts'
import { blocked, blocksText, inBlocks } from './window-blocks.ts'

export interface BlockLayersOptions extends Selection {
  /** What a tile has fewer of: output channels, or rows (of an image; of the matrix that is multiplied). */
  over: 'channels' | 'rows'
  /** Output channels, or rows, of a tile. */
  tile: number
}

/**
 * Loop blocking of convolutions and products: each is computed tile by tile, and the tiles are joined, so that what a tile reads and writes may stay in the cache. Exact but for
 * the order of additions. ONNX Runtime's own kernels already work in tiles: measure whether it helps (`tilings`).
 */
export function blockLayers({ over, tile, ...selection }: BlockLayersOptions): Pass {
  if (over !== 'channels' && over !== 'rows') throw new RangeError(`blockLayers: over is 'channels' or 'rows', not ${String(over)}`)
  if (!Number.isInteger(tile) || tile < 1) throw new RangeError(`blockLayers: tile is a whole number from 1 on, not ${tile}`)
  return pass('block-layers', { over, tile, ...selection }, (graph, report) => {
    const isLayer = (node: Node) => ['Conv', 'FusedConv', 'Gemm', 'MatMul'].includes(node.type) && weightIndex(node) === 1
    for (const layer of chosenLayers('block-layers', graph, isLayer, selection, report)) {
      const made = over === 'channels' ? byChannels(layer, tile) : layer.type === 'Gemm' || layer.type === 'MatMul' ? byMatrixRows(layer, tile) : byImageRows(layer, tile)
      if (typeof made === 'string') report.refuse(layer, made)
      else {
        layer.output.replaceWith(made.output)
        report.change(layer, made.text)
      }
    }
  })
}

interface Tiled {
  readonly output: Value
  readonly text: string
}

function byChannels(layer: Node, tile: number): Tiled | string {
  const [weight, bias] = [layer.input(1).constant, layer.inputs[2]]
  if (!weight) return 'its weight is not a constant'
  if (layer.inputs[3]) return 'what is added to it would have to be cut, too'
  if (layer.int('group', 1) !== 1) return `it has ${layer.int('group', 1)} groups`
  const axis = layer.type === 'FusedConv' ? 0 : layer.type === 'MatMul' ? weight.shape.length - 1 : channelAxis(layer)
  const channels = weight.shape[axis]!
  if (layer.type === 'MatMul' && weight.shape.length < 2) return 'its weight is a vector'
  if (bias && (bias.constant?.shape.length !== 1 || bias.constant.size !== channels)) return 'its bias is not one number for each channel'
  if (channels <= tile) return `its ${channels} channels are a single tile`
  const builder = new Builder(layer.graph, `${layer.name}.`)
  const parts = ranges(channels, tile).map((channel) => {
    const inputs = [layer.input(0), builder.tensor(weight.take(axis, channel), layer.input(1).name), ...(bias ? [builder.tensor(bias.constant!.take(0, channel), bias.name)] : [])]
    return builder.op(layer.type, inputs, Object.fromEntries(layer.attributes), { domain: layer.domain })
  })
  const rank = layer.output.shape?.length
  return { output: builder.concat(parts, layer.type.endsWith('Conv') ? 1 : rank ? rank - 1 : -1), text: `${parts.length} tiles of ${tile} channels` }
}

function byImageRows(layer: Node, tile: number): Tiled | string {
  const kernel = layer.input(1).constant?.shape.slice(2)
  if (!kernel) return 'its weight is not a constant'
  if (layer.inputs[3]) return 'what is added to it would have to be cut, too'
  const cut = blocked(layer, kernel, [tile])
  return typeof cut === 'string' ? cut : { output: inBlocks(cut), text: blocksText(cut) }
}

function byMatrixRows(layer: Node, tile: number): Tiled | string {
  const x = layer.input(0)
  const axis = (x.shape?.length ?? 0) - 2
  const rows = x.shape?.[axis]
  if (axis < 0 || typeof rows !== 'number') return 'how many rows it has is not known'
  if (layer.int('transA')) return 'its first operand is transposed'
  if (layer.inputs[2] && (layer.inputs[2].shape?.length ?? 2) > 1) return 'its bias has rows'
  if ((layer.graph.opsets.get('') ?? 1) < 10) return 'cutting a tile out needs operator set 10 or newer'
  if (rows <= tile) return `its ${rows} rows are a single tile`
  const builder = new Builder(layer.graph, `${layer.name}.`)
  const parts = ranges(rows, tile).map((part) => {
    const cut = builder.slice(x, [part[0]!], [part.at(-1)! + 1], [axis])
    return builder.op(layer.type, [cut, ...layer.inputs.slice(1)], Object.fromEntries(layer.attributes))
  })
  return { output: builder.concat(parts, axis), text: `${parts.length} tiles of ${tile} rows` }
}

/** 0 to count - 1, so many at a time. */
const ranges = (count: number, tile: number): number[][] => Array.from({ length: Math.ceil(count / tile) }, (_, i) => Array.from({ length: Math.min(tile, count - i * tile) }, (__, k) => i * tile + k))
