import { attributeText, type Attribute } from '../graph/attribute.ts'
import { formatShape } from '../graph/dim.ts'
import type { Graph, Node, Value } from '../graph/graph.ts'

/** What distinguishes two graphs, line by line; prints itself. */
export class Difference {
  /** A line begins with `-` (a node of the first graph only), `+` (of the second only) or `~` (a stored tensor with other elements), or counts what is the same. */
  readonly lines: readonly string[]

  constructor(lines: readonly string[]) {
    this.lines = lines
  }

  toString(): string {
    return this.lines.join('\n')
  }

  [Symbol.for('Jupyter.display')](): { 'text/plain': string } {
    return { 'text/plain': this.toString() }
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}

/** The nodes that one graph has and the other has not, in order, and the stored tensors whose elements changed. */
export function difference(before: Graph, after: Graph): Difference {
  return new Difference([...nodeLines(before.nodes().map(nodeText), after.nodes().map(nodeText)), ...tensorLines(before, after)])
}

/** No two nodes of a graph read alike, since each names what it computes. */
function nodeLines(before: readonly string[], after: readonly string[]): string[] {
  const stays = new Set(after)
  const places = new Map(before.map((line, i) => [line, i]))
  const lines: string[] = []
  let same = 0
  let at = 0
  const flush = () => {
    if (same) lines.push(`  ${same} ${same === 1 ? 'node' : 'nodes'} the same`)
    same = 0
  }
  const emit = (mark: '-' | '+', line: string) => {
    flush()
    lines.push(`${mark} ${line}`)
  }
  const removedUntil = (end: number) => {
    for (; at < end; at++) if (!stays.has(before[at])) emit('-', before[at])
  }
  for (const line of after) {
    const place = places.get(line)
    if (place === undefined) {
      while (at < before.length && !stays.has(before[at])) emit('-', before[at++])
      emit('+', line)
    } else {
      removedUntil(place)
      at = Math.max(at, place + 1)
      same++
    }
  }
  removedUntil(before.length)
  flush()
  return lines
}

/** Stored tensors are shared by reference, so another object is another content. */
function tensorLines(before: Graph, after: Graph): string[] {
  const former = new Map(before.initializers.map((value) => [value.name, value.initializer]))
  return after.initializers.flatMap((value) => (former.has(value.name) && former.get(value.name) !== value.initializer ? [`~ ${valueText(value)}`] : []))
}

function nodeText(node: Node): string {
  const inputs = node.inputs.map((value) => (value ? (value.initializer ? valueText(value) : value.name) : '')).join(', ')
  const attributes = [...node.attributes].map(([name, a]) => `${name}=${shortText(a)}`).join(', ')
  return `${node.outputs.map(valueText).join(', ')} = ${node.domain ? `${node.domain}.` : ''}${node.type}(${inputs})${attributes && ` {${attributes}}`}`
}

/** Equal texts need not mean equal tensors here: a reader wants the shape, not the bytes. */
const shortText = (a: Attribute) => (a.type === 'tensor' ? `${a.value}` : attributeText(a))

const valueText = (value: Value) => `${value.name}: ${value.dtype ?? '?'}${formatShape(value.shape)}`
