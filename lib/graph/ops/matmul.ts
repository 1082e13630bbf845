import { differs, formatShape, multiply, add, type Dim, type Shape } from '../dim.ts'
import type { Node, TensorType, Value } from '../graph.ts'
import { broadcastAxis, link, operator, type Link } from '../operator.ts'
import { knownShape } from './arguments.ts'
import { broadcast } from './elementwise.ts'

/** Shape of a product of matrices, batched as NumPy's matmul does it. @throws Error where the inner sizes differ. */
export function product(a: Shape | null, b: Shape | null): Shape | null {
  if (!a || !b) return null
  if (!a.length || !b.length) throw new Error('it multiplies matrices, not a single number')
  const inner = a.at(-1)!
  const rows = b.length === 1 ? b[0]! : b.at(-2)!
  if (differs(inner, rows)) throw new Error(`matrices ${formatShape(a)} and ${formatShape(b)} do not fit: ${inner} is not ${rows}`)
  const batch = broadcast([a.slice(0, -2), b.slice(0, -2)])
  return [...(batch ?? []), ...(a.length > 1 ? [a.at(-2)!] : []), ...(b.length > 1 ? [b.at(-1)!] : [])]
}

export function productCost(output: Shape | null, inner: Dim) {
  const macs = multiply(...(output ?? [null]), inner)
  return { macs, flops: multiply(2, macs) }
}

/** https://onnx.ai/onnx/operators/onnx__MatMul.html */
export const matmul = operator('MatMul', {
  shape: ([a, b]) => [{ dtype: a.dtype, shape: product(a.shape, b.shape) }],
  learned: () => [0, 1],
  cost: ([a, b]) => productCost(product(a.shape, b.shape), a.shape?.at(-1) ?? null),
  coupling: (node) => productCoupling(node, node.input(0), node.input(1)),
  gradient({ graph, inputs: [a, b], gradients: [dy], wants }) {
    if (!a.shape || !b.shape || a.shape.length < 2 || b.shape.length < 2) throw new Error(`its gradient needs matrices, not ${formatShape(a.shape)} and ${formatShape(b.shape)}`)
    return [
      wants(0) ? graph.sumTo(graph.matmul(dy, graph.transpose(b)), a) : null,
      wants(1) ? graph.sumTo(weightGradient(), b) : null,
    ]
    /** Of a shared matrix: one product over all rows instead of one for each of the batch. */
    function weightGradient(): Value {
      if (b.shape!.length > 2 || a.shape!.length === 2) return graph.matmul(graph.transpose(a), dy)
      const rows = (v: Value) => graph.op('Flatten', [v], { axis: v.shape!.length - 1 })
      return graph.matmul(graph.transpose(rows(a)), rows(dy))
    }
  },
})

/** Axes of two matrices and their product that belong together; `orderA` and `orderB` say in which order the product reads the axes of a and b. */
export function productCoupling(node: Node, a: Value, b: Value, orderA = axesOf(a), orderB = axesOf(b)): readonly Link[] {
  const y = node.output
  if (orderA.length < 2 || orderB.length < 2 || !y.shape) throw new Error(`${node}: which axes of its matrices hang together is known from two dimensions on`)
  const k = y.shape.length
  const batch = (value: Value, order: readonly number[]) => order.slice(0, -2).flatMap((axis, i) => broadcastAxis(node, { value, axis }, { value: y, axis: k - order.length + i }))
  return [
    link({ value: a, axis: orderA.at(-1)! }, { value: b, axis: orderB.at(-2)! }),
    link({ value: a, axis: orderA.at(-2)! }, { value: y, axis: k - 2 }),
    link({ value: b, axis: orderB.at(-1)! }, { value: y, axis: k - 1 }),
    ...batch(a, orderA), ...batch(b, orderB),
  ]
}

const axesOf = (value: Value): number[] => (value.shape ?? []).map((_, axis) => axis)

/** alpha·A'·B' + beta·C, each matrix transposed on request. https://onnx.ai/onnx/operators/onnx__Gemm.html */
export const gemm = operator('Gemm', {
  shape: ([a, b, c], node) => [gemmType(a, b, c, node)],
  learned: () => [0, 1, 2],
  cost([a, b, c], node) {
    const { shape } = gemmType(a, b, c, node)
    const cost = productCost(shape, a.shape?.[node.int('transA') ? 0 : 1] ?? null)
    return { ...cost, flops: add(cost.flops, c ? multiply(...(shape ?? [null])) : 0) }
  },
  coupling(node) {
    const [a, b, c] = [node.input(0), node.input(1), node.inputs[2]]
    const [rowA, innerA] = node.int('transA') ? [1, 0] : [0, 1]
    const [innerB, columnB] = node.int('transB') ? [1, 0] : [0, 1]
    const y = node.output
    return [
      link({ value: a, axis: innerA! }, { value: b, axis: innerB! }), link({ value: a, axis: rowA! }, { value: y, axis: 0 }), link({ value: b, axis: columnB! }, { value: y, axis: 1 }),
      ...(c ? knownShape(c).flatMap((_, axis, { length }) => broadcastAxis(node, { value: c, axis }, { value: y, axis: 2 - length + axis })) : []),
    ]
  },
  gradient({ graph, node, inputs: [a, b, c], gradients: [dy], wants }) {
    const alpha = node.float('alpha', 1)
    const beta = node.float('beta', 1)
    const transA = node.int('transA')
    const transB = node.int('transB')
    const product = (x: Value, y: Value, tx: number, ty: number) => graph.op('Gemm', [x, y], { alpha: { type: 'float', value: alpha }, transA: tx, transB: ty })
    return [
      wants(0) ? (transA ? product(b, dy, transB, 1) : product(dy, b, 0, 1 - transB)) : null,
      wants(1) ? (transB ? product(dy, a, 1, transA) : product(a, dy, 1 - transA, 0)) : null,
      c && wants(2) ? graph.sumTo(beta === 1 ? dy : graph.mul(dy, beta), c) : null,
    ]
  },
})

function gemmType(a: Value, b: Value, c: Value | undefined, node: Node): TensorType {
  const turned = (v: Value, transposed: number) => v.shape && (transposed ? v.shape.toReversed() : v.shape)
  const shape = product(turned(a, node.int('transA')), turned(b, node.int('transB')))
  if (shape && c?.shape) broadcast([shape, c.shape])
  return { dtype: a.dtype, shape }
}
