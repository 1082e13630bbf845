import { Builder } from '../../graph/builder.ts'
import { Node, type Graph } from '../../graph/graph.ts'
import { widen } from '../widen.ts'

/**
 * Keeps what is computed in float16 rounded to it. ONNX Runtime's CPU provider computes most of float16 in float32, and drops a cast to float16 and one back that
 * meet: 2049 stays 2049, and 70000 finite (https://github.com/microsoft/onnxruntime/issues/8787). So both casts are written here, and between them a Reshape,
 * which copies nothing, keeps them apart. The graph is changed.
 */
export function roundHalves(graph: Graph): void {
  const halves = () => graph.nodes().flatMap(({ outputs }) => outputs).filter(({ dtype }) => dtype === 'float16')
  if (!halves().length) return
  widen(graph, 'float16', (node) => node.domain === '' && node.type !== 'Cast' && !node.subgraphs.length && node.inputs.some((value) => value?.dtype === 'float16'))
  const builder = new Builder(graph, 'round_')
  for (const output of halves()) {
    const { uses } = output
    const rounded = builder.reshape(output, builder.shapeOf(output))
    for (const { user, index } of uses) if (user instanceof Node) user.setInput(index, rounded)
  }
  graph.removeUnused()
  graph.sort()
}
