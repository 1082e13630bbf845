import { table, type TableBundle } from '../table.ts'
import { sizeText } from '../units.ts'
import { bytesOf, readsOf, workOf } from './cost.ts'
import { add, formatShape, substitute, type Dim, type Shape } from './dim.ts'
import type { Graph, Node, Value } from './graph.ts'
import { operatorOf } from './ops/index.ts'
import { leftAsTheyAre } from './parameters.ts'
import { isFloat } from './tensor.ts'

/** A node as the summary shows it. Dimensions that are not known stay expressions of their symbols. */
export interface Layer {
  readonly node: Node
  readonly shape: Shape | null
  /** Elements of the trainable tensors that it reads first. */
  readonly trainable: number
  /** Elements of its weights that training leaves as they are. */
  readonly frozen: number
  /** Elements of its other float tensors, such as running statistics. */
  readonly stored: number
  /** Multiply-adds. */
  readonly macs: Dim
  /** Floating-point operations. */
  readonly flops: Dim
  /** Bytes of its outputs. */
  readonly bytes: Dim
  /** Whether hone knows the operator: one that it does not know passes through untouched, and its work is not counted. */
  readonly known: boolean
}

/** The work and the sizes of a graph, node by node. `sizes` gives numbers to symbols: `summary(graph, { N: 100 })`. */
export function summary(graph: Graph, sizes: Readonly<Record<string, number>> = {}): Summary {
  return new Summary(graph, sizes)
}

/** A stored array of numbers, or what is unpacked of one. */
const isWeight = (v: Value): boolean => Boolean(v.shape?.length && (v.frozen || (v.initializer && isFloat(v.initializer.dtype))))

export class Summary {
  readonly name: string
  readonly layers: readonly Layer[]
  readonly #note: string

  constructor(graph: Graph, sizes: Readonly<Record<string, number>>) {
    this.name = graph.name
    this.#note = leftAsTheyAre(graph)
    const counted = new Set<string>()
    this.layers = graph.nodes().filter((node) => node.type !== 'Constant').map((node) => {
      const definition = operatorOf(node)
      const own = readsOf(node).filter((v) => isWeight(v) && !counted.has(v.name))
      own.forEach((v) => counted.add(v.name))
      const count = (belongs: (v: Value) => boolean) => own.filter(belongs).reduce((sum, v) => sum + Number(v.size), 0)
      const { macs, flops } = workOf(node)
      const sized = (dim: Dim) => substitute(dim, sizes)
      return {
        node,
        shape: node.outputs[0]?.shape?.map(sized) ?? null,
        trainable: count((v) => v.trainable), frozen: count((v) => v.frozen), stored: count((v) => !v.trainable && !v.frozen),
        macs: sized(macs), flops: sized(flops),
        bytes: add(...node.outputs.map((v) => (v.name ? sized(bytesOf(v.dtype, v.shape)) : 0))),
        known: definition !== undefined,
      }
    })
  }

  /** Number of parameters, frozen ones included. */
  get parameters(): number {
    return this.layers.reduce((sum, layer) => sum + layer.trainable + layer.frozen, 0)
  }

  /** Number of parameters that training changes. */
  get trainable(): number {
    return this.layers.reduce((sum, layer) => sum + layer.trainable, 0)
  }

  get macs(): Dim {
    return add(...this.layers.map((layer) => layer.macs))
  }

  get flops(): Dim {
    return add(...this.layers.map((layer) => layer.flops))
  }

  /** Operators that hone does not know, each once. */
  get unknown(): readonly string[] {
    return [...new Set(this.layers.filter((layer) => !layer.known).map(({ node }) => (node.domain ? `${node.domain}.` : '') + node.type))]
  }

  get totals(): string {
    const stored = this.layers.reduce((sum, layer) => sum + layer.stored, 0)
    const parts = [
      `${count(this.parameters) || 'no'} parameters${this.trainable === this.parameters ? '' : ` (${count(this.trainable) || 'none'} trainable)`}`,
      ...(stored ? [`${count(stored)} more stored`] : []),
      `${dimText(this.macs)} multiply-adds`, `${dimText(add(...this.layers.map((layer) => layer.bytes)), sizeText)} of outputs`,
    ]
    return parts.join(', ') + (this.unknown.length ? `. Not known, passed through untouched: ${this.unknown.join(', ')}` : '') + this.#note
  }

  /** As HTML and as text. */
  table(): TableBundle {
    return table(this.layers, [
      { heading: 'layer', cell: ({ node }) => node.name || node.output.name },
      { heading: 'operator', cell: ({ node, known }) => node.type + (known ? '' : ' (unknown)'), align: 'left' },
      { heading: 'output', cell: ({ shape }) => formatShape(shape) },
      { heading: 'parameters', cell: ({ trainable, frozen, stored }) => count(trainable + frozen || stored) },
      { heading: 'trainable', cell: ({ trainable, frozen, stored }) => (trainable ? (frozen ? 'in part' : 'yes') : frozen || stored ? 'no' : '') },
      { heading: 'MACs', cell: ({ macs }) => dimText(macs) },
      { heading: 'bytes', cell: ({ bytes }) => dimText(bytes, sizeText) },
    ], `${this.name}: ${this.totals}`)
  }

  [Symbol.for('Jupyter.display')](): TableBundle {
    return this.table()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.table()['text/plain']
  }
}

const count = (n: number) => (n ? n.toLocaleString('en-US') : '')

/** A single symbol is shown as a factor: 1.2 M × N. */
function dimText(dim: Dim, format: (n: number) => string = count): string {
  if (dim === null) return '?'
  if (typeof dim === 'number') return dim ? format(dim) : ''
  return [...dim.terms].map(([symbols, { coefficient }]) => (symbols ? `${format(coefficient)} × ${symbols}` : format(coefficient))).join(' + ')
}
