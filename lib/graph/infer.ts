import type { Graph, Node, TensorType } from './graph.ts'
import { operatorOf } from './ops/index.ts'

/** Runs each operator's shape rule, in order, subgraphs included; what a file declares stays where no rule knows better. */
export function inferShapes(graph: Graph): Graph {
  for (const node of graph.nodes()) inferNode(node)
  return graph
}

/** @throws Error that names the node where its inputs do not fit. */
export function inferNode(node: Node): void {
  const rule = operatorOf(node)?.shape
  if (!rule) {
    for (const subgraph of node.subgraphs) inferShapes(subgraph)
    return
  }
  let types: readonly TensorType[]
  try {
    types = rule(node.inputs.map((value) => value ?? undefined!), node, inferShapes)
  } catch (error) {
    // a rule reads the inputs that its operator must have
    throw new Error(`${node}: ${error instanceof TypeError ? 'it lacks an input that its operator reads' : (error as Error).message}`, { cause: error })
  }
  node.outputs.forEach((output, i) => {
    const type = types[i]
    if (!type) return
    output.dtype = type.dtype ?? output.dtype
    output.shape = merged(type.shape, output.shape)
    output.contents = type.contents ?? null
  })
}

/** The inferred shape, with what a file declares where the rule does not know a dimension. */
function merged(inferred: TensorType['shape'], declared: TensorType['shape']): TensorType['shape'] {
  if (!inferred) return declared
  return inferred.map((d, i) => d ?? (declared?.length === inferred.length ? declared[i]! : null))
}
