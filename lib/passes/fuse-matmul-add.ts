import type { Node, Value } from '../graph/graph.ts'
import { alsoFeeds, operands, originOf } from './neighbours.ts'
import { labelOf, pass, type Pass } from './pass.ts'

/** Makes one Gemm of a MatMul of two matrices and the Add of a bias after it. Exact. */
export function fuseMatMulAdd(): Pass {
  return pass('fuse-matmul-add', {}, (graph, report) => {
    for (const add of graph.nodes('Add')) {
      const found = operands(add, (value) => value.producer?.type === 'MatMul' && !value.producer.domain)
      if (!found) {
        if (add.inputs.some((value) => value?.constant?.shape.length === 1)) report.refuse(add, `its input is ${originOf(add.input(add.inputs[0]?.constant ? 1 : 0))}, not a product`)
        continue
      }
      const [sum, bias] = found
      const product = sum.producer!
      const reason = obstacle(product, add, bias)
      if (reason) {
        report.refuse(add, reason)
        continue
      }
      const gemm = graph.add('Gemm', [product.input(0), product.input(1), bias], {}, { name: product.name, types: [add.output] })
      add.output.replaceWith(gemm.output)
      add.remove()
      report.change(add, `fused into ${labelOf(product)}`)
    }
  })
}

function obstacle(product: Node, add: Node, bias: Value): string | null {
  const [a, b] = [product.input(0).shape, product.input(1).shape]
  if (a?.length !== 2 || b?.length !== 2) return `${labelOf(product)} multiplies more than two matrices at once, which a Gemm cannot`
  if (!bias.constant) return `"${bias}" is not a constant`
  if (bias.shape!.length > 2 || ![1, b[1]].includes(bias.shape!.at(-1) ?? 1) || (bias.shape!.length === 2 && bias.shape![0] !== 1)) return `"${bias}" is not one number for each column`
  return alsoFeeds(product.output, add)
}
