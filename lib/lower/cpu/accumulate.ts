import { Builder } from '../../graph/builder.ts'
import type { Graph, Node, Value } from '../../graph/graph.ts'

/**
 * s·C + A·B becomes one Gemm, which adds while it multiplies: the gradient of a weight and its momentum, v ← μ·v + g, or its decay, are one operator.
 * https://onnx.ai/onnx/operators/onnx__Gemm.html
 */
export function accumulate(graph: Graph): void {
  for (const sum of graph.nodes('Add')) {
    const [a, b] = [sum.input(0), sum.input(1)]
    const gemm = accumulated(sum, a, b) ?? accumulated(sum, b, a)
    if (gemm) sum.output.replaceWith(gemm)
  }
  graph.removeUnused()
  graph.sort()
}

function accumulated(sum: Node, scaled: Value, product: Value): Value | null {
  const [scaling, multiply] = [scaled.producer, product.producer]
  if (scaling?.type !== 'Mul' || !multiply || product.uses.length > 1 || product.rank !== 2 || String(scaled.shape) !== String(product.shape)) return null
  const isGemm = multiply.type === 'Gemm' && !multiply.inputs[2]
  if (!isGemm && (multiply.type !== 'MatMul' || multiply.inputs.some((value) => value?.rank !== 2))) return null
  const beta = scaling.inputs.find((value) => value?.constant?.size === 1)?.constant
  const c = scaling.inputs.find((value) => value?.constant !== beta)
  if (!beta || !c) return null
  const attributes = { transA: multiply.int('transA'), transB: multiply.int('transB'), alpha: { type: 'float', value: multiply.float('alpha', 1) }, beta: { type: 'float', value: beta.toNumbers()[0]! } } as const
  return new Builder(sum.graph, `${sum.name}.`).op('Gemm', [...multiply.inputs.slice(0, 2), c], attributes)
}
