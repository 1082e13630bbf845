import { Builder } from '../graph/builder.ts'
import type { Graph, Node } from '../graph/graph.ts'
import type { DataType } from '../graph/tensor.ts'

/** Lets nodes that are written in a narrow type compute in float32: their inputs are cast, and what they compute is cast back. The graph is changed. */
export function widen(graph: Graph, dtype: DataType, isWide: (node: Node) => boolean): void {
  const isNarrow = (node: Node) => [...node.inputs, ...node.outputs].some((value) => value?.dtype === dtype)
  for (const node of graph.nodes().filter((it) => isNarrow(it) && isWide(it))) {
    const builder = new Builder(graph, `${node.name}.`)
    node.inputs.forEach((value, i) => value?.dtype === dtype && node.setInput(i, builder.cast(value, 'float32')))
    for (const output of node.outputs.filter((value) => value.dtype === dtype)) {
      const { uses } = output
      output.dtype = 'float32'
      const narrow = builder.cast(output, dtype)
      if (output.isOutput) [narrow.name, output.name] = [output.name, narrow.name]
      for (const { user, index } of uses) {
        if ('setOutput' in user) user.setOutput(index, narrow)
        else user.setInput(index, narrow)
      }
    }
  }
  graph.sort()
}
