import { copyNode, type Graph, type Node, type Value } from '../graph/graph.ts'
import { expansionOf } from '../graph/function.ts'
import { inferNode } from '../graph/infer.ts'
import { HONE, type Operator } from '../graph/operator.ts'
import { Tensor } from '../graph/tensor.ts'
import { mergeEqual } from './merge-equal.ts'

type Expansions = Readonly<Record<string, Operator['expansion']>>

/**
 * Writes a graph in ONNX's own operators, as the CUDA and WebGPU providers have them: each of hone's becomes its expansion, and each that `instead` names
 * what it says. The graph is changed.
 */
export function lowerStandard(graph: Graph, instead: Expansions = {}): Graph {
  const isForeign = ({ domain, type }: Node) => domain === HONE || (domain === '' && Object.hasOwn(instead, type))
  for (let nodes = graph.nodes().filter(isForeign); nodes.length; nodes = graph.nodes().filter(isForeign)) {
    for (const node of nodes) expand(node, instead[node.type])
    graph.sort()
  }
  for (const node of graph.nodes('Size')) fold(node)
  mergeEqual(graph)
  return graph
}

/** A number of elements that is known becomes a constant: ONNX Runtime would count them on the CPU, and copy. */
function fold(node: Node): void {
  const { size } = node.input(0)
  if (typeof size !== 'number') return
  node.output.replaceWith(node.graph.constant(Tensor.scalar('int64', size), node.name))
  node.remove()
}

function expand(node: Node, instead: Operator['expansion']): void {
  const { graph } = node
  const body = expansionOf(node, instead)
  const map = new Map<Value, Value>()
  body.inputs.forEach((input) => map.set(input, node.input(Number(input.name.slice('input_'.length)))))
  for (const value of body.initializers) map.set(value, graph.constant(value.initializer!, `${node.name}.${value.name}`))
  const prefixed = (name: string) => graph.unique(`${node.name}.${name}`)
  for (const inner of body.allNodes()) {
    inner.name = prefixed(inner.name)
    for (const value of [...inner.outputs, ...inner.subgraphs.flatMap(({ inputs, initializers }) => [...inputs, ...initializers])]) if (value.name) value.name = prefixed(value.name)
  }
  for (const inner of body.nodes()) inferNode(copyNode(inner, graph, map))
  node.outputs.forEach((output, i) => output.replaceWith(map.get(body.outputs[i]!)!))
  node.remove()
}
