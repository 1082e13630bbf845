import { Builder } from '../graph/builder.ts'
import type { Graph, Node } from '../graph/graph.ts'

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

const isWide = (node: Node): boolean => [...node.inputs, ...node.outputs].some((value) => value?.dtype === 'bfloat16') && !BFLOAT16.has(node.type)

/** Lets operators compute in float32 that the CUDA provider has no bfloat16 kernels for: their inputs are cast, and what they compute is cast back. The graph is changed. */
export function widenBfloat16(graph: Graph): Graph {
  if (!graph.nodes().some((node) => node.outputs.some(({ dtype }) => dtype === 'bfloat16'))) return graph
  graph.opsets.set('', Math.max(OPSET, graph.opsets.get('') ?? 1))
  for (const node of graph.nodes().filter(isWide)) {
    const builder = new Builder(graph, `${node.name}.`)
    node.inputs.forEach((value, i) => value?.dtype === 'bfloat16' && node.setInput(i, builder.cast(value, 'float32')))
    for (const output of node.outputs.filter(({ dtype }) => dtype === 'bfloat16')) {
      const { uses } = output
      output.dtype = 'float32'
      const narrow = builder.cast(output, 'bfloat16')
      for (const { user, index } of uses) {
        if ('setOutput' in user) user.setOutput(index, narrow)
        else user.setInput(index, narrow)
      }
    }
  }
  graph.sort()
  return graph
}
