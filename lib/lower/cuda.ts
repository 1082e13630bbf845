import type { Graph } from '../graph/graph.ts'
import { widen } from './widen.ts'

/**
 * Operators that ONNX Runtime's CUDA provider computes in bfloat16, and those that only move numbers.
 * https://github.com/microsoft/onnxruntime/blob/main/docs/OperatorKernels.md
 */
const BFLOAT16: ReadonlySet<string> = new Set([
  'Abs', 'Add', 'AveragePool', 'Conv', 'Div', 'Dropout', 'Erf', 'Exp', 'Gelu', 'Gemm', 'HardSigmoid', 'HardSwish', 'LayerNormalization', 'MatMul', 'Max', 'Min', 'Mul', 'Neg', 'ReduceMean',
  'ReduceSum', 'Relu', 'Sigmoid', 'Sign', 'Softmax', 'Softplus', 'Sqrt', 'Sub', 'Sum', 'Tanh', 'Where',
  'Cast', 'Concat', 'Constant', 'ConstantOfShape', 'Expand', 'Flatten', 'Gather', 'GatherElements', 'Identity', 'Reshape', 'Shape', 'Size', 'Slice', 'Split', 'Squeeze', 'Transpose', 'Unsqueeze',
])

/** From this operator set on ONNX allows bfloat16 in convolutions. */
const OPSET = 22

/** Lets operators compute in float32 that the CUDA provider has no bfloat16 kernels for. The graph is changed. */
export function widenBfloat16(graph: Graph): Graph {
  if (!graph.nodes().some((node) => node.outputs.some(({ dtype }) => dtype === 'bfloat16'))) return graph
  graph.opsets.set('', Math.max(OPSET, graph.opsets.get('') ?? 1))
  widen(graph, 'bfloat16', ({ type }) => !BFLOAT16.has(type))
  return graph
}
