import { formatShape } from '../graph/dim.ts'
import type { Graph, Node, Value } from '../graph/graph.ts'
import { lower, type LowerOptions } from '../lower/index.ts'
import type { Device } from '../runtime/devices.ts'
import { graphOf } from '../runtime/model.ts'
import { table, type TableBundle } from '../table.ts'
import type { OneStep } from './one-step.ts'
import { stateOf } from './state.ts'

export interface PrintOptions extends Omit<LowerOptions, 'state'> {
  /** Whose form stands beside the written one ("cpu"). It need not be there. */
  readonly device?: Device
}

/** A graph in two forms: as it was written, and as a device runs it. Shows itself. */
class Printed {
  /** As written. */
  readonly graph: Graph
  /** As the device runs it. */
  readonly lowered: Graph
  readonly #title: string

  constructor(graph: Graph, lowered: Graph, title: string) {
    this.graph = graph
    this.lowered = lowered
    this.#title = title
  }

  /** How many operators of each type either form has, most of them first. */
  #counts(): TableBundle {
    const [before, after] = [this.graph, this.lowered].map(countsOf)
    const types = [...new Set([...before.keys(), ...after.keys()])].sort((a, b) => total(b) - total(a) || a.localeCompare(b))
    function total(type: string): number {
      return (before.get(type) ?? 0) + (after.get(type) ?? 0)
    }
    return table(types, [
      { heading: 'operator', cell: (type) => type },
      { heading: 'as written', cell: (type) => `${before.get(type) ?? ''}` },
      { heading: this.#title, cell: (type) => `${after.get(type) ?? ''}` },
    ], `${this.graph.name}: ${size(this.graph)} as written, ${size(this.lowered)} ${this.#title}`)
  }

  [Symbol.for('Jupyter.display')](): TableBundle {
    const forms = [['as written', this.graph], [this.#title, this.lowered]] as const
    const listings = forms.map(([title, graph]) => `<details><summary>${escaped(title)}: ${size(graph)}</summary><pre>${escaped(listing(graph))}</pre></details>`)
    return { 'text/plain': this.toString(), 'text/html': this.#counts()['text/html'] + listings.join('') }
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }

  toString(): string {
    return [`As written: ${size(this.graph)}`, listing(this.graph), '', `${this.#title}: ${size(this.lowered)}`, listing(this.lowered), '', this.#counts()['text/plain']].join('\n')
  }
}

/**
 * A training step, or a network, beside what a device runs for it: every operator with the types of what it computes, and how many there are of each type. Sizes that
 * stay symbols keep the CPU's own recipes out: say `print(step, { sizes: { N: 64 } })`. What `oneStep` answers with is shown as it is, for its own device and sizes.
 */
export function print(source: Graph | { readonly graph: Graph } | OneStep, { device = 'cpu', sizes = {}, ...options }: PrintOptions = {}): Printed {
  if ('step' in source) return new Printed(source.step, source.graph, `on ${source.device}`)
  const graph = graphOf(source)
  const lowered = lower(graph, device, { ...options, sizes, state: stateOf(graph) })
  const fixed = Object.entries(sizes).map(([symbol, value]) => `, ${symbol} = ${value}`).join('')
  return new Printed(graph, lowered.graph, `on ${device}${fixed}`)
}

export type { Printed }

const size = (graph: Graph): string => `${graph.allNodes().length.toLocaleString('en')} operators`

function countsOf(graph: Graph): Map<string, number> {
  const counts = new Map<string, number>()
  for (const node of graph.allNodes()) counts.set(typeOf(node), (counts.get(typeOf(node)) ?? 0) + 1)
  return counts
}

const typeOf = ({ domain, type }: Node): string => (domain ? `${domain}.${type}` : type)

/** A line an operator; those of a loop's body are set in. */
function listing(graph: Graph, indent = '  '): string {
  const lines = graph.nodes().map((node) => {
    const inputs = node.inputs.map((value) => value?.name ?? '-').join(', ')
    const bodies = node.subgraphs.map((body) => `\n${listing(body, `${indent}  `)}`).join('')
    return `${indent}${node.outputs.filter(({ name }) => name).map(typed).join(', ')} = ${typeOf(node)}(${inputs})${bodies}`
  })
  return lines.join('\n')
}

const typed = ({ name, dtype, shape }: Value): string => `${name}: ${dtype ?? '?'}${formatShape(shape)}`

function escaped(text: string): string {
  return text.replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`)
}
