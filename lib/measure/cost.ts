import { add, formatShape, substitute, type Dim } from '../graph/dim.ts'
import type { Graph } from '../graph/graph.ts'
import { summary, type Layer } from '../graph/print.ts'
import { graphOf } from '../runtime/model.ts'
import { table, type TableBundle } from '../table.ts'
import { countText, sizeText } from '../units.ts'
import { liveBytes } from './liveness.ts'

/** A node's share of a model's cost. */
export interface LayerCost extends Layer {
  /** Bytes of all computed values that are alive while it runs, its outputs included. */
  readonly live: Dim
}

/**
 * What a model costs by its graph alone: parameters, multiply-adds, floating-point operations, bytes, and the peak of what is alive at once. Sizes
 * give numbers to symbols, for any batch: `cost(model, { N: 64 })`.
 * @throws RangeError where a size is not a whole number from 1 on.
 */
export function cost(model: Graph | { readonly graph: Graph }, sizes: Readonly<Record<string, number>> = {}): CostModel {
  const bad = Object.entries(sizes).find(([, size]) => !(Number.isInteger(size) && size > 0))
  if (bad) throw new RangeError(`the dimension ${bad[0]} is a whole number from 1 on, not ${bad[1]}`)
  return new CostModel(graphOf(model), sizes)
}

/** What a model costs. Dimensions that no size is given for stay symbols. Shows itself as a table. */
export class CostModel {
  readonly name: string
  readonly layers: readonly LayerCost[]
  /** Trainable elements. */
  readonly parameters: number
  /** Bytes of all stored tensors. */
  readonly weights: number
  /** Multiply-adds of convolutions and matrix products. */
  readonly macs: Dim
  /** Floating-point operations of everything, two for a multiply-add. */
  readonly flops: Dim
  /** Bytes of every node's outputs together. */
  readonly activations: Dim
  /** Most bytes of computed values that are alive at once, and the node that runs then; null where a size is not known. Inputs and weights are apart. */
  readonly peak: { readonly bytes: number; readonly owner: string } | null
  /** Operators that hone does not know: their work is not counted. */
  readonly unknown: readonly string[]

  constructor(graph: Graph, sizes: Readonly<Record<string, number>>) {
    const layers = summary(graph, sizes)
    const live = liveBytes(graph)
    this.name = graph.name
    this.layers = layers.layers.map((layer) => ({ ...layer, live: substitute(live.get(layer.node) ?? null, sizes) }))
    this.parameters = layers.parameters
    this.weights = [graph, ...graph.allNodes().flatMap((node) => node.subgraphs)].flatMap(({ initializers }) => initializers).reduce((sum, { initializer }) => sum + initializer!.bytes.byteLength, 0)
    this.macs = layers.macs
    this.flops = layers.flops
    this.activations = add(...layers.layers.map(({ bytes }) => bytes))
    this.peak = highest(this.layers)
    this.unknown = layers.unknown
  }

  table(): TableBundle {
    const { name, parameters, weights, macs, flops, activations, peak, unknown } = this
    const highPoint = peak ? `at most ${sizeText(peak.bytes)} alive, in ${peak.owner}` : 'the most alive at once needs sizes for its symbols'
    const caption = `${name}: ${parameters.toLocaleString('en')} parameters (${sizeText(weights)} stored), ${text(macs)} multiply-adds, ${text(flops)} FLOP, ${text(activations, sizeText)} of activations, ${highPoint}.`
    return table(this.layers, [
      { heading: 'layer', cell: ({ node }) => node.name || node.output.name },
      { heading: 'operator', cell: ({ node }) => node.type, align: 'left' },
      { heading: 'output', cell: ({ shape }) => formatShape(shape) },
      { heading: 'parameters', cell: ({ trainable, frozen }) => (trainable + frozen).toLocaleString('en') },
      { heading: 'multiply-adds', cell: (layer) => text(layer.macs) },
      { heading: 'FLOP', cell: (layer) => text(layer.flops) },
      { heading: 'output bytes', cell: ({ bytes }) => text(bytes, sizeText) },
      { heading: 'alive', cell: ({ live }) => text(live, sizeText) },
    ], caption + (unknown.length ? `\nNot known, their work is not counted: ${unknown.join(', ')}.` : ''))
  }

  [Symbol.for('Jupyter.display')](): TableBundle {
    return this.table()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.table()['text/plain']
  }
}

function highest(layers: readonly LayerCost[]): CostModel['peak'] {
  if (layers.some(({ live }) => typeof live !== 'number')) return null
  return layers.reduce<{ bytes: number; owner: string }>((peak, { live, node }) => ((live as number) > peak.bytes ? { bytes: live as number, owner: node.name } : peak), { bytes: 0, owner: '' })
}

function text(dim: Dim, format: (count: number) => string = countText): string {
  return dim === null ? '?' : typeof dim === 'number' ? format(dim) : String(dim)
}

