import type { Graph, Value } from './graph.ts'
import { operatorOf } from './ops/index.ts'
import { isFloat } from './tensor.ts'

/** Operators through which a stored tensor is the same parameter still. */
const FORMS: ReadonlySet<string> = new Set(['Identity', 'Reshape', 'Squeeze', 'Transpose', 'Unsqueeze'])

/**
 * Which stored tensors of a graph are parameters, by what reads them. An ONNX file does not say: weights, running statistics and other constants are all
 * initializers. Files of hone's say so in their metadata.
 */
export function learnedValues(graph: Graph): ReadonlySet<Value> {
  const inputs = new Set(graph.inputs)
  const learned = new Set<Value>()
  for (const node of graph.allNodes()) {
    for (const index of operatorOf(node)?.learned?.(node) ?? []) {
      const value = origin(node.inputs[index])
      if (value?.initializer?.shape.length && isFloat(value.initializer.dtype) && !inputs.has(value)) learned.add(value)
    }
  }
  return learned
}

function origin(value: Value | null | undefined): Value | null | undefined {
  return value?.producer && FORMS.has(value.producer.type) ? origin(value.producer.inputs[0]) : value
}
