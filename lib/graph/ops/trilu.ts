import { alongAxes, operator } from '../operator.ts'
import { knownShape } from './arguments.ts'

/** The upper or lower triangle of matrices, zeros elsewhere, as causal masks are made. https://onnx.ai/onnx/operators/onnx__Trilu.html */
export const trilu = operator('Trilu', {
  shape: ([x]) => [{ dtype: x.dtype, shape: x.shape }],
  cost: () => ({ flops: 0 }),
  gradient: ({ graph, node, inputs: [, k], gradients: [dy] }) => [graph.op('Trilu', [dy, k], { upper: node.int('upper', 1) })],
  coupling(node) {
    const rank = knownShape(node.input(0)).length
    return alongAxes(node, [rank - 2, rank - 1])
  },
})
