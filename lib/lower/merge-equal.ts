import { attributeText } from '../graph/attribute.ts'
import type { Graph, Node, Value } from '../graph/graph.ts'

/** Constants up to this many bytes are compared by what they hold, larger ones are not merged. */
const SMALL = 1024

/** Two of them draw different numbers. */
const RANDOM = /^(Random|Multinomial|Bernoulli|Dropout)/

/** Merges nodes that compute the same from the same, and small constants that are equal: what forward and backward both need is computed once. */
export function mergeEqual(graph: Graph, merged: (node: Node, known: Node) => void = () => {}): void {
  const numbers = new Map<Value, number>()
  const numberOf = (value: Value | null): number => {
    if (!value) return -1
    if (!numbers.has(value)) numbers.set(value, numbers.size)
    return numbers.get(value)!
  }
  const constants = new Map<string, Value>()
  for (const value of graph.initializers) {
    const tensor = value.initializer!
    if (tensor.bytes.length > SMALL || tensor.dtype === 'string' || graph.inputs.includes(value)) continue
    const key = `${tensor} ${Buffer.from(tensor.bytes.buffer, tensor.bytes.byteOffset, tensor.bytes.length).toString('latin1')}`
    const known = constants.get(key)
    if (!known) constants.set(key, value)
    else value.replaceWith(known)
  }
  const nodes = new Map<string, Node>()
  for (const node of graph.nodes()) {
    if (!isComparable(node)) continue
    const attributes = [...node.attributes].map(([name, a]) => `${name}=${attributeText(a)}`).sort()
    const key = [node.domain, node.type, node.outputs.length, ...attributes, ...node.inputs.map(numberOf)].join(' ')
    const known = nodes.get(key)
    if (!known) nodes.set(key, node)
    else {
      merged(node, known)
      node.outputs.forEach((output, i) => output.replaceWith(known.outputs[i]!))
    }
  }
  graph.removeUnused()
}

/** Tensors among the attributes and graphs are not compared; an output of the graph keeps its node. */
function isComparable(node: Node): boolean {
  const attributes = [...node.attributes.values()]
  return !RANDOM.test(node.type) && !node.outputs.some((output) => output.isOutput) && attributes.every(({ type }) => type !== 'tensor' && type !== 'other' && type !== 'graph' && type !== 'graphs')
}
