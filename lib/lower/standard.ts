import { copyNode, type Graph, type Node, type Value } from '../graph/graph.ts'
import { expansionOf } from '../graph/function.ts'
import { inferNode } from '../graph/infer.ts'
import { HONE } from '../graph/operator.ts'
import { mergeEqual } from './merge-equal.ts'

/** Writes a graph in ONNX's own operators, as the CUDA and WebGPU providers have them: each of hone's becomes its expansion. The graph is changed. */
export function lowerStandard(graph: Graph): Graph {
  for (let nodes = expandable(graph); nodes.length; nodes = expandable(graph)) {
    for (const node of nodes) expand(node)
    graph.sort()
  }
  mergeEqual(graph)
  return graph
}

const expandable = (graph: Graph): readonly Node[] => graph.nodes().filter(({ domain }) => domain === HONE)

function expand(node: Node): void {
  const { graph } = node
  const body = expansionOf(node)
  const map = new Map<Value, Value>()
  body.inputs.forEach((input) => map.set(input, node.input(Number(input.name.slice('input_'.length)))))
  for (const value of body.initializers) map.set(value, graph.constant(value.initializer!, `${node.name}.${value.name}`))
  const prefixed = (name: string) => graph.unique(`${node.name}.${name}`)
  for (const inner of body.nodes()) {
    inner.name = prefixed(inner.name)
    for (const output of inner.outputs) if (output.name) output.name = prefixed(output.name)
    inferNode(copyNode(inner, graph, map))
  }
  node.outputs.forEach((output, i) => output.replaceWith(map.get(body.outputs[i]!)!))
  node.remove()
}
