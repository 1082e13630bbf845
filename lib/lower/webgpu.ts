import type { ExpansionContext, Operator } from '../graph/operator.ts'
import { maxPoolGradByComparing } from '../graph/ops/pool.ts'
import type { Value } from '../graph/graph.ts'

/**
 * How operators are written for ONNX Runtime's WebGPU provider where it lacks them, or what their expansions use. What it lacks beside runs on the CPU, and
 * costs a copy there and back: a profile shows where each operator ran.
 */
export const webgpuExpansions: Readonly<Record<string, NonNullable<Operator['expansion']>>> = {
  MaxPoolGrad: maxPoolGradByComparing,
  LogSoftmax: logSoftmax,
}

function logSoftmax({ graph, node, inputs: [x] }: ExpansionContext): readonly Value[] {
  const axes = graph.int64([node.int('axis', -1)])
  const centred = graph.sub(x, graph.op('ReduceMax', [x, axes], { keepdims: 1 }))
  return [graph.sub(centred, graph.log(graph.op('ReduceSum', [graph.exp(centred), axes], { keepdims: 1 })))]
}
